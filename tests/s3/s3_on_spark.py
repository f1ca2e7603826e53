"""Outputs on S3 read by PySpark, and PySpark's read from S3.

`run` and the four steps write on moto's server, and then, with other data, over it. What lies under the plain names, which is all
that `aws s3 sync` or S3A know, is copied to a local folder each time: PySpark must read there all of the last run and nothing of the
one before. The other way round, PySpark's frames and models are uploaded as they lie, .crc files and the folder objects of EMR among
them, and read by our steps.

usage: s3_on_spark.py BINARY
"""

import collections
import pathlib
import sys
import unittest

TESTS = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in ("end_to_end", "parity", "spark")]

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import GBTRegressor

import attack
import harness
import spark_workflow
from attack import Attack, LocalPlace, S3Place
from outputs import PART, UID
from s3_client import S3Client
from s3_server import S3Server
from session import open_session

PARTS = ("training", "validation")
ROWS = {"first": 900, "second": 600}
TREES = {"first": ("--model-params", "{'maxIter': 7}"), "second": ("--model-params", "{'maxIter': 4}")}
OUTPUTS = ("rows", "training", "validation", "model", "run")
# Frames by the places that they have in the outputs of the steps and of `run`.
FRAMES = {
    f"{kind} of {part}": (step, f"run/{in_run}")
    for part in PARTS
    for kind, step, in_run in (
        ("rows", f"rows/{part}", f"data_preprocessing/{part}"),
        ("features", f"{part}/dataframe", f"feature_engineering/{part}/dataframe"),
    )
}
# On S3 an output has a mark of success at its top too, for those who wait for the whole of it.
TOP_MARK = collections.Counter(["_SUCCESS"])
VECTORS = ("carrier_reduced_indexed_ohe", "shipping_origin_reduced_indexed_ohe", "shipping_priority_indexed_ohe")
PRODUCTS = f"{harness.PRODUCT_HEADER}\nBell,Base,10.1,4.2,p0\nBell,Gamer,17.3,8.0,p1\n"
WORKFLOW = spark_workflow.load_workflow(TESTS.parent / "src/workflow/shipping.yaml")


def logs(variant):
    count = ROWS[variant]
    # Row n has the same order_id in both, but other numbers and, in the first, a carrier that the second does not know.
    changes = {n: {"ActualShippingDays": 3 + n % 5, "Carrier": "Sparrow", "XShippingDistance": n % 41} for n in range(0, count, 3)}
    lines = harness.log_rows(count, changes if variant == "first" else None)
    return "".join(line + "\n" for line in [harness.LOG_HEADER, *lines])


def rows_of(frame):
    """The multiset of a frame's rows."""
    return collections.Counter(map(repr, frame.collect()))


def names_below(folder):
    """How often each name occurs below a folder, without what a run may choose: uids, and the rest of the names of part files."""
    paths = (str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    return collections.Counter(UID.sub("_UID", PART.sub(r"\1", path)) for path in paths)


class S3OnSparkTest(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(attack.temporary_folder("firesteel-s3-on-spark-")))
        cls.server = cls.enterClassContext(S3Server())
        cls.client = S3Client(cls.server.url, cls.server.bucket)
        cls.s3 = S3Place(cls.client, "outputs/")
        cls.attack = Attack(cls.s3, {}, cls.server.url)
        cls.addClassCleanup(cls.attack.close)
        cls.local, cls.plain = {}, {}
        for variant in ROWS:  # The second over the first on S3; each in a folder of its own locally.
            cls.local[variant] = LocalPlace(cls.folder / "local" / variant)
            for place in (cls.local[variant], cls.s3):
                place.put(f"in/{variant}/logs.csv", logs(variant).encode())
                place.put(f"in/{variant}/products.csv", PRODUCTS.encode())
                cls.write(place.url, variant)
            cls.plain[variant] = cls.copy_plain_names(cls.folder / "plain" / variant)
        cls.spark = open_session("s3_on_spark", spark__sql__warehouse__dir=str(cls.folder / "warehouse"))
        cls.addClassCleanup(cls.spark.stop)
        cls.theirs = cls.folder / "theirs"
        cls.write_with_spark(cls.theirs / "run", cls.local["second"].root / "in/second")

    @classmethod
    def run_binary(cls, *arguments):
        done = cls.attack.run(arguments)
        attack.check(done.code == 0, f"{arguments}: exit code {done.code}: {done.stderr}")

    @classmethod
    def write(cls, url, variant):
        """The four steps and `run`."""
        sources = ("--shipping-logs", url(f"in/{variant}/logs.csv"), "--product-description", url(f"in/{variant}/products.csv"))
        cls.run_binary("data-preprocessing", *sources, "--output", url("rows"))
        cls.run_binary("feature-engineering", "--dataframe", url("rows/training"), "--output", url("training"))
        cls.run_binary("feature-engineering", "--dataframe", url("rows/validation"), "--pipeline-model", url("training/pipeline_model"),
                       "--output", url("validation"))  # fmt: skip
        cls.run_binary("model-training", "--training-dataset", url("training/dataframe"), "--validation-dataset",
                       url("validation/dataframe"), *TREES[variant], "--output", url("model"))  # fmt: skip
        cls.run_binary("run", *sources, *TREES[variant], "--output", url("run"))

    @classmethod
    def write_with_spark(cls, folder, inputs):
        """The same as `run` by PySpark, in four steps, and its model, which those throw away."""
        sources = {"shipping_logs": inputs / "logs.csv", "product_description": inputs / "products.csv"}
        spark_workflow.run_all(cls.spark, WORKFLOW, sources, folder, params={"maxIter": 4})
        training = cls.spark.read.parquet(str(folder / "feature_engineering/training/dataframe"))
        columns = spark_workflow.feature_columns(WORKFLOW, training)
        assembler = VectorAssembler(inputCols=columns, outputCol=spark_workflow.FEATURES_COLUMN)
        trees = GBTRegressor(maxIter=4, labelCol=WORKFLOW["label"], featuresCol=spark_workflow.FEATURES_COLUMN)
        Pipeline(stages=[assembler, trees]).fit(training).save(str(folder.parent / "model"))

    @classmethod
    def copy_plain_names(cls, folder, outputs=OUTPUTS):
        """Downloads outputs as a program that knows no list sees them."""
        for name in outputs:
            for path, content in cls.s3.files(name).items():
                if not path.startswith("_firesteel/") and not path.endswith("/"):
                    file = folder / name / path
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content)
        return folder

    def read(self, folder):
        return self.spark.read.parquet(str(folder))

    def read_predictions(self, folder):
        schema = "actual_shipping_days int, rounded_prediction double, raw_prediction double, order_id string"
        return self.spark.read.csv(str(folder), header=True, schema=schema, enforceSchema=False, mode="FAILFAST")

    def assert_same_frame(self, got, wanted):
        self.assertEqual(got.schema, wanted.schema)  # Attributes among it.
        rows = rows_of(got)
        self.assertGreater(rows.total(), 0)
        self.assertEqual(rows, rows_of(wanted))

    def assert_same_rows(self, got, wanted):
        self.assertEqual(got.columns, wanted.columns)
        rows = rows_of(got)
        self.assertGreater(rows.total(), 0)
        self.assertEqual(rows, rows_of(wanted))

    def check_plain_names(self, variant):
        for name in OUTPUTS:
            with self.subTest(variant=variant, output=name):
                plain, local = self.plain[variant] / name, self.local[variant].root / name
                self.assertEqual(names_below(plain), names_below(local) + TOP_MARK)

    def check_frames(self, variant):
        for what, (step, in_run) in FRAMES.items():
            wanted = self.read(self.local[variant].root / step).cache()
            for name in (step, in_run):
                with self.subTest(variant=variant, frame=what, name=name):
                    folder = self.plain[variant] / name
                    self.assertTrue((folder / "_SUCCESS").is_file())
                    got = self.read(folder)
                    self.assert_same_frame(got, wanted)
                    if what.startswith("features"):
                        row = got.first()
                        for vector in VECTORS:
                            attributes = got.schema[vector].metadata["ml_attr"]["attrs"]
                            self.assertEqual(sum(map(len, attributes.values())), row[vector].size, vector)

    def test_a_lister_of_plain_names_sees_the_first_run(self):
        self.check_plain_names("first")
        self.check_frames("first")

    def test_a_lister_of_plain_names_sees_the_second_run_and_nothing_of_the_first(self):
        self.check_plain_names("second")
        self.check_frames("second")
        ids = self.read(self.plain["second"] / "run/data_preprocessing/{training,validation}").select("order_id", "carrier").collect()
        self.assertEqual({row.order_id for row in ids}, {f"order-{n}" for n in range(ROWS["second"])})
        self.assertNotIn("Sparrow", {row.carrier for row in ids})

    def test_pipeline_models_make_our_frames(self):
        for variant in ROWS:
            for where, rows, features in (("", "rows/", ""), ("run/", "data_preprocessing/", "feature_engineering/")):
                model = PipelineModel.load(str(self.plain[variant] / f"{where}{features}training/pipeline_model"))
                for part in PARTS:
                    with self.subTest(variant=variant, where=where, part=part):
                        made = model.transform(self.read(self.plain[variant] / f"{where}{rows}{part}"))
                        self.assert_same_rows(made, self.read(self.local[variant].root / f"{part}/dataframe"))

    def test_models_make_our_predictions(self):
        for variant in ROWS:
            for model, frame in (("model", "{}/dataframe"), ("run/model_training", "run/feature_engineering/{}/dataframe")):
                loaded = PipelineModel.load(str(self.plain[variant] / model / "model"))
                self.assertEqual(loaded.stages[-1].getNumTrees, {"first": 7, "second": 4}[variant])
                for part in PARTS:
                    with self.subTest(variant=variant, model=model, part=part):
                        written = self.read_predictions(self.plain[variant] / model / part / "predictions.csv")
                        made = spark_workflow.predict(WORKFLOW, loaded, self.read(self.plain[variant] / frame.format(part)))
                        self.assert_same_rows(written, made)
                        local = self.read_predictions(self.local[variant].root / "model" / part / "predictions.csv")
                        self.assert_same_rows(written, local)

    def test_what_spark_wrote_is_read_from_s3(self):
        place = S3Place(self.client, "theirs/")
        self.upload(self.theirs, place)
        frame_names = {part: f"run/feature_engineering/{part}/dataframe" for part in PARTS}
        for name in frame_names.values():
            self.assertTrue(any(path.endswith(".parquet.crc") for path in place.files(name)))

        url, out = place.url, self.s3.url
        pipeline_model = url("run/feature_engineering/training/pipeline_model")
        for part in PARTS:
            self.run_binary("feature-engineering", "--dataframe", url(f"run/data_preprocessing/{part}"), "--pipeline-model",
                            pipeline_model, "--output", out(f"of_theirs/{part}"))  # fmt: skip
        self.run_binary("model-training", "--training-dataset", url(frame_names["training"]), "--validation-dataset",
                        url(frame_names["validation"]), *TREES["second"], "--output", out("of_theirs/model"))  # fmt: skip
        self.run_binary("predict", "--model", url("model"), "--input", url(frame_names["validation"]), "--output",
                        out("of_theirs/predicted"))  # fmt: skip
        self.run_binary("predict", "--model", url("model"), "--pipeline-model", pipeline_model, "--shipping-logs",
                        out("in/second/logs.csv"), "--product-description", out("in/second/products.csv"), "--output",
                        out("of_theirs/predicted_logs"))  # fmt: skip
        outputs = [f"of_theirs/{name}" for name in (*PARTS, "model", "predicted", "predicted_logs")]
        ours = self.copy_plain_names(self.folder / "plain", outputs) / "of_theirs"

        frames = {part: self.read(self.theirs / name) for part, name in frame_names.items()}
        model = PipelineModel.load(str(self.theirs / "model"))
        made = {part: spark_workflow.predict(WORKFLOW, model, frame) for part, frame in frames.items()}
        for part in PARTS:
            with self.subTest(part):
                self.assert_same_frame(self.read(ours / part / "dataframe"), frames[part])
                # Our trees on Spark's frames are Spark's trees.
                self.assert_same_rows(self.read_predictions(ours / "model" / part / "predictions.csv"), made[part])
        self.assert_same_rows(self.read_predictions(ours / "predicted/predictions.csv"), made["validation"])
        both = made["training"].union(made["validation"])
        self.assert_same_rows(self.read_predictions(ours / "predicted_logs/predictions.csv"), both)

    def test_what_spark_wrote_is_replaced(self):
        place = S3Place(self.client, "outputs/over_theirs/")
        self.upload(self.theirs / "run", place)
        sources = ("--shipping-logs", self.s3.url("in/first/logs.csv"), "--product-description", self.s3.url("in/first/products.csv"))
        self.run_binary("run", *sources, *TREES["first"], "--output", self.s3.url("over_theirs"))
        files = self.copy_plain_names(self.folder / "plain", ["over_theirs"]) / "over_theirs"
        wanted = self.local["first"].root / "run"
        self.assertEqual(names_below(files), names_below(wanted) + TOP_MARK)
        for step, in_run in FRAMES.values():
            self.assert_same_frame(self.read(files / in_run.removeprefix("run/")), self.read(self.local["first"].root / step))

    def upload(self, folder, place):
        """Uploads all files, and for each folder the empty objects that EMR and S3 consoles put there."""
        for path in folder.rglob("*"):
            name = str(path.relative_to(folder))
            if path.is_file():
                place.put(name, path.read_bytes())
            else:
                place.put(f"{name}_$folder$", b"")
                place.put(f"{name}/", b"")


if __name__ == "__main__":
    if not attack.BINARY.is_file():
        sys.exit(__doc__)
    done = unittest.main(exit=False, verbosity=0, warnings="ignore").result
    failed = len({test.id().partition(" ")[0] for test, _ in done.failures + done.errors})
    print(f"s3_on_spark: {max(done.testsRun - failed, 0)} passed, {failed} failed")
    sys.exit(0 if done.wasSuccessful() and done.testsRun else 1)
