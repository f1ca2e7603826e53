"""predict: a saved model used on new data. The training's predictions again, every row once and in its place, and what is wrong
with a row said, predicted all the same or set apart."""

import csv
import itertools
import json
import math
import os
import re
import shutil
import subprocess
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness import BINARY, LOG_HEADER, PRODUCT_HEADER, ROOT, EndToEndTest, log_rows, main, tree

SOURCES = ("--shipping-logs", "data/ShippingLogs.csv", "--product-description", "data/ProductDescriptions.csv")
PIPELINE = ("--pipeline-model", "out/feature_engineering/training/pipeline_model")
MODEL = ("predict", "--model", "out")
RECORDED = ROOT / "tests/parity/recorded/spark-3.5.6"
HEADER = "actual_shipping_days,rounded_prediction,raw_prediction,order_id"
UNSEEN = "is null or has a value that the stage was not fitted on"


class PredictTest(EndToEndTest):
    """A model trained on sample data, in out/."""

    ROWS = 2000

    def setUp(self):
        super().setUp()
        self.succeed("sample-data", "--output", "data", "--rows", str(self.ROWS), "--quiet")
        self.succeed("run", *SOURCES, "--output", "out", "--model-params", "{'maxIter': 5}", "--quiet")

    def frame(self, part="validation"):
        return self.folder / f"out/feature_engineering/{part}/dataframe"

    def features(self, part="validation"):
        return pq.read_table(self.frame(part))

    def write_frame(self, table, name="frame", schema_of=None):
        """A Parquet folder; Spark's schema, with the attributes, is that of the frame which the table comes from."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        kept = {b"org.apache.spark.sql.parquet.row.metadata"} if schema_of is None else schema_of
        metadata = {k: v for k, v in (self.features().schema.metadata or {}).items() if k in kept}
        pq.write_table(table.replace_schema_metadata(metadata), path / "part-00000.parquet")
        return name

    def predict(self, *arguments, output="predicted"):
        """Predicts, and returns the predictions as dictionaries."""
        self.succeed(*MODEL, *arguments, "--output", output, "--quiet")
        return self.rows(output)

    def rows(self, output, folder="predictions.csv"):
        parts = sorted((self.folder / output / folder).glob("part-*.csv"))
        self.assertEqual(len(parts), 1, "order needs one file")
        with parts[0].open() as file:
            return list(csv.DictReader(file))

    def trained(self):
        """The lines of the training's own predictions, both parts, by order id."""
        lines = {}
        for part in ("training", "validation"):
            header, body = self.predictions(f"out/model_training/{part}")
            self.assertEqual(header, HEADER)
            lines.update((line.rpartition(",")[2], line) for line in body)
        self.assertEqual(len(lines), self.ROWS)
        return lines

    def csv_rows(self, name="data/ShippingLogs.csv"):
        with (self.folder / name).open() as file:
            return list(csv.DictReader(file))

    def write_csv(self, name, rows):
        lines = [",".join(rows[0])] + [",".join(row.values()) for row in rows]
        return self.write(name, *lines)


class SameRowsTest(PredictTest):
    """Training rows get the training's predictions, to the last bit, in the order of the input."""

    def check(self, output, orders):
        header, lines = self.predictions(output)
        self.assertEqual(header, HEADER)
        trained = self.trained()
        self.assertEqual(lines, [trained[order] for order in orders])

    def test_features(self):
        for part in ("training", "validation"):
            self.predict("--input", self.frame(part), output=part)
            self.check(part, self.features(part)["order_id"].to_pylist())

    def test_preprocessed_rows(self):
        for part in ("training", "validation"):
            rows = self.folder / "out/data_preprocessing" / part
            self.predict("--input", rows, *PIPELINE, output=part)
            self.check(part, pq.read_table(rows)["order_id"].to_pylist())

    def test_preprocessed_rows_from_csv(self):
        rows = pq.read_table(self.folder / "out/data_preprocessing/validation")
        names = rows.column_names
        self.write("rows.csv", ",".join(names), *(",".join(str(v) for v in row.values()) for row in rows.to_pylist()))
        self.predict("--input", "rows.csv", *PIPELINE)
        self.check("predicted", rows["order_id"].to_pylist())

    def test_raw_logs(self):
        self.predict(*SOURCES, *PIPELINE)
        self.check("predicted", [row["OrderID"] for row in self.csv_rows()])
        # As the original spells its flags.
        self.succeed("predict", "--s3-model-dir", "out/model_training/model", "--s3-shipping-logs-dir", SOURCES[1],
                     "--s3-product-description-dir", SOURCES[3], "--s3-pipeline-model-dir", PIPELINE[1], "--s3-output-dir", "again")
        self.check("again", [row["OrderID"] for row in self.csv_rows()])

    def test_parquet_says_the_same(self):
        self.predict(*SOURCES, *PIPELINE)
        self.succeed(*MODEL, *SOURCES, *PIPELINE, "--format", "parquet", "--output", "parquet")
        table = pq.read_table(self.folder / "parquet/predictions.parquet")
        self.assertEqual(table.column_names, HEADER.split(","))
        self.assertEqual([str(field.type) for field in table.schema], ["int32", "double", "double", "string"])
        lines = self.rows("predicted")
        self.assertEqual(table["order_id"].to_pylist(), [row["order_id"] for row in lines])
        self.assertEqual(table["raw_prediction"].to_pylist(), [float(row["raw_prediction"]) for row in lines])
        self.assertEqual(len(list((self.folder / "parquet/predictions.parquet").glob("part-*"))), 1)
        schema = json.loads(table.schema.metadata[b"org.apache.spark.sql.parquet.row.metadata"])
        self.assertEqual([field["name"] for field in schema["fields"]], HEADER.split(","))

    def test_threads_and_files_change_no_byte(self):
        lines = (self.folder / "data/ShippingLogs.csv").read_text().splitlines()
        # Names of files order them, not the time they were written.
        self.write("logs/c.csv", lines[0], *lines[1300:])
        self.write("logs/a.csv", lines[0], *lines[1:8])
        self.write("logs/b.csv", lines[0], *lines[8:1300])
        products = (self.folder / "data/ProductDescriptions.csv").read_text().splitlines()
        # Half of the rows match nothing.
        self.write("products.csv", *products[:60])
        # Spread over files and row groups.
        table = self.features("training")
        (self.folder / "frames").mkdir()
        for n, (begin, end) in enumerate(itertools.pairwise((0, 1, 700, 701, table.num_rows))):
            pq.write_table(table.slice(begin, end - begin), self.folder / f"frames/{n}.parquet", row_group_size=100)
        wanted = {
            "logs": [row["OrderID"] for row in self.csv_rows()],
            "frames": table["order_id"].to_pylist(),
        }
        inputs = {"logs": ("--shipping-logs", "logs", "--product-description", "products.csv", *PIPELINE),
                  "frames": ("--input", "frames")}
        for name, flags in inputs.items():
            digests = set()
            for threads in (1, 2, 5):
                output = f"{name}-{threads}"
                rows = self.predict(*flags, "--threads", threads, output=output)
                self.assertEqual([row["order_id"] for row in rows], wanted[name], output)
                digests.add(frozenset(tree(self.folder / output / "predictions.csv").items()))
            self.assertEqual(len(digests), 1, name)

    def test_the_workflow_is_the_models(self):
        text = (ROOT / "src/workflow/shipping.yaml").read_text()
        self.write("mine.yaml", text.replace("shipping_logs:", "orders:").replace("name: shipping", "name: mine"))
        sources = ("--orders", *SOURCES[1:])
        self.succeed("run", "--workflow", "mine.yaml", *sources, "--output", "mine", "--model-params", "{'maxIter': 5}", "--quiet")
        (self.folder / "mine.yaml").unlink()
        pipeline = "mine/feature_engineering/training/pipeline_model"
        self.succeed("predict", "--model=mine", *sources, "--pipeline-model", pipeline, "--output", "predicted")
        self.check("predicted", [row["OrderID"] for row in self.csv_rows()])
        self.assertEqual(self.manifest("predicted")["workflow"]["name"], "mine")

    def test_ids_that_stages_drop_are_those_of_the_input(self):
        text = (ROOT / "src/workflow/shipping.yaml").read_text()
        self.assertIn(",actual_shipping_days,order_id from", text)
        self.write("mine.yaml", text.replace(",actual_shipping_days,order_id from", ",actual_shipping_days from"))
        self.succeed("run", "--workflow", "mine.yaml", *SOURCES, "--output", "mine", "--model-params", "{'maxIter': 5}", "--quiet")
        self.assertEqual(self.predictions("mine/model_training/training")[0], "actual_shipping_days,rounded_prediction,raw_prediction")
        self.succeed("predict", "--model", "mine", *SOURCES, "--pipeline-model", "mine/feature_engineering/training/pipeline_model",
                     "--output", "predicted")
        header, lines = self.predictions("predicted")
        self.assertEqual(header, "actual_shipping_days,rounded_prediction,raw_prediction,product_id,order_id")
        wanted = [(row["ActualShippingDays"], row["ProductId"], row["OrderID"]) for row in self.csv_rows()]
        self.assertEqual([tuple(line.split(",")[n] for n in (0, 3, 4)) for line in lines], wanted)

    def test_the_manifest_accounts_for_all(self):
        self.predict(*SOURCES, *PIPELINE)
        manifest = self.manifest("predicted")
        self.assertEqual(manifest["step"], "predict")
        self.assertEqual(manifest["ledger"], {"input": {"read": self.ROWS, "used": self.ROWS, "rejected": {}}})
        self.assertEqual(manifest["parameters"]["on_unseen"], "error")
        self.assertEqual({f["role"] for f in manifest["inputs"]}, {"shipping_logs", "product_description", "model", "pipeline_model"})
        self.assertEqual({f["path"] for f in manifest["files"]}, set(tree(self.folder / "predicted")))
        self.assertEqual(manifest["model"]["type"], "gbt")

    def test_another_format_replaces_the_output(self):
        self.predict("--input", self.frame())
        self.succeed(*MODEL, "--input", self.frame(), "--output", "predicted", "--format", "parquet")
        self.assertFalse((self.folder / "predicted/predictions.csv").exists())
        message = self.refusal(*MODEL, "--input", self.frame(), "--output", "predicted", "--overwrite-output", "false")
        self.assertIn("predicted", message)
        self.succeed(*MODEL, "--input", self.frame(), "--output", "timed", "--add-timestamp-to-output")
        self.assertEqual(len(list((self.folder / "timed").glob("20*/predictions.csv/part-*.csv"))), 1)


class ColumnsTest(PredictTest):
    """What the rows must have, and what does not matter."""

    def raw(self, output):
        return [row["raw_prediction"] for row in self.rows(output)]

    def test_order_and_further_columns_do_not_matter(self):
        self.predict("--input", self.frame(), output="plain")
        table = self.features()
        table = table.select(table.column_names[::-1]).append_column("weather", pa.array(["fine"] * table.num_rows))
        self.predict("--input", self.write_frame(table))
        self.assertEqual(self.raw("predicted"), self.raw("plain"))

        rows = self.csv_rows()
        shuffled = [dict(reversed([*row.items(), ("Weather", "fine")])) for row in rows]
        self.write_csv("logs.csv", shuffled)
        self.predict(*SOURCES, *PIPELINE, output="all")
        self.predict("--shipping-logs", "logs.csv", *SOURCES[2:], *PIPELINE)
        self.assertEqual(self.raw("predicted"), self.raw("all"))

    def test_missing_and_renamed_columns_are_named(self):
        table = self.features().drop_columns(["euclidean_distance"])
        table = table.rename_columns([{"expected_shipping_days": "expected_shiping_days"}.get(n, n) for n in table.column_names])
        message = self.refusal(*MODEL, "--input", self.write_frame(table), "--output", "predicted")
        self.assertRegex(message, r"^'frame': stage VectorAssembler_\w+: there are no columns 'euclidean_distance', "
                                  r"'expected_shipping_days' \(did you mean 'expected_shiping_days'\?\); columns are ")
        rows = self.csv_rows()
        renamed = [{("Carier" if key == "Carrier" else key): value for key, value in row.items()} for row in rows]
        self.write_csv("logs.csv", renamed)
        message = self.refusal(*MODEL, "--shipping-logs", "logs.csv", *SOURCES[2:], *PIPELINE, "--output", "predicted")
        self.assertIn("there is no column 'carrier' (did you mean 'carier'?); columns are", message)
        # A column that only a StringIndexer reads, which Spark would leave out in silence.
        self.write_csv("logs.csv", [{k: v for k, v in row.items() if k != "ShippingPriority"} for row in rows])
        message = self.refusal(*MODEL, "--shipping-logs", "logs.csv", *SOURCES[2:], *PIPELINE, "--output", "predicted")
        self.assertRegex(message, r"stage StringIndexer_\w+: there is no column 'shipping_priority'")

    def test_rows_that_need_a_pipeline_model(self):
        message = self.refusal(*MODEL, *SOURCES, "--output", "predicted")
        self.assertIn("there are no columns 'carrier_reduced_indexed_ohe'", message)
        self.assertNotIn("firesteel_row", message)
        self.assertTrue(message.endswith("need the pipeline model that makes them, --pipeline-model"), message)

    def test_wrong_types_are_named(self):
        table = self.features()
        position = table.column_names.index("euclidean_distance")
        text = table.set_column(position, "euclidean_distance", pc.cast(table["euclidean_distance"], pa.string()))
        message = self.refusal(*MODEL, "--input", self.write_frame(text, schema_of=()), "--output", "predicted")
        self.assertIn("column 'euclidean_distance' is string and must be double", message)
        position = table.column_names.index("carrier_reduced_indexed_ohe")
        number = table.set_column(position, "carrier_reduced_indexed_ohe", pa.array([1.0] * table.num_rows))
        message = self.refusal(*MODEL, "--input", self.write_frame(number, schema_of=()), "--output", "predicted")
        self.assertIn("'carrier_reduced_indexed_ohe' is double and was vector", message)
        rows = self.csv_rows()
        rows[7]["XShippingDistance"] = "far"
        self.write_csv("logs.csv", rows)
        message = self.refusal(*MODEL, "--shipping-logs", "logs.csv", *SOURCES[2:], *PIPELINE, "--output", "predicted")
        self.assertEqual(message, "'logs.csv': column 'x_shipping_distance' is string and must be double: in 1 row it is none, as 'far'")

    def test_another_pipeline_model_is_noticed(self):
        rows = self.csv_rows()
        for row in rows:  # Another order of labels.
            row["InBulkOrder"] = {"Bulk Order": "Single Order", "Single Order": "Bulk Order"}[row["InBulkOrder"]]
        self.write_csv("logs.csv", rows)
        self.succeed("run", "--shipping-logs", "logs.csv", *SOURCES[2:], "--output", "other", "--model-params", "{'maxIter': 1}")
        message = self.refusal(*MODEL, *SOURCES, "--pipeline-model", "other/feature_engineering/training/pipeline_model",
                               "--output", "predicted")
        self.assertRegex(message, r"feature \d+ is in_bulk_order_indexed \((Bulk|Single) Order, (Bulk|Single) Order\) in the model and ")

    def test_no_label(self):
        self.predict(*SOURCES, *PIPELINE, output="all")
        self.write_csv("logs.csv", [{k: v for k, v in row.items() if k != "ActualShippingDays"} for row in self.csv_rows()])
        rows = self.predict("--shipping-logs", "logs.csv", *SOURCES[2:], *PIPELINE)
        self.assertEqual(list(rows[0]), ["rounded_prediction", "raw_prediction", "order_id"])
        self.assertEqual(self.raw("predicted"), self.raw("all"))
        self.predict("--input", self.frame(), output="features")
        rows = self.predict("--input", self.write_frame(self.features().drop_columns(["actual_shipping_days"])))
        self.assertEqual(list(rows[0]), ["rounded_prediction", "raw_prediction", "order_id"])
        self.assertEqual(self.raw("predicted"), self.raw("features"))

    def test_a_label_that_is_partly_there(self):
        rows = self.csv_rows()
        rows[3]["ActualShippingDays"] = ""
        self.write_csv("logs.csv", rows)
        predicted = self.predict("--shipping-logs", "logs.csv", *SOURCES[2:], *PIPELINE)
        self.assertEqual([predicted[n]["actual_shipping_days"] for n in (2, 3)], [rows[2]["ActualShippingDays"], ""])
        self.assertNotEqual(predicted[3]["raw_prediction"], "")

    def test_no_date_and_no_date_column(self):
        self.predict(*SOURCES, *PIPELINE, output="all")
        rows = self.csv_rows()
        for row in rows[:50]:
            row["OrderDate"] = ""
        self.write_csv("logs.csv", rows)
        self.predict("--shipping-logs", "logs.csv", *SOURCES[2:], *PIPELINE)
        self.assertEqual(self.raw("predicted"), self.raw("all"))
        self.write_csv("logs.csv", [{k: v for k, v in row.items() if k != "OrderDate"} for row in rows])
        self.predict("--shipping-logs", "logs.csv", *SOURCES[2:], *PIPELINE)
        self.assertEqual(self.raw("predicted"), self.raw("all"))
        rows[5]["OrderDate"] = "tomorrow"
        self.write_csv("logs.csv", rows)
        message = self.refusal(*MODEL, "--shipping-logs", "logs.csv", *SOURCES[2:], *PIPELINE, "--output", "refused")
        self.assertIn("logs.csv line 7: OrderDate is 'tomorrow', which is not a date of the form M/d/yy", message)

    def test_no_rows(self):
        self.write("logs.csv", ",".join(self.csv_rows()[0]))
        self.assertEqual(self.predict("--shipping-logs", "logs.csv", *SOURCES[2:], *PIPELINE), [])
        self.assertEqual(self.predictions("predicted"), (HEADER, []))
        self.assertEqual(self.predict("--input", self.write_frame(self.features().slice(0, 0)), "--on-unseen", "reject"), [])
        self.assertEqual(self.manifest("predicted")["ledger"]["input"], {"read": 0, "used": 0, "rejected": {}})
        self.succeed(*MODEL, "--input", "frame", "--format", "parquet", "--output", "parquet")
        self.assertEqual(pq.read_table(self.folder / "parquet/predictions.parquet").num_rows, 0)

    def test_a_joined_table_with_duplicate_keys(self):
        products = (self.folder / "data/ProductDescriptions.csv").read_text().splitlines()
        key = products[1].rpartition(",")[2]
        # A key that no row asks for multiplies nothing.
        self.write("products.csv", *products, "a,b,1,2,nobody", "a,b,1,2,nobody", "a,b,1,2,", "a,b,1,2,")
        self.predict(*SOURCES[:2], "--product-description", "products.csv", *PIPELINE)
        self.write("products.csv", *products, products[1], products[1])
        message = self.refusal(*MODEL, *SOURCES[:2], "--product-description", "products.csv", *PIPELINE, "--output", "refused")
        self.assertEqual(message, f"source 'product_description': 3 rows have the ProductId '{key}'; a row would be predicted more "
                                  "than once; keep one row of the source for each key")

    def test_flags_that_exclude_each_other(self):
        self.assertIn("--input and the flags of sources exclude each other",
                      self.refusal(*MODEL, *SOURCES, "--input", "x", "--output", "predicted", code=2))
        self.assertIn("there is nothing to predict", self.refusal(*MODEL, "--output", "predicted", code=2))
        self.assertIn("no location is given for the source 'product_description'",
                      self.refusal(*MODEL, *SOURCES[:2], "--output", "predicted", code=2))
        self.assertIn("--on-unseen: 'kep' is not one of error, keep, reject; did you mean 'keep'?",
                      self.refusal(*MODEL, "--input", self.frame(), "--on-unseen", "kep", "--output", "predicted", code=2))
        self.assertIn("input: 'nowhere' does not exist", self.refusal(*MODEL, "--input", "nowhere", "--output", "predicted"))
        self.assertIn("--model: there is no model in 'data'",
                      self.refusal("predict", "--model", "data", "--input", self.frame(), "--output", "predicted"))


class UnseenTest(PredictTest):
    """Unknown categories, nulls and NaN under the three policies."""

    def setUp(self):
        super().setUp()
        rows = self.csv_rows()
        rows[4]["ShippingPriority"] = "Teleport"
        rows[9]["ShippingPriority"] = ""
        rows[9]["InBulkOrder"] = "Perhaps"
        rows[17]["XShippingDistance"] = ""
        self.bad = {4, 9, 17}
        self.write_csv("logs.csv", rows)
        self.logs = ("--shipping-logs", "logs.csv", *SOURCES[2:], *PIPELINE)
        self.predict(*SOURCES, *PIPELINE, output="sound")

    def check_others(self, rows):
        sound = self.rows("sound")
        self.assertEqual(len(rows), len(sound))
        for n, (row, like) in enumerate(zip(rows, sound)):
            self.assertEqual(row["order_id"], like["order_id"])
            if n not in self.bad:
                self.assertEqual(row, like)

    def test_error(self):
        message = self.refusal(*MODEL, *self.logs, "--output", "refused")
        self.assertRegex(message, rf"^'logs.csv': stage StringIndexer_\w+: column 'shipping_priority' {UNSEEN} in 2 rows: 2 different "
                                  r"values, most often (null|'Teleport') \(1 rows\); predict such rows all the same with --on-unseen keep, "
                                  r"or set them apart with --on-unseen reject$")

    def test_keep(self):
        rows = self.predict(*self.logs, "--on-unseen", "keep")
        self.check_others(rows)
        for n in self.bad:
            self.assertTrue(math.isfinite(float(rows[n]["raw_prediction"])), rows[n])
        manifest = self.manifest("predicted")
        self.assertEqual(manifest["ledger"]["input"], {"read": self.ROWS, "used": self.ROWS, "rejected": {}})
        self.assertEqual([(u["column"], u["rows"]) for u in manifest["unseen"]], [("shipping_priority", 2), ("euclidean_distance", 1)])
        self.assertFalse((self.folder / "predicted/rejected").exists())
        # The same by hand, on features: no entry, the number of labels, NaN.
        orders = [row["OrderID"] for row in self.csv_rows()]
        tables = [self.features(part) for part in ("training", "validation")]
        features = {row["order_id"]: row for table in tables for row in table.to_pylist()}
        made = [features[orders[n]] for n in sorted(self.bad)]
        for row in made[:2]:
            row["shipping_priority_indexed_ohe"] = {**row["shipping_priority_indexed_ohe"], "type": 0, "indices": [], "values": []}
            self.assertGreater(row["shipping_priority_indexed_ohe"]["size"] or 0, 0)
        made[1]["in_bulk_order_indexed"] = 2.0
        made[2]["euclidean_distance"] = math.nan
        frame = self.write_frame(pa.Table.from_pylist(made, tables[0].schema))
        by_hand = self.predict("--input", frame, "--on-unseen", "keep", output="by_hand")
        self.assertEqual([row["raw_prediction"] for row in by_hand], [rows[n]["raw_prediction"] for n in sorted(self.bad)])

    def test_reject(self):
        rows = self.predict(*self.logs, "--on-unseen", "reject")
        self.check_others(rows)
        for n in self.bad:
            self.assertEqual((rows[n]["rounded_prediction"], rows[n]["raw_prediction"]), ("", ""))
        orders = [row["OrderID"] for row in self.csv_rows()]
        rejected = self.rows("predicted", "rejected")
        self.assertEqual(
            [list(row.values()) for row in rejected],
            [["5", orders[4], "shipping_priority", UNSEEN, "Teleport"],
             ["10", orders[9], "shipping_priority", UNSEEN, ""],
             ["18", orders[17], "euclidean_distance", "is null or NaN", ""]],
        )
        self.assertEqual(list(rejected[0]), ["row", "order_id", "column", "problem", "value"])
        ledger = self.manifest("predicted")["ledger"]["input"]
        self.assertEqual(ledger, {"read": self.ROWS, "used": self.ROWS - 3,
                                  "rejected": {f"shipping_priority: {UNSEEN}": 2, "euclidean_distance: is null or NaN": 1}})

    def test_features_with_gaps(self):
        table = self.features()
        self.bad = {0, 2, 5}
        def holed(name, holes):
            values = table[name].to_pylist()
            for n, value in holes.items():
                values[n] = value
            return pa.array(values, table.schema.field(name).type)
        for name, holes in {"euclidean_distance": {0: None, 2: math.nan}, "carrier_reduced_indexed_ohe": {5: None}}.items():
            table = table.set_column(table.column_names.index(name), name, holed(name, holes))
        frame = self.write_frame(table)
        message = self.refusal(*MODEL, "--input", frame, "--output", "refused")
        self.assertRegex(message, r"stage VectorAssembler_\w+: column 'carrier_reduced_indexed_ohe' is null in 1 row")
        self.predict("--input", self.frame(), output="sound")
        rows = self.predict("--input", frame, "--on-unseen", "keep")
        self.check_others(rows)
        self.assertEqual(rows[0]["raw_prediction"] == "", False)
        rows = self.predict("--input", frame, "--on-unseen", "reject")
        self.check_others(rows)
        self.assertEqual([(r["row"], r["column"], r["value"]) for r in self.rows("predicted", "rejected")],
                         [("1", "euclidean_distance", ""), ("3", "euclidean_distance", "NaN"), ("6", "carrier_reduced_indexed_ohe", "null")])


class BikeRidesTest(EndToEndTest):
    """An inner join, a stage that keeps, Imputer, scalers, ids that are a list."""

    def test_every_ride_is_predicted(self):
        example = ROOT / "examples/bike_rides"
        subprocess.run([sys.executable, example / "make_data.py", self.folder / "data", "2000"], check=True)
        sources = ("--rides", "data/rides.csv", "--stations", "data/stations.csv", "--weather", "data/weather.csv")
        self.succeed("run", "--workflow", str(example / "workflow.yaml"), *sources, "--output", "out")
        pipeline = ("--pipeline-model", "out/feature_engineering/training/pipeline_model")
        with (self.folder / "data/rides.csv").open() as file:
            rides = list(csv.DictReader(file, delimiter=";"))
        unmatched = {ride["RideNumber"] for ride in rides if ride["StationId"] == "999"}
        self.assertTrue(unmatched)
        self.assertIn("in", self.refusal("predict", "--model", "out", *sources, *pipeline, "--output", "refused"))
        self.succeed("predict", "--model", "out", *sources, *pipeline, "--output", "predicted", "--on-unseen", "reject")
        header, lines = self.predictions("predicted")
        self.assertEqual([line.rpartition(",")[2] for line in lines], [ride["RideNumber"] for ride in rides])
        trained = {}
        for part in ("training", "validation"):
            trained_header, body = self.predictions(f"out/model_training/{part}")
            self.assertEqual(header, trained_header)
            trained.update((line.rpartition(",")[2], line) for line in body)
        for line in lines:
            ride = line.rpartition(",")[2]
            if ride in unmatched:
                self.assertRegex(line, r"^[^,]+,,,")
            else:
                self.assertEqual(line, trained[ride])
        self.assertEqual(len(trained) + len(unmatched), len(rides))
        self.assertEqual(self.manifest("predicted")["ledger"]["input"]["used"], len(trained))


class SparkModelTest(EndToEndTest):
    """A model that PySpark trained and saved: its stages, its label, no workflow."""

    def test_its_own_predictions(self):
        self.succeed("predict", "--model", RECORDED / "gbt_model", "--input", RECORDED / "gbt_rows", "--output", "predicted")
        header, lines = self.predictions("predicted")
        self.assertEqual(header, "price,rounded_prediction,raw_prediction")
        wanted = pq.read_table(RECORDED / "gbt_predictions").to_pydict()
        self.assertEqual(len(lines), len(wanted["price"]))
        for line, price, prediction in zip(lines, wanted["price"], wanted["prediction"]):
            label, _, raw = map(float, line.split(","))
            self.assertEqual(label, price)
            self.assertAlmostEqual(raw, prediction, delta=1e-9 * abs(prediction))

    def test_rows_without_label_and_with_an_unknown_colour(self):
        self.write("rows.csv", "colour,days", "red,1.5", "pink,2", ",3", "grey,")
        arguments = ("predict", "--model", RECORDED / "gbt_model", "--input", "rows.csv")
        self.assertIn("column 'colour' is null or has a value", self.refusal(*arguments, "--output", "refused"))
        self.succeed(*arguments, "--output", "kept", "--on-unseen", "keep")
        header, lines = self.predictions("kept")
        self.assertEqual(header, "rounded_prediction,raw_prediction")
        self.assertNotIn(",", [line[-1] for line in lines])
        self.succeed(*arguments, "--output", "rejected", "--on-unseen", "reject")
        _, rejected = self.predictions("rejected")
        self.assertEqual([line == "," for line in rejected], [False, True, True, True])
        self.assertEqual(rejected[0], lines[0])


class ModelTypesTest(EndToEndTest):
    """Every model type is saved, and predicts what it did when it was trained."""

    TYPES = (
        ("gbt", {"maxIter": 3, "lossType": "absolute"}),
        ("factorization_machine", {"maxIter": 20, "seed": 5}),
        ("factorization_machine", {"maxIter": 20, "standardize": True}),
        ("factorization_machine", {"maxIter": 50, "solver": "gd", "stepSize": 1000.0}),  # Its predictions are no numbers.
        ("xgboost", {"n_estimators": 5}),
        ("xgboost", {"n_estimators": 5, "objective": "count:poisson"}),
    )

    def setUp(self):
        super().setUp()
        self.succeed("sample-data", "--output", "data", "--rows", "1000", "--quiet")
        self.succeed("run", *SOURCES, "--output", "out", "--model-params", "{'maxIter': 1}", "--quiet")

    def frame(self, part):
        return f"out/feature_engineering/{part}/dataframe"

    def train(self, model_type, parameters):
        self.succeed("model-training", "--training-dataset", self.frame("training"), "--validation-dataset", self.frame("validation"),
                     "--output", "trained", "--model-type", model_type, "--model-params", json.dumps(parameters), "--quiet")

    def text(self, output):
        part, = (self.folder / output / "predictions.csv").glob("part-*.csv")
        return part.read_text()

    def test_predictions_are_those_of_training(self):
        for model_type, parameters in self.TYPES:
            with self.subTest(model_type=model_type, parameters=parameters):
                self.train(model_type, parameters)
                for part in ("training", "validation"):
                    self.succeed("predict", "--model", "trained", "--input", self.frame(part), "--output", "predicted", "--quiet")
                    self.assertEqual(self.text("predicted"), self.text(f"trained/{part}"))
                shown = self.run_binary("describe", "trained").stdout
                self.assertTrue(shown.startswith(f"{model_type} predicting actual_shipping_days"), shown)

    def test_a_changed_a_cut_and_an_old_model_are_refused(self):
        for model_type, parameters in self.TYPES[::2]:
            self.train(model_type, parameters)
            model = self.folder / "trained/model"
            data = next(path for path in sorted(model.rglob("*")) if path.name == "model.ubj" or path.suffix == ".parquet")
            whole, description = data.read_bytes(), (model / "firesteel.json").read_text()
            changes = (
                lambda: data.write_bytes(whole[: len(whole) // 2]),
                lambda: data.unlink(),
                lambda: (data.write_bytes(whole), (model / "firesteel.json").write_text(description.replace('"version": 2', '"version": 1', 1))),
                lambda: (model / "firesteel.json").write_text(re.sub(r'("predictions": \[\s*)[-+.\dEe"A-Za-z]+', r"\g<1>1234567.5", description)),
            )
            for change in changes:
                change()
                done = self.run_binary("predict", "--model", "trained", "--input", self.frame("validation"), "--output", "refused")
                with self.subTest(model_type=model_type, error=done.stderr):
                    self.assertEqual(done.returncode, 1)
                    self.assertEqual(done.stderr.count("\n"), 1)
                    self.assertIn("trained/model", done.stderr)
                    self.check_no_output("refused")


class LargeTest(EndToEndTest):
    """A million rows in bounded memory."""

    def test_a_million_rows(self):
        self.succeed("sample-data", "--output", "small", "--rows", "2000")
        self.succeed("run", "--shipping-logs", "small/ShippingLogs.csv", "--product-description", "small/ProductDescriptions.csv",
                     "--output", "out", "--model-params", "{'maxIter': 32}")
        self.succeed("sample-data", "--output", "data", "--rows", "1000000")
        command = [str(BINARY), "predict", "--model", "out", *SOURCES, *PIPELINE, "--output", "predicted", "--memory-limit", "500MB"]
        process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        self.assertEqual(status, 0)
        peak = usage.ru_maxrss * 1024
        self.assertLess(peak, 700e6)  # The limit is on data; the program and the mapped file are beside it.
        part = next((self.folder / "predicted/predictions.csv").glob("part-*.csv"))
        with part.open() as predicted, (self.folder / "data/ShippingLogs.csv").open() as logs:
            for row, like in itertools.zip_longest(csv.reader(predicted), csv.reader(logs)):
                if row[3] != like[8] and like[8] != "OrderID":
                    self.fail(f"{row} where {like} was expected")


main()
