"""Exported models: DuckDB's own package, ONNX Runtime and the reader of the documents must predict what the model does."""

import json
import math
import re
import subprocess
import sys

import duckdb
import numpy
import onnx
import onnxruntime
from harness import ROOT, EndToEndTest, main

BIKES = ROOT / "examples/bike_rides"


def documented_reader():
    """The function `predict` of docs/format/exported_json.md."""
    text = (ROOT / "docs/format/exported_json.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.S).group(1)
    names = {}
    exec(compile(code, "exported_json.md", "exec"), names)
    return names["predict"]


class ExportTest(EndToEndTest):
    def train(self, rows=2000, model_type="gbt", **params):
        """Trains on sample data; returns the model's folder."""
        self.run_binary("sample-data", "--output", "data", "--rows", str(rows))
        self.succeed("run", "--shipping-logs", "data/ShippingLogs.csv", "--product-description", "data/ProductDescriptions.csv",
                     "--output", "out", "--model-type", model_type, "--model-params", json.dumps(params))
        return "out"

    def train_on_bikes(self):
        subprocess.run([sys.executable, BIKES / "make_data.py", self.folder / "bikes", "2000"], check=True)
        self.succeed("run", "--workflow", BIKES / "workflow.yaml", "--rides", "bikes/rides.csv", "--stations", "bikes/stations.csv",
                     "--weather", "bikes/weather.csv", "--output", "out")
        return "out"

    def export_json(self, model, *more):
        self.succeed("export", model, "--format", "json", "--output", "model.json", *more)
        exported = json.loads((self.folder / "model.json").read_text())
        rows = [[float(value) for value in row] for row in exported["verification"]["rows"]]
        return exported, rows, [float(value) for value in exported["verification"]["predictions"]]

    def score_in_duckdb(self, query, names, rows):
        """Runs the query over the rows, NaN being NULL in every other one; the predictions in the order of the rows."""
        with duckdb.connect() as database:
            columns = ", ".join('"' + name.replace('"', '""') + '" DOUBLE' for name in names)
            database.execute(f"CREATE TABLE features (row_number BIGINT, {columns})")
            values = [
                [number, *(None if number % 2 and math.isnan(value) else value for value in row)] for number, row in enumerate(rows)
            ]
            database.executemany(f"INSERT INTO features VALUES ({', '.join('?' * (len(names) + 1))})", values)
            result = database.sql(f"SELECT * FROM ({query}) ORDER BY row_number")
            self.assertEqual(result.columns, ["row_number", *names, "prediction"])
            return [row[-1] for row in result.fetchall()]

    def score_in_onnx(self, file, rows, number=numpy.float64):
        onnx.checker.check_model(onnx.load(file), full_check=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        (output,) = session.run(["prediction"], {"features": numpy.array(rows, dtype=number)})
        self.assertEqual(output.shape, (len(rows), 1))
        return output[:, 0].tolist()

    def check_all_formats(self, model, *more):
        exported, rows, predictions = self.export_json(model, *more)
        predict = documented_reader()
        self.assertEqual([predict(exported, row) for row in rows], predictions)
        self.assertTrue(any(math.isnan(value) for row in rows for value in row))
        self.succeed("export", model, "--format", "sql", "--output", "score.sql", *more)
        names = [feature["name"] for feature in exported["features"]]
        self.assertEqual(self.score_in_duckdb((self.folder / "score.sql").read_text(), names, rows), predictions)
        self.succeed("export", model, "--format", "onnx", "--output", "model.onnx", *more)
        self.assertEqual(self.score_in_onnx(self.folder / "model.onnx", rows), predictions)
        return exported

    def test_forests_of_any_size(self):
        for trees in (1, 32, 300):
            with self.subTest(trees=trees):
                exported = self.check_all_formats(self.train(maxIter=trees))
                self.assertEqual(len(exported["trees"]), trees)
                tests = {node.get("test") for tree in exported["trees"] for node in tree}
                self.assertEqual(tests, {None, "<=", "in"})

    def test_deep_trees(self):
        exported = self.check_all_formats(self.train(rows=1500, maxIter=2, maxDepth=28, minInstancesPerNode=1))
        depths = [0] * len(exported["trees"][0])
        for position, node in enumerate(exported["trees"][0]):
            for child in ("yes", "no"):
                if child in node:
                    depths[node[child]] = depths[position] + 1
        self.assertGreater(max(depths), 16)

    def test_models_of_xgboost(self):
        """Sums of 32 bits, and a link: what XGBoost's own package predicts is compared with the model in xgboost_test.py."""
        for objective in ("reg:squarederror", "reg:absoluteerror", "count:poisson"):
            with self.subTest(objective=objective):
                exported, rows, predictions = self.export_json(
                    self.train(model_type="xgboost", objective=objective, n_estimators=20, max_depth=5))
                self.assertEqual({node.get("test") for tree in exported["trees"] for node in tree}, {None, "<"})
                names = [feature["name"] for feature in exported["features"]]
                self.succeed("export", "out", "--format", "sql", "--output", "score.sql")
                self.succeed("export", "out", "--format", "onnx", "--output", "model.onnx")
                predict = documented_reader()
                for found in (
                    [predict(exported, row) for row in rows],
                    self.score_in_duckdb((self.folder / "score.sql").read_text(), names, rows),
                    self.score_in_onnx(self.folder / "model.onnx", rows, numpy.float32),
                ):
                    numpy.testing.assert_allclose(found, predictions, rtol=1e-6)

    def test_a_factorization_machine_is_no_sum_of_trees(self):
        self.train(model_type="factorization_machine", maxIter=2)
        done = self.run_binary("export", "out", "--format", "sql", "--output", "score.sql")
        self.assertEqual(done.returncode, 1)
        self.assertIn("a model of the kind 'factorization_machine' can't be exported", done.stderr)
        self.assertFalse((self.folder / "score.sql").exists())

    def test_another_workflow(self):
        exported = self.check_all_formats(self.train_on_bikes(), "--workflow", BIKES / "workflow.yaml")
        self.assertEqual(exported["label"], "minutes")

    def test_values_beside_thresholds_and_outside_the_categories(self):
        exported, _, _ = self.export_json(self.train(maxIter=20))
        names = [feature["name"] for feature in exported["features"]]
        node = next(node for tree in exported["trees"] for node in tree if node.get("test") == "<=")
        at = node["value"]
        rows = [
            [value if position == node["feature"] else other for position in range(len(names))]
            for value in (at, math.nextafter(at, math.inf), math.nextafter(at, -math.inf), math.inf, -math.inf, math.nan)
            for other in (0.0, -0.0, 1.0, 2.0, 0.5, -1.0, 1e300)
        ]
        predict = documented_reader()
        predictions = [predict(exported, row) for row in rows]
        self.succeed("export", "out", "--format", "sql", "--output", "score.sql")
        self.assertEqual(self.score_in_duckdb((self.folder / "score.sql").read_text(), names, rows), predictions)
        self.succeed("export", "out", "--format", "onnx", "--output", "model.onnx")
        self.assertEqual(self.score_in_onnx(self.folder / "model.onnx", rows), predictions)

    def test_onnx_says_what_the_features_are(self):
        exported, _, _ = self.export_json(self.train(maxIter=1))
        self.succeed("export", "out", "--format", "onnx", "--output", "model.onnx")
        model = onnx.load(self.folder / "model.onnx")
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        self.assertEqual(json.loads(metadata["feature_names"]), [feature["name"] for feature in exported["features"]])
        self.assertEqual((metadata["kind"], metadata["label"]), ("gbt", exported["label"]))

    def test_a_dash_is_stdout(self):
        self.train(maxIter=1)
        self.succeed("export", "out", "--format", "json", "--output", "model.json")
        shown = self.run_binary("export", "out", "--format", "json", "--output", "-", "--quiet")
        self.assertEqual(shown.stdout, (self.folder / "model.json").read_text())
        self.assertFalse((self.folder / "-").exists())

    def test_spark_text_names_another_table(self):
        self.train(maxIter=2)
        self.succeed("export", "out/model_training/model", "--format", "sql", "--dialect", "spark", "--table", "shop.rows", "--output", "s.sql")
        text = (self.folder / "s.sql").read_text()
        self.assertTrue(text.endswith("FROM `shop`.`rows`\n"), text[-80:])
        self.assertIn("`euclidean_distance` <= ", text)

    def test_wrong_use_is_refused(self):
        self.train(maxIter=1)
        good = ("export", "out", "--format", "sql", "--output", "score.sql")
        (self.folder / "taken").write_text("mine")
        for arguments, code, wanted in (
            (("export", "--format", "sql", "--output", "a"), 2, "export: no model is given; see firesteel export --help"),
            (("export", "out", "--format", "pmml", "--output", "a"), 2, "--format: 'pmml' is not one of "),
            (("export", "out", "--format", "json", "--output", "a", "--table", "t"), 2, "--table is for --format sql alone"),
            ((*good, "--dialect", "oracle"), 2, "--dialect: 'oracle' is not one of duckdb, spark"),
            ((*good, "--table", "a..b"), 2, "--table: 'a..b' has an empty part"),
            ((*good[:-1], "data"), 1, "'data' is a folder; give the name of a file"),
            ((*good[:-1], "taken", "--overwrite-output", "false"), 1, "'taken' exists already; "),
            (("export", "nowhere", *good[2:]), 1, "nowhere"),
            (("export", "data", *good[2:]), 1, "data"),
        ):
            self.assertIn(wanted, self.refusal(*arguments, code=code))
        self.succeed(*good[:-1], "taken")
        self.assertIn("SELECT *", (self.folder / "taken").read_text())


main()
