"""evaluate: a saved model judged on rows with labels. What training said of the validation part again, from any input."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from harness import EndToEndTest, main

SOURCES = ("--shipping-logs", "data/ShippingLogs.csv", "--product-description", "data/ProductDescriptions.csv")
FRAME = "out/feature_engineering/validation/dataframe"


class EvaluateTest(EndToEndTest):
    """A model trained on sample data, in out/."""

    def setUp(self):
        super().setUp()
        self.succeed("sample-data", "--output", "data", "--rows", "2000", "--quiet")
        self.succeed("run", *SOURCES, "--output", "out", "--model-params", "{'maxIter': 5}", "--quiet")

    def evaluate(self, *flags):
        done = self.succeed("evaluate", "--model", "out", "--output", "judged", *flags)
        return json.loads((self.folder / "judged/evaluation.json").read_text()), done

    def changed_frame(self, change):
        table = pq.read_table(self.folder / FRAME)
        (self.folder / "changed").mkdir(exist_ok=True)
        pq.write_table(change(table), self.folder / "changed/part-0.parquet")
        return "changed"

    def test_the_validation_part_is_judged_as_training_judged_it(self):
        judged, done = self.evaluate("--input", FRAME)
        trained = json.loads((self.folder / "out/model_training/evaluation.json").read_text())
        self.assertEqual([judged[key] for key in ("version", "model", "label")], [1, "gbt", "actual_shipping_days"])
        self.assertEqual(judged["input"], trained["validation"])
        self.assertIn("expected_shipping_days", done.stderr)
        self.assertEqual(self.manifest("judged")["evaluation"]["input"], self.manifest("out/model_training")["evaluation"]["validation"])

    def test_raw_logs_are_judged(self):
        judged, _ = self.evaluate(*SOURCES, "--pipeline-model", "out/feature_engineering/training/pipeline_model")
        trained = json.loads((self.folder / "out/model_training/evaluation.json").read_text())
        rows = [trained[part]["rows"] for part in ("training", "validation")]
        self.assertEqual(judged["input"]["rows"], sum(rows))
        errors = [trained[part]["predictors"]["gbt"]["mean_absolute_error"] for part in ("training", "validation")]
        mean = sum(n * error for n, error in zip(rows, errors)) / sum(rows)
        self.assertAlmostEqual(judged["input"]["predictors"]["gbt"]["mean_absolute_error"], mean, places=12)

    def test_rows_without_a_label_are_left_out_and_counted(self):
        def drop_labels(table):
            position = table.schema.get_field_index("actual_shipping_days")
            labels = table.column(position).to_pylist()
            labels[:3] = [None] * 3
            field = table.schema.field(position)
            return table.set_column(position, field, pa.array(labels, field.type))

        judged, done = self.evaluate("--input", self.changed_frame(drop_labels))
        rows = pq.read_table(self.folder / FRAME).num_rows
        self.assertEqual(judged["input"]["rows"], rows - 3)
        self.assertIn(f"3 of {rows} rows have no label and are not judged", done.stderr)
        self.assertEqual(self.manifest("judged")["ledger"]["input"]["rejected"], {"without_label": 3})

    def test_a_label_is_needed(self):
        frame = self.changed_frame(lambda table: table.drop_columns(["actual_shipping_days"]))
        error = self.refusal("evaluate", "--model", "out", "--input", frame, "--output", "judged")
        self.assertIn("has no label column 'actual_shipping_days', by which predictions could be judged", error)
        self.check_no_output("judged")

    def test_a_baseline_that_the_rows_lack_is_left_out(self):
        self.succeed("init", "flow.yaml")
        text = (self.folder / "flow.yaml").read_text().replace("baselines: [expected_shipping_days]", "baselines: [plan]")
        (self.folder / "flow.yaml").write_text(text)
        judged, _ = self.evaluate("--input", FRAME, "--workflow", "flow.yaml")
        self.assertEqual(list(judged["input"]["predictors"]), ["gbt", "gbt, rounded", "training mean"])


main()
