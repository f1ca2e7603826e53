"""`run` does what the steps do one by one: the same rows, trees and metrics, whatever the number of threads, whole or not at all."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy
import pyarrow.parquet as parquet

from harness import BINARY, ROOT, EndToEndTest, main, tree
from last_line import message_of

SOURCES = ("--shipping-logs", "data/ShippingLogs.csv", "--product-description", "data/ProductDescriptions.csv")
EXAMPLE = ROOT / "examples/bike_rides"
BIKES = ("--workflow", str(EXAMPLE / "workflow.yaml"))
RIDES = ("--rides", "data/rides.csv", "--stations", "data/stations.csv", "--weather", "data/weather.csv")
STEPS = ("data_preprocessing", "feature_engineering/training", "feature_engineering/validation", "model_training")
FRAMES = ("data_preprocessing/training", "data_preprocessing/validation", "feature_engineering/training/dataframe",
          "feature_engineering/validation/dataframe")


def rows_of(folder):
    """The schema of a data frame, Spark's included, and its rows in an order of their own."""
    table = parquet.read_table(folder)
    return table.schema, table.schema.metadata, sorted(map(repr, table.to_pylist()))


def without_uids(text):
    """Metadata without uids and the timestamp, which derive from the inputs of a step."""
    record = json.loads(re.sub(r"_[0-9a-f]{12}", "_UID", text))
    return {key: value for key, value in record.items() if key != "timestamp"}


class RunTest(EndToEndTest):
    def sample(self, rows=3000):
        self.run_binary("sample-data", "--output", "data", "--rows", rows, "-q")

    def run_all(self, output, *flags, sources=SOURCES, params="{'maxIter': 6}"):
        done = self.succeed("run", *sources, "--output", output, *(("--model-params", params) if params else ()), *flags)
        return self.folder / output, done

    def commands(self, output, *flags, sources=SOURCES, params="{'maxIter': 6}"):
        """The four steps, in the folders that `run` makes."""
        made = self.four_steps(sources=sources, output="steps", params=params, workflow=flags)
        out = self.folder / output
        out.mkdir()
        for name, place in zip(("rows", "training", "validation", "model"), STEPS):
            (out / place).parent.mkdir(exist_ok=True)
            (made / name).rename(out / place)
        return out

    def model(self, out):
        """What is saved of the trees and how they were trained, without uids."""
        folder = out / "model_training/model"
        kept = {}
        for path in sorted(folder.rglob("*")):
            name = "/".join(part.rpartition("_")[0] or part for part in path.relative_to(folder).parts[:-1])
            if path.suffix == ".parquet":
                kept[name] = [re.sub(r'_[0-9a-f]{12}|"timestamp":[0-9]+', "", repr(row)) for row in parquet.read_table(path).to_pylist()]
            elif path.name.startswith("part-"):
                kept[name] = without_uids(path.read_text())
        return kept

    def metrics(self, out):
        return [(out / f"model_training/{part}/metrics.json").read_bytes() for part in ("training", "validation")]

    def check_equal(self, one, other):
        for frame in FRAMES:
            self.assertEqual(rows_of(one / frame), rows_of(other / frame), frame)
        for part in ("training", "validation"):
            header, lines = self.predictions(one / "model_training" / part)
            other_header, other_lines = self.predictions(other / "model_training" / part)
            self.assertEqual(header, other_header)
            self.assertEqual(sorted(lines), sorted(other_lines))
        self.assertEqual(self.metrics(one), self.metrics(other))
        model = self.model(one)
        self.assertIn("stages/1_GBTRegressor/data", model)
        other_model = self.model(other)
        self.assertEqual(sorted(model), sorted(other_model))
        for name, content in model.items():
            self.assertEqual(repr(content), repr(other_model[name]), name)

    def test_run_equals_the_four_commands(self):
        self.sample()
        one, done = self.run_all("one")
        other = self.commands("other")
        self.check_equal(one, other)
        for step in STEPS:
            files = {name for name in tree(one / step)}
            self.assertEqual(len(files), len(tree(other / step)), step)
            listed = {file["path"] for file in self.manifest(one / step)["files"]}
            self.assertEqual(listed, files)
            ours, theirs = self.manifest(one / step), self.manifest(other / step)
            self.assertEqual(ours["rows"], theirs["rows"])
            self.assertEqual(ours["ledger"], theirs["ledger"])
            self.assertEqual(ours.get("evaluation"), theirs.get("evaluation"))
        manifest = self.manifest("one")
        self.assertEqual({file["path"] for file in manifest["files"]}, set(tree(one)))
        self.assertEqual([file["role"] for file in manifest["inputs"]], ["shipping_logs", "product_description"])
        self.assertEqual(list(manifest["milliseconds"]), ["data_preprocessing", "feature_engineering", "model_training", "total"])

    def test_run_equals_the_four_commands_on_other_data(self):
        subprocess.run([sys.executable, EXAMPLE / "make_data.py", self.folder / "data", "2000"], check=True)
        one, _ = self.run_all("one", *BIKES, sources=RIDES, params=None)
        self.check_equal(one, self.commands("other", *BIKES, sources=RIDES, params=None))

    def test_describe_finds_the_model_in_every_folder_around_it(self):
        self.sample()
        self.run_all("out")
        shown = [self.run_binary("describe", folder) for folder in ("out", "out/model_training", "out/model_training/model")]
        self.assertEqual([done.returncode for done in shown], [0, 0, 0])
        self.assertTrue(shown[0].stdout.startswith("gbt predicting actual_shipping_days from 10 features\n6 trees"), shown[0].stdout)
        self.assertEqual([done.stdout for done in shown], [shown[0].stdout] * 3)

    def test_threads_and_repeats_change_no_byte(self):
        self.sample(20000)
        kept = []
        for output, threads in (("a", 1), ("b", 2), ("c", 5), ("d", 5)):
            out, _ = self.run_all(output, "--threads", threads)
            files = {name: digest for name, digest in tree(out).items() if not name.endswith("manifest.json")}
            kept.append({n: d for n, d in files.items() if "pipeline_model" in n or "/model/" in n or n.endswith("metrics.json")})
            self.assertEqual(rows_of(out / FRAMES[2]), rows_of(self.folder / "a" / FRAMES[2]))
        self.assertGreater(len(kept[0]), 20)
        for other in kept[1:]:
            self.assertEqual(kept[0], other)

    def test_the_end_shows_the_metrics_beside_the_baselines(self):
        self.sample()
        out, done = self.run_all("out")
        evaluation = self.manifest("out/model_training")["evaluation"]["validation"]
        self.assertEqual(list(evaluation), ["gbt", "gbt, rounded", "training mean", "expected_shipping_days"])
        _, training = self.predictions(out / "model_training/training")
        labels = [float(line.split(",")[0]) for line in training]
        mean = sum(labels) / len(labels)
        table = parquet.read_table(out / FRAMES[3]).to_pylist()
        errors = {
            "training mean": [mean - row["actual_shipping_days"] for row in table],
            "expected_shipping_days": [row["expected_shipping_days"] - row["actual_shipping_days"] for row in table],
        }
        for name, values in errors.items():
            self.assertAlmostEqual(evaluation[name]["mean_absolute_error"], sum(map(abs, values)) / len(values), places=5)
            self.assertAlmostEqual(evaluation[name]["mean_squared_error"], sum(v * v for v in values) / len(values), places=4)
        metrics = json.loads((out / "model_training/validation/metrics.json").read_text())
        # metrics.json is Spark's, of numbers in single precision.
        self.assertAlmostEqual(evaluation["gbt"]["mean_absolute_error"], metrics["raw_predictions_mean_absolute_error"], places=6)
        for name in evaluation:
            self.assertIn(f"  {name} ", done.stderr)

    def test_evaluation_is_what_numpy_makes_of_the_predictions(self):
        self.sample()
        out, _ = self.run_all("out")
        evaluation = json.loads((out / "model_training/evaluation.json").read_text())
        self.assertEqual([evaluation[key] for key in ("version", "model", "label")], [1, "gbt", "actual_shipping_days"])
        for part in ("training", "validation"):
            _, lines = self.predictions(out / "model_training" / part)
            rows = [[float(field) for field in line.split(",")[:3]] for line in lines]
            self.assertEqual(evaluation[part]["rows"], len(rows))
            labels, rounded, raw = (numpy.array(column) for column in zip(*rows))
            for name, predicted in (("gbt", raw), ("gbt, rounded", rounded)):
                errors = numpy.abs(predicted - labels)
                expected = {
                    "mean_absolute_error": errors.mean(),
                    "mean_squared_error": (errors**2).mean(),
                    "root_mean_squared_error": numpy.sqrt((errors**2).mean()),
                    "r2": 1 - (errors**2).mean() / labels.var(),
                    "median_absolute_error": numpy.quantile(errors, 0.5),
                    "absolute_error_90_percent": numpy.quantile(errors, 0.9),
                    "share_within_one": (errors <= 1).mean(),
                }
                self.assertEqual(list(evaluation[part]["predictors"][name]), list(expected))
                for metric, value in expected.items():
                    self.assertAlmostEqual(evaluation[part]["predictors"][name][metric], value, places=9, msg=metric)
        table = parquet.read_table(out / FRAMES[3]).to_pylist()
        by = evaluation["validation"]["by"]
        self.assertEqual(list(by), ["carrier_reduced_indexed_ohe", "shipping_origin_reduced_indexed_ohe", "shipping_priority_indexed_ohe", "in_bulk_order_indexed"])
        for column, categories in by.items():
            self.assertEqual(sum(category["rows"] for category in categories.values()), len(table), column)
        errors = [abs(row["expected_shipping_days"] - row["actual_shipping_days"]) for row in table if row["in_bulk_order_indexed"] == 0]
        most = next(category for category in by["in_bulk_order_indexed"].values() if category["rows"] == len(errors))
        self.assertAlmostEqual(most["predictors"]["expected_shipping_days"]["mean_absolute_error"], sum(errors) / len(errors), places=9)

    def test_a_model_worse_than_a_baseline_is_warned_of(self):
        self.sample(500)
        _, done = self.run_all("out", params="{'maxIter': 1, 'maxDepth': 0, 'stepSize': 0.1}")
        self.assertIn("warning", done.stderr)
        self.assertIn("the model is NOT BETTER than the baseline 'training mean'", done.stderr)

    def test_a_changed_model_is_refused(self):
        self.sample(500)
        out, _ = self.run_all("out")
        trees = next((out / "model_training/model/stages").glob("1_*/treesMetadata/part-*"))
        trees.write_bytes(trees.read_bytes() + b" ")
        error = self.run_binary("describe", "out")
        self.assertEqual(error.returncode, 1)
        self.assertEqual(error.stderr.count("\n"), 1, error.stderr)

    def test_a_baseline_that_is_not_there_or_no_number(self):
        self.sample(500)
        self.run_binary("init")
        text = (self.folder / "workflow.yaml").read_text()
        change = lambda new: (self.folder / "workflow.yaml").write_text(text.replace("baselines: [expected_shipping_days]", new))
        command = ("run", "--workflow", "workflow.yaml", *SOURCES, "--output", "out")
        change("baselines: [expected_shiping_days]")
        self.assertIn("has no column 'expected_shiping_days', which 'baselines' of the workflow names; did you mean "
                      "'expected_shipping_days'?", self.refusal(*command))
        change("baselines: [order_id]")
        self.assertIn("the baseline 'order_id' is of type string; it must be numeric", self.refusal(*command))
        change("baselines: [actual_shipping_days]")
        self.assertIn("the label 'actual_shipping_days' can't be a baseline of itself", self.refusal(*command, code=2))
        change("")
        self.succeed(*command)
        evaluation = self.manifest("out/model_training")["evaluation"]["validation"]
        self.assertEqual(list(evaluation), ["gbt", "gbt, rounded", "training mean"])

    def test_a_time_stamped_folder(self):
        self.sample(500)
        for value in (["--add-timestamp-to-output"], ["--add-timestamp-to-output", "True"]):
            self.run_all("stamped", *value)
            time.sleep(1.1)
        names = sorted(path.name for path in (self.folder / "stamped").iterdir())
        self.assertEqual(len(names), 2)
        for name in names:
            self.assertRegex(name, r"^\d{8}-\d{6}$")
            self.assertTrue((self.folder / "stamped" / name / "manifest.json").exists())
        self.run_all("plain", "--add-timestamp-to-output", "false")
        self.assertTrue((self.folder / "plain/manifest.json").exists())


class RefusalTest(EndToEndTest):
    def command(self, *flags, output="out"):
        return ("run", "--shipping-logs", "logs.csv", "--product-description", "products.csv", "--output", output, *flags)

    def test_wrong_parameters_are_found_before_any_data_is_read(self):
        # The data can't be read: there is none.
        for flags, wanted in (
            (("--model-params", "{'maxIterr': 3}"), "--model-params: unknown parameter 'maxIterr'; did you mean 'maxIter'?"),
            (("--model-params", "{'maxIter': 2+3}"), "--model-params: at character "),
            (("--model-params", "{'maxIter': 0}"), "--model-params: parameter 'maxIter' is 0; allowed: 1 or more"),
            (("--model-params", "{'maxDepth': 5.5}"), "--model-params: parameter 'maxDepth' must be a whole number, not 5.5"),
            (("--model-type", "gtb"), "--model-type: model type 'gtb' is not supported; there is: gbt, "
             "factorization_machine, xgboost; did you mean 'gbt'?"),
            (("--training-fraction", "1"), "--training-fraction: 1 does not lie between 0 and 1, both excluded"),
            (("--add-timestamp-to-output", "maybe"), "--add-timestamp-to-output: 'maybe' is neither true nor false"),
        ):
            self.assertTrue(self.refusal(*self.command(*flags), code=2).startswith(wanted), wanted)
        self.assertEqual(self.refusal("run", "--output", "out", code=2),
                         "--shipping-logs PATH and --product-description PATH are missing; see firesteel run --help")

    def test_bad_data_leaves_nothing_behind(self):
        self.assertEqual(self.refusal(*self.command()), "source 'shipping_logs': 'logs.csv' does not exist")
        self.write_shipping(200, {n: {"ShippingPriority": "Rocket"} for n in range(195, 200)})
        message = self.refusal(*self.command())
        for part in ("data frame 'out/data_preprocessing/validation': stage StringIndexer_", "'Rocket'", "5 rows"):
            self.assertIn(part, message)
        self.write_shipping(200, {199: {"ActualShippingDays": ""}})
        self.assertEqual(
            self.refusal(*self.command()),
            "validation 'out/feature_engineering/validation/dataframe': the label 'actual_shipping_days' is null, NaN or infinite "
            "in 1 of 20 rows; leave such rows out or fill them in before training",
        )

    def test_what_may_be_replaced(self):
        self.write_shipping(200)
        self.succeed(*self.command())
        before = tree(self.folder / "out")
        self.assertIn("exists already", self.refusal(*self.command("--overwrite-output", "False")))
        self.succeed(*self.command())
        same = {name: digest for name, digest in tree(self.folder / "out").items() if not name.endswith("manifest.json")}
        self.assertEqual(same, {name: digest for name, digest in before.items() if not name.endswith("manifest.json")})
        self.write("out/model_training/notes.txt", "mine")
        self.assertIn("holds 'model_training/notes.txt', which this step did not write", self.refusal(*self.command()))
        (self.folder / "out/model_training/notes.txt").unlink()
        # A step of its own may have been run again in its folder, and the folder as a whole may be theirs.
        self.succeed(*self.preprocessing("out/data_preprocessing"), "--training-fraction", "0.5")
        self.succeed(*self.command())
        (self.folder / "out/manifest.json").unlink()
        self.succeed(*self.command())
        self.assertIn("which would be replaced", self.refusal(*self.command(output=".")))
        shutil.rmtree(self.folder / "out")
        self.write("out/data.txt", "mine")
        self.assertIn("holds 'data.txt'", self.refusal(*self.command()))


class ColumnsTest(EndToEndTest):
    """Weights and held-out rows: columns of the training frame that a parameter names."""

    WORKFLOW = """\
version: 1
name: weighted
sources:
  rows:
    types: {Held: boolean, Weight: double, Label: double, X: double, Key: string}
date: {column: day}
stages: []
label: label
ids: [key, held, weight, day]
"""

    def prepare(self, change=lambda n, row: row):
        self.write("workflow.yaml", self.WORKFLOW.rstrip("\n"))
        rows = []
        for n in range(400):
            row = {"Day": f"2024-{n // 40 + 1:02}-{n % 40 // 2 + 1:02}", "Key": f"k{n}", "X": n % 37, "Weight": 1 + n % 3,
                   "Held": "true" if n % 5 == 0 else "false", "Label": (n % 37) * 2 + n % 7}
            rows.append(",".join(str(value) for value in change(n, row).values()))
        self.write("rows.csv", "Day,Key,X,Weight,Held,Label", *rows)

    def command(self, params, output="out"):
        return ("run", "--workflow", "workflow.yaml", "--rows", "rows.csv", "--output", output, "--model-params", params)

    def nodes(self, output):
        files = (self.folder / output / "model_training/model/stages").glob("1_GBTRegressor_*/data/part-*.parquet")
        return [row for file in files for row in parquet.read_table(file).to_pylist()]

    def test_weights_change_the_trees(self):
        self.prepare()
        self.succeed(*self.command("{'maxIter': 3}", "plain"))
        self.succeed(*self.command("{'maxIter': 3, 'weightCol': 'weight'}", "weighted"))
        self.assertEqual(self.manifest("weighted/model_training")["parameters"]["feature_columns"], ["x"])
        plain, weighted = self.nodes("plain"), self.nodes("weighted")
        self.assertNotEqual(plain, weighted)
        root = next(row["nodeData"] for row in weighted if row["treeID"] == 0 and row["nodeData"]["id"] == 0)
        rows = self.manifest("weighted/data_preprocessing")["rows"]["training"]
        self.assertEqual(root["rawCount"], rows)
        self.assertEqual(root["impurityStats"][0], sum(1 + n % 3 for n in range(400) if n < rows))

    def test_held_out_rows_stop_the_training(self):
        self.prepare()
        self.succeed(*self.command("{'maxIter': 40, 'validationIndicatorCol': 'held', 'validationTol': 0.01}"))
        rows = self.manifest("out/data_preprocessing")["rows"]["training"]
        root = next(row["nodeData"] for row in self.nodes("out") if row["treeID"] == 0 and row["nodeData"]["id"] == 0)
        self.assertEqual(root["rawCount"], rows - len(range(0, rows, 5)))
        self.assertLess(self.manifest("out/model_training")["trained"]["num_trees"], 40)
        # Predictions are of all rows.
        self.assertEqual(self.manifest("out/model_training")["rows"]["training"], rows)

    def test_columns_that_can_not_be_used(self):
        self.prepare()
        for params, wanted in (
            ("{'weightCol': 'wieght'}", "has no column 'wieght', which a model parameter names; did you mean 'weight'?"),
            ("{'weightCol': 'key'}", "the weight 'key' is of type string; it must be numeric"),
            ("{'validationIndicatorCol': 'weight'}", "is of type double; it must be boolean"),
        ):
            self.assertIn(wanted, self.refusal(*self.command(params)))
        self.prepare(lambda n, row: {**row, "Weight": -1 if n == 7 else 1})
        self.assertIn("the weight 'weight' is negative in 1 of ", self.refusal(*self.command("{'weightCol': 'weight'}")))
        self.prepare(lambda n, row: {**row, "Weight": "" if n in (7, 9) else 1})
        self.assertIn("the weight 'weight' is null, NaN or infinite in 2 of ", self.refusal(*self.command("{'weightCol': 'weight'}")))
        self.prepare(lambda n, row: {**row, "Held": "" if n == 7 else "true"})
        self.assertIn("is null in 1 of ", self.refusal(*self.command("{'validationIndicatorCol': 'held'}")))


class StopTest(EndToEndTest):
    ROWS = 100000

    def test_signals_leave_nothing_behind(self):
        self.run_binary("sample-data", "--output", "data", "--rows", self.ROWS, "-q")
        before = tree(self.folder)
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            for step in ("data_preprocessing", "feature_engineering", "model_training"):
                process = subprocess.Popen(
                    [BINARY, "run", *SOURCES, "--output", "some/out", "--threads", "1", "--model-params", "{'maxIter': 200}"],
                    cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                deadline = time.monotonic() + 60
                while not list(self.folder.glob(f"some/.out.firesteel-*/{step}")) and time.monotonic() < deadline:
                    self.assertIsNone(process.poll(), "the run ended before it could be stopped")
                    time.sleep(0.001)
                process.send_signal(number)
                _, err = process.communicate(timeout=60)
                self.assertEqual(process.returncode, code, err)
                # A training may have begun, and is saved then (resume_test.py).
                last = message_of(err.splitlines()[-1], code)
                if number == signal.SIGTERM and step == "model_training" and " saved after " in last:
                    (self.folder / "some/.out.firesteel-progress").unlink()
                else:
                    self.assertEqual(last, "stopped; nothing was written")
                self.assertEqual(tree(self.folder), before)
                self.assertEqual([path.name for path in (self.folder / "some").rglob("*")], ["out", "status.json"])
                self.assertEqual(json.loads((self.folder / "some/out/status.json").read_text())["state"], "stopped")
                shutil.rmtree(self.folder / "some")

    def test_progress_tells_how_many_trees_are_done(self):
        self.run_binary("sample-data", "--output", "data", "--rows", 2000, "-q")
        shown = self.run_on_terminal("run", *SOURCES, "--output", "out", "--threads", 1, "--model-params",
                                     "{'maxIter': 2000, 'maxDepth': 8}")
        self.assertRegex(shown, rb"training \d+/2000 ")


main()
