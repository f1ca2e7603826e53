"""Whatever is wrong with the data or the folders is said in one line, and nothing is left behind."""

import json
import os
import shutil

from harness import LOG_HEADER, PRODUCT_HEADER, EndToEndTest, log_rows, main, tree


class SourcesTest(EndToEndTest):
    def refuse(self, code=1):
        return self.refusal(*self.preprocessing(), code=code)

    def test_a_missing_file(self):
        self.write_shipping()
        (self.folder / "logs.csv").unlink()
        self.assertEqual(self.refuse(), "source 'shipping_logs': 'logs.csv' does not exist")

    def test_an_empty_file(self):
        self.write_shipping()
        self.write("products.csv")
        self.assertEqual(self.refuse(), "products.csv: the file is empty; expected a header line")

    def test_an_empty_folder(self):
        self.write_shipping()
        (self.folder / "logs.csv").unlink()
        self.write("logs.csv/_SUCCESS")
        self.assertIn("source 'shipping_logs': there is no data file in 'logs.csv'", self.refuse())

    def test_a_header_and_no_rows(self):
        self.write_shipping()
        self.write("logs.csv", LOG_HEADER)
        self.assertEqual(self.refuse(), "source 'shipping_logs': 'logs.csv' has no rows")
        self.write_shipping()
        self.write("products.csv", PRODUCT_HEADER)
        self.assertEqual(self.refuse(), "source 'product_description': 'products.csv' has no rows")

    def test_a_missing_date_column(self):
        self.write_shipping()
        self.write("logs.csv", LOG_HEADER.replace("OrderDate", "OrderData"), *log_rows(9))
        self.assertIn("there is no date column 'order_date'; did you mean 'order_data'?; columns are product_id, ", self.refuse())

    def test_a_missing_join_key(self):
        self.write_shipping()
        self.write("products.csv", PRODUCT_HEADER.replace("ProductId", "ProdId"), "Bell,Base,1,2,p0")
        message = self.refuse()
        self.assertTrue(message.startswith("joining 'product_description': "), message)
        self.assertIn("has no column 'ProductId'; did you mean 'ProdId'?", message)

    def test_columns_that_get_the_same_name(self):
        self.write_shipping()
        self.write("products.csv", "order_id,ProductId", "a,p0")
        self.assertEqual(
            self.refuse(),
            "the columns 'OrderID' and 'order_id' would both be called 'order_id'; rename one in its file, or set "
            "column_names: as_is in the workflow",
        )

    def test_a_date_that_does_not_parse(self):
        self.write_shipping(changes={7: {"OrderDate": "13/45/20"}, 30: {"OrderDate": "tomorrow"}, 31: {"OrderDate": ""}})
        self.assertEqual(
            self.refuse(), "logs.csv line 9: OrderDate is '13/45/20', which is not a date of the form M/d/yy; such rows: 2 of 60"
        )

    def test_blanks_around_a_date_do_not_matter(self):
        self.write_shipping(changes={7: {"OrderDate": " 1/8/20"}, 8: {"OrderDate": "1/9/20 "}})
        self.succeed(*self.preprocessing())
        self.assertEqual(self.manifest("rows")["ledger"]["joined"]["rejected"], {})
        self.assertEqual(self.manifest("rows")["split"]["dates"], 60)

    def test_fewer_than_two_dates(self):
        wanted = "column 'order_date': a split by date needs at least two distinct dates; found "
        self.write_shipping(changes={n: {"OrderDate": "1/5/20"} for n in range(60)})
        self.assertEqual(self.refuse(), wanted + "only 2020-01-05")
        self.write_shipping(changes={n: {"OrderDate": ""} for n in range(60)})
        self.assertEqual(self.refuse(), wanted + "only rows without a date")

    def test_rows_without_a_date_are_counted_and_left_out(self):
        self.write_shipping(changes={7: {"OrderDate": ""}, 9: {"OrderDate": ""}})
        done = self.succeed(*self.preprocessing())
        self.assertIn("warning 2 of 60 rows have no order_date and are in neither part", done.stderr)
        self.assertEqual(self.manifest("rows")["ledger"]["joined"], {"read": 60, "used": 58, "rejected": {"null_date": 2}})

    def test_a_cut_that_falls_on_rows_without_a_date(self):
        self.write_shipping(changes={n: {"OrderDate": ""} for n in range(58)})
        self.succeed(*self.preprocessing())
        ledger = self.manifest("rows")["ledger"]["joined"]
        self.assertEqual(ledger, {"read": 60, "used": 0, "rejected": {"null_cut_off_date": 2, "null_date": 58}})

    def test_records_that_are_no_csv(self):
        self.write_shipping()
        self.write("logs.csv", LOG_HEADER, *log_rows(20), "1,2,3")
        self.assertEqual(self.refuse(), "logs.csv: line 22: 3 fields where the header has 12")
        self.write("logs.csv", LOG_HEADER, *log_rows(20), '"1,2')
        self.assertEqual(self.refuse(), "logs.csv: line 22: field 1 opens a quote that is never closed")

    def test_a_fraction_outside_of_0_and_1(self):
        self.write_shipping()
        for text in ("0", "1", "-0.5", "1.5"):
            self.assertEqual(
                self.refusal(*self.preprocessing(), "--training-fraction", text, code=2),
                f"--training-fraction: {text} does not lie between 0 and 1, both excluded",
            )
        for text in ("nan", "x", "0.5x", ""):
            self.assertEqual(
                self.refusal(*self.preprocessing(), "--training-fraction", text, code=2),
                f"--training-fraction: '{text}' is not a number",
            )


class OutputTest(EndToEndTest):
    def setUp(self):
        super().setUp()
        self.write_shipping()
        self.succeed(*self.preprocessing())

    def test_an_output_that_exists(self):
        before = tree(self.folder)
        for value in ("false", "False", "FALSE"):
            message = self.refusal(*self.preprocessing(), "--overwrite-output", value)
            self.assertIn(f"the output '{self.folder.resolve()}/rows' exists already", message)
        self.assertEqual(tree(self.folder), before)
        self.succeed(*self.preprocessing(), "--overwrite-output")

    def test_foreign_files(self):
        self.write("rows/training/notes.txt", "mine")
        message = self.refusal(*self.preprocessing())
        self.assertIn("holds 'training/notes.txt', which this step did not write and will not delete", message)
        (self.folder / "rows/training/notes.txt").unlink()
        self.write("rows/other_step/part-00000")
        self.assertIn("holds 'other_step'", self.refusal(*self.preprocessing()))

    def test_output_of_spark_is_replaced(self):
        shutil.rmtree(self.folder / "rows")
        name = "part-00000-1b4e28ba-2fa1-11d2-883f-0016d3cca427-c000.snappy.parquet"
        for file in (name, f".{name}.crc", "_SUCCESS", "._SUCCESS.crc"):
            self.write(f"rows/training/{file}", "old")
        self.succeed(*self.preprocessing())
        self.assertNotIn(f"training/{name}", tree(self.folder / "rows"))

    def test_an_input_inside_the_output(self):
        self.assertIn("which would be replaced", self.refusal(*self.preprocessing(".")))
        self.assertIn("the input 'rows/training' lies in the output",
                      self.refusal("feature-engineering", "--dataframe", "rows/training", "--output", "rows"))

    def test_outputs_that_can_not_be_written(self):
        self.write("file")
        self.assertIn("is a file; give a folder", self.refusal(*self.preprocessing("file")))
        self.assertIn("Not a directory", self.refusal(*self.preprocessing("file/rows")))
        self.assertIn("can't write the output '/proc/rows'", self.refusal(*self.preprocessing("/proc/rows")))
        if os.geteuid() != 0:
            (self.folder / "closed").mkdir(mode=0o500)
            self.assertIn("Permission denied", self.refusal(*self.preprocessing("closed/rows")))

    def test_missing_parents_are_made(self):
        self.succeed(*self.preprocessing("some/new/place"))
        self.assertTrue((self.folder / "some/new/place/training/_SUCCESS").exists())

    def test_a_failed_run_keeps_the_old_output(self):
        before = tree(self.folder / "rows")
        self.write("logs.csv", LOG_HEADER)
        self.refusal(*self.preprocessing())
        self.assertEqual(tree(self.folder / "rows"), before)


class FeaturesTest(EndToEndTest):
    MODEL = "features/pipeline_model"

    def features(self, part, output, *rest):
        return ("feature-engineering", "--dataframe", f"rows/{part}", "--output", output, *rest)

    def prepare(self, changes=None):
        self.write_shipping(200, changes)
        self.succeed(*self.preprocessing())

    def fit(self):
        self.succeed(*self.features("training", "features"))

    def refuse_model(self):
        return self.refusal(*self.features("validation", "validation", "--pipeline-model", self.MODEL))

    def stage(self, number):
        return next((self.folder / self.MODEL / "stages").glob(f"{number}_*"))

    def change_metadata(self, number, change):
        folder = self.stage(number) / "metadata"
        for checksum in folder.glob(".*.crc"):
            checksum.unlink()
        metadata = next(folder.glob("part-*"))
        metadata.write_text(change(metadata.read_text()))
        return metadata.relative_to(self.folder)

    def test_a_category_that_training_had_not(self):
        self.prepare({n: {"ShippingPriority": "Rocket"} for n in range(195, 200)})
        self.fit()
        message = self.refuse_model()
        for part in ("data frame 'rows/validation': stage StringIndexer_", "'shipping_priority'", "'Rocket'", "5 rows", "handleInvalid"):
            self.assertIn(part, message)

    def test_a_null_where_spark_fails(self):
        self.prepare({6: {"ShippingPriority": ""}})
        message = self.refusal(*self.features("training", "features"))
        for part in ("data frame 'rows/training': stage StringIndexer_", "'shipping_priority'", "null", "1 row"):
            self.assertIn(part, message)

    def test_missing_inputs(self):
        self.prepare()
        self.assertEqual(self.refusal(*self.features("nothing", "features")), "data frame: 'rows/nothing' does not exist")
        self.assertEqual(self.refuse_model(), f"pipeline model: there is no folder '{self.MODEL}'")

    def test_a_frame_without_the_columns(self):
        self.prepare()
        self.fit()
        message = self.refusal("feature-engineering", "--dataframe", "features/dataframe", "--output", "again")
        self.assertIn("data frame 'features/dataframe': stage SQLTransformer_", message)
        self.assertIn("carrier", message)

    def test_parquet_that_is_cut_short(self):
        self.prepare()
        part = next((self.folder / "rows/training").glob("part-*"))
        whole = part.read_bytes()
        part.write_bytes(whole[:-100])
        message = self.refusal(*self.features("training", "features"))
        self.assertIn(f"rows/training/{part.name}: the Parquet file is cut short", message)
        part.write_bytes(b"")
        self.assertIn(f"rows/training/{part.name}: not a Parquet file", self.refusal(*self.features("training", "features")))

    def test_a_folder_that_is_no_pipeline_model(self):
        self.prepare()
        self.write(f"{self.MODEL}/file", "x")
        self.assertEqual(self.refuse_model(), f"{self.MODEL}: there is no pipeline model: the folder 'metadata' is missing")

    def test_broken_pipeline_models(self):
        self.prepare()
        self.fit()
        whole = self.stage(2) / "metadata"
        shutil.copytree(whole, self.folder / "saved")

        def restore():
            shutil.rmtree(whole)
            shutil.copytree(self.folder / "saved", whole)

        file = self.change_metadata(2, lambda text: text[:50])
        self.assertIn(f"{file}: it must be one line that holds one JSON object", self.refuse_model())
        restore()
        self.change_metadata(2, lambda text: text.replace("feature.StringIndexerModel", "feature.Zork"))
        self.assertIn("class org.apache.spark.ml.feature.Zork is not supported; known are SQLTransformer, ", self.refuse_model())
        restore()
        name = json.loads(next(whole.glob("part-*")).read_text())["class"]
        self.change_metadata(2, lambda text: text.replace(name, "mine.MyStage"))
        message = self.refuse_model()
        self.assertIn("class mine.MyStage exists only as Python code", message)
        self.assertIn("python_stages:", message)
        restore()
        next((self.stage(2) / "data").glob("part-*")).unlink()
        self.assertIn("/data", self.refuse_model())


class TrainingTest(EndToEndTest):
    TRAINING = ("model-training", "--training-dataset", "training/dataframe", "--validation-dataset", "validation/dataframe",
                "--output", "model")

    def prepare(self, changes=None):
        self.write_shipping(200, changes)
        self.succeed(*self.preprocessing())
        self.succeed("feature-engineering", "--dataframe", "rows/training", "--output", "training")
        self.succeed("feature-engineering", "--dataframe", "rows/validation", "--output", "validation",
                     "--pipeline-model", "training/pipeline_model")

    def test_labels_that_are_null(self):
        self.prepare({7: {"ActualShippingDays": ""}, 8: {"ActualShippingDays": ""}})
        self.assertEqual(
            self.refusal(*self.TRAINING),
            "training 'training/dataframe': the label 'actual_shipping_days' is null, NaN or infinite in 2 of 180 rows; leave such "
            "rows out or fill them in before training",
        )
        self.prepare({199: {"ActualShippingDays": ""}})
        self.assertIn("validation 'validation/dataframe': the label 'actual_shipping_days' is null, NaN or infinite in 1 of 20 rows",
                      self.refusal(*self.TRAINING))

    def test_labels_that_are_text(self):
        self.prepare({7: {"ActualShippingDays": "soon"}})
        self.assertEqual(self.refusal(*self.TRAINING),
                         "training 'training/dataframe': the label 'actual_shipping_days' is of type string; it must be numeric")

    def test_features_that_are_null(self):
        self.prepare({5: {"ExpectedShippingDays": ""}})
        message = self.refusal(*self.TRAINING)
        for part in ("training 'training/dataframe': stage VectorAssembler_", "'expected_shipping_days'", "null in 1 row"):
            self.assertIn(part, message)

    def test_features_that_are_not_finite(self):
        self.prepare({5: {"ExpectedShippingDays": "NaN"}, 6: {"ExpectedShippingDays": "Infinity"}})
        self.assertIn("'expected_shipping_days'", self.refusal(*self.TRAINING))
        self.prepare({6: {"ExpectedShippingDays": "Infinity"}})
        self.assertIn("the feature 'expected_shipping_days' is null, NaN or infinite in 1 of 180 rows", self.refusal(*self.TRAINING))

    def test_validation_that_lacks_columns(self):
        self.prepare()
        message = self.refusal(*self.TRAINING[:4], "rows/validation", "--output", "model")
        self.assertIn("validation 'rows/validation' lacks columns that training has: 'carrier_reduced_indexed_ohe', ", message)

    def test_frames_that_are_not_features(self):
        self.prepare()
        message = self.refusal(*self.TRAINING[:2], "rows/training", "--validation-dataset", "rows/validation", "--output", "model")
        self.assertIn("'carrier' is string", message)

    def test_parameters(self):
        self.prepare()
        for text, wanted in (
            ("{'maxIterr': 3}", "--model-params: unknown parameter 'maxIterr'; did you mean 'maxIter'?"),
            ("{'maxIter': 'a'}", "--model-params: parameter 'maxIter' must be a whole number, not \"a\""),
            ("{'maxIter': 0}", "--model-params: parameter 'maxIter' is 0; allowed: 1 or more"),
            ("{'maxDepth': True}", "--model-params: parameter 'maxDepth' must be a whole number, not true"),
            ("[1]", "--model-params: at character 1: a dict such as {'maxIter': 32} is expected, in braces"),
            ("{'maxIter':}", "--model-params: at character 12: the key 'maxIter' has no value"),
        ):
            self.assertEqual(self.refusal(*self.TRAINING, "--model-params", text, code=2), wanted)
        self.assertIn("labelCol", self.refusal(*self.TRAINING, "--model-params", "{'labelCol': 'x'}", code=2))
        message = self.refusal(*self.TRAINING, "--model-type", "gtb", code=2)
        self.assertTrue(message.startswith("--model-type: ") and "did you mean 'gbt'?" in message, message)


main()
