"""Runs firesteel and PySpark on the same data and compares whatever either of them writes.

    parity_test.py BINARY WORKDIR [--gbt-tool TOOL] [--seeds N] [--sample N] [--seed N] [--only NAME] [--data FOLDER]

Every comparison of a column, a schema or a metric is one check. The last line is
`parity: N passed, M failed`; the exit code is 1 if a check failed.

The forests of both sides are walked node by node (tests/spark/forest_walk.py). Where candidates tie, which rounding decides, the
tie is proved and printed; then Spark's predictions are compared with those of its own forest with our leaf values, and what our
side wrote with what Spark makes of our model.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import decimal
import json
import math
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pyarrow.parquet
from pyspark import keyword_only
from pyspark.ml import Pipeline, PipelineModel, Transformer
from pyspark.ml.feature import OneHotEncoder, SQLTransformer, StringIndexer
from pyspark.ml.linalg import DenseVector, SparseVector
from pyspark.ml.param.shared import HasInputCols, HasOutputCol
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import generate
import spark_workflow
from generate import DataSet

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/spark"))
from forest_walk import Walk, predict  # noqa: E402
from gbt_sides import Tool, forest_of  # noqa: E402

SHIPPING_WORKFLOW = ROOT / "src/workflow/shipping.yaml"
PARTS = ("training", "validation")
SCHEMA_KEY = b"org.apache.spark.sql.parquet.row.metadata"
PART_FILE = re.compile(r"part-\d{5}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-c000\.(snappy\.parquet|csv)")
VALUE_TOLERANCE = 1e-12
PREDICTION_TOLERANCE = 1e-9
METRIC_TOLERANCE = 1e-7


class EuclideanDistanceTransformer(Transformer, HasInputCols, HasOutputCol, DefaultParamsReadable, DefaultParamsWritable):
    """A stage that exists in Python only, as workflows on Spark have them. Saved by this program, its class is
    `__main__.EuclideanDistanceTransformer`, which the shipping workflow names in `python_stages`."""

    @keyword_only
    def __init__(self, inputCols=None, outputCol=None):
        super().__init__()
        self._set(**self._input_kwargs)

    def _transform(self, frame: DataFrame) -> DataFrame:
        x, y = F.col("x_shipping_distance"), F.col("y_shipping_distance")
        return frame.withColumn("euclidean_distance", F.sqrt(F.pow(x, F.lit(2)) + F.pow(y, F.lit(2))))


class Checks:
    """Counts checks and prints those that fail."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0
        self.where = ""

    def that(self, is_right: bool, what: str, detail: str = "") -> bool:
        if is_right:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {self.where}: {what}" + (f": {detail}" if detail else ""), flush=True)
        return is_right

    def equal(self, ours, theirs, what: str) -> bool:
        return self.that(ours == theirs, what, f"ours {shorten(ours)}, Spark's {shorten(theirs)}")

    def close(self, ours: float, theirs: float, tolerance: float, what: str) -> bool:
        return self.that(is_close(ours, theirs, tolerance), what, f"ours {ours!r}, expected {theirs!r}")


def shorten(value, limit: int = 300) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "…"


def is_close(ours: float, theirs: float, tolerance: float, scale: float = 0.0) -> bool:
    """Within `tolerance` of the larger number, or of `scale` where a difference of two numbers of that size has cancelled."""
    if math.isnan(ours) or math.isnan(theirs):
        return math.isnan(ours) and math.isnan(theirs)
    if ours == theirs:
        return math.copysign(1.0, ours) == math.copysign(1.0, theirs) or ours != 0.0
    return abs(ours - theirs) <= tolerance * max(abs(ours), abs(theirs), scale)


# --- Frames --------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Frame:
    """A data frame as Spark reads it: column names, types, ML attributes, and its rows in no order."""

    names: list[str]
    types: list[str]
    metadata: list[dict]
    rows: list[tuple]

    @staticmethod
    def of(*frames: DataFrame) -> "Frame":
        fields = frames[0].schema.fields
        rows = [tuple(row) for frame in frames for row in frame.collect()]
        return Frame([f.name for f in fields], [f.dataType.simpleString() for f in fields], [f.metadata or {} for f in fields], rows)

    def first(self, count: int) -> "Frame":
        return Frame(self.names[:count], self.types[:count], self.metadata[:count], [row[:count] for row in self.rows])


def sort_text(value) -> str:
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, (DenseVector, SparseVector)):
        return " ".join(f"{v:.9g}" for v in value.toArray())
    return repr(value)


def sort_rows(rows: list[tuple]) -> list[tuple]:
    """Rows in an order that does not hang on the last digits of a double: other columns count first."""
    if not rows:
        return rows
    inexact = (float, DenseVector, SparseVector)
    order = sorted(range(len(rows[0])), key=lambda c: any(isinstance(row[c], inexact) for row in rows))
    return sorted(rows, key=lambda row: [sort_text(row[c]) for c in order])


def values_differ(ours, theirs, tolerance: float) -> bool:
    if type(ours) is not type(theirs):
        return True
    if isinstance(ours, float):
        return not is_close(ours, theirs, tolerance)
    if isinstance(ours, SparseVector):
        if ours.size != theirs.size or list(ours.indices) != list(theirs.indices):
            return True
        return any(not is_close(float(a), float(b), tolerance, 1.0) for a, b in zip(ours.values, theirs.values))
    if isinstance(ours, DenseVector):
        if len(ours) != len(theirs):
            return True
        return any(not is_close(float(a), float(b), tolerance, 1.0) for a, b in zip(ours.values, theirs.values))
    return ours != theirs


def compare(checks: Checks, what: str, ours: Frame, theirs: Frame, tolerance: float = VALUE_TOLERANCE, attributes: bool = True) -> None:
    """Names, number of rows; then type, attributes and values of each column."""
    if not checks.equal(ours.names, theirs.names, f"{what}: column names"):
        return
    same_rows = checks.equal(len(ours.rows), len(theirs.rows), f"{what}: number of rows")
    for name, our_type, their_type in zip(ours.names, ours.types, theirs.types):
        checks.equal(our_type, their_type, f"{what}: type of {name}")
    if attributes:
        for name, our_metadata, their_metadata in zip(ours.names, ours.metadata, theirs.metadata):
            checks.equal(our_metadata, their_metadata, f"{what}: attributes of {name}")
    if not same_rows:
        counts = collections.Counter(map(repr, ours.rows))
        counts.subtract(collections.Counter(map(repr, theirs.rows)))
        extra = [row for row, count in counts.items() if count > 0][:2]
        missing = [row for row, count in counts.items() if count < 0][:2]
        print(f"  rows only ours: {extra}\n  rows only Spark's: {missing}")
        return
    pairs = list(zip(sort_rows(ours.rows), sort_rows(theirs.rows)))
    for column, name in enumerate(ours.names):
        wrong = [(a[column], b[column]) for a, b in pairs if values_differ(a[column], b[column], tolerance)]
        detail = f"{len(wrong)} of {len(pairs)} rows differ; first: ours {shorten(wrong[0][0])}, Spark's {shorten(wrong[0][1])}" if wrong else ""
        checks.that(not wrong, f"{what}: values of {name}", detail)


def footer_schema(folder: Path) -> list[dict] | None:
    """The fields of Spark's schema JSON in the first Parquet file of a frame."""
    files = sorted(folder.glob("part-*.parquet"))
    entries = pyarrow.parquet.read_metadata(files[0]).metadata or {} if files else {}
    return json.loads(entries[SCHEMA_KEY])["fields"] if SCHEMA_KEY in entries else None


def check_layout(checks: Checks, folder: Path, what: str) -> None:
    visible = sorted(p.name for p in folder.iterdir() if not p.name.startswith((".", "_"))) if folder.is_dir() else []
    checks.that(bool(visible) and all(PART_FILE.fullmatch(n) for n in visible), f"{what}: file names", f"found {visible}")
    checks.that((folder / "_SUCCESS").is_file(), f"{what}: _SUCCESS")


# --- The two sides -------------------------------------------------------------------------------------------


class Firesteel:
    def __init__(self, binary: Path, checks: Checks) -> None:
        self.binary = binary
        self.checks = checks
        self.seconds = 0.0

    def run(self, *arguments, expect_failure: bool = False) -> bool:
        started = time.monotonic()
        done = subprocess.run([str(self.binary), *map(str, arguments)], capture_output=True, text=True, check=False)
        self.seconds += time.monotonic() - started
        if expect_failure:
            return self.checks.that(done.returncode == 1, f"firesteel {arguments[0]} refuses", f"exit code {done.returncode}")
        last = done.stderr.strip().splitlines()[-1:] or [""]
        return self.checks.that(done.returncode == 0, f"firesteel {arguments[0]}", f"exit code {done.returncode}: {last[0]}")


def workflow_flags(data: DataSet) -> list[str]:
    return ["--workflow", str(data.workflow)] if data.workflow else []


def java_double(value: float) -> str:
    """Java's Double.toString with the shortest digits."""
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if value == 0.0:
        return sign + "0.0"
    # Decimal keeps repr's digits, which are the shortest that read back: 12.5 is digits 1, 2, 5 and exponent 1.
    number = decimal.Decimal(repr(abs(value))).normalize()
    digits = "".join(map(str, number.as_tuple().digits))
    exponent = number.adjusted()
    if not -3 <= exponent < 7:
        return f"{sign}{digits[0]}.{digits[1:] or '0'}E{exponent}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    digits = digits.ljust(exponent + 1, "0")
    return f"{sign}{digits[: exponent + 1]}.{digits[exponent + 1 :] or '0'}"


def text_of(folder: Path) -> tuple[str, list[str]]:
    """Header and lines of a CSV folder, in no order; a field with line breaks gives several lines."""
    header, lines = "", []
    for file in sorted(folder.glob("part-*.csv")):
        content = file.read_bytes().decode("utf-8").split("\n")
        header = content[0]
        lines += content[1:-1] if content[-1] == "" else content[1:]
    return header, lines


def compare_prediction_text(checks: Checks, part: str, ours: Path, theirs: Path) -> None:
    """The CSV text itself: same header, same lines but for the last digits of the raw prediction."""
    our_header, our_lines = text_of(ours)
    their_header, their_lines = text_of(theirs)
    checks.equal(our_header, their_header, f"{part} predictions.csv: header line")

    def split(line: str):
        fields = line.split(",", 3)
        try:
            return [fields[0], fields[1], *fields[3:]], float(fields[2]), fields[2]
        except (IndexError, ValueError):
            return [line], 0.0, "0.0"

    our_split, their_split = sorted(map(split, our_lines)), sorted(map(split, their_lines))
    checks.equal([s[0] for s in our_split], [s[0] for s in their_split], f"{part} predictions.csv: text of label, rounded and ids")
    odd = [s[2] for s in our_split if java_double(s[1]) != s[2]]
    checks.that(not odd, f"{part} predictions.csv: text of raw_prediction", f"not as Java prints it: {odd[:3]}")


def feature_kinds(assembled: DataFrame) -> list[dict]:
    """What Spark takes each slot of the feature vector for, as gbt_tool reads it."""
    group = assembled.schema[spark_workflow.FEATURES_COLUMN].metadata["ml_attr"]
    kinds: list[dict] = [{"kind": "numeric"}] * group["num_attrs"]
    for kind, entries in group.get("attrs", {}).items():
        for entry in entries:
            if kind != "numeric":
                arity = len(entry["vals"]) if "vals" in entry else entry.get("num_vals", 2)
                kinds[entry["idx"]] = {"kind": kind, **({"num_values": arity} if kind == "nominal" else {})}
    return kinds


class Comparison:
    """One data set through both sides, step by step."""

    def __init__(self, spark: SparkSession, firesteel: Firesteel, tool: Tool | None, checks: Checks, data: DataSet, folder: Path) -> None:
        self.spark, self.firesteel, self.tool, self.checks, self.data, self.folder = spark, firesteel, tool, checks, data, folder
        self.num_ties = self.num_nodes = 0
        self.ours, self.theirs = folder / "firesteel", folder / "spark"
        self.workflow = spark_workflow.load_workflow(data.workflow or SHIPPING_WORKFLOW)
        self.flags = workflow_flags(data)
        self.cut_off: datetime.date | None = None
        self.our_metrics: dict[str, dict] = {}
        self.their_metrics: dict[str, dict] = {}

    def read(self, *folders: Path) -> DataFrame:
        return self.spark.read.parquet(*map(str, folders))

    def run(self) -> None:
        if not self.preprocessing():
            return
        if self.data.refused:
            self.refused_fit()
            return
        if self.feature_engineering():
            self.exchanged_pipeline_models()
            self.model_training()

    def preprocessing(self) -> bool:
        output = self.ours / "data_preprocessing"
        sources = [text for name, path in self.data.sources.items() for text in (f"--{name.replace('_', '-')}", path)]
        training, validation, self.cut_off = spark_workflow.preprocess(self.spark, self.workflow, self.data.sources, self.data.fraction)
        self.spark_parts = {"training": training.cache(), "validation": validation.cache()}
        ran = self.firesteel.run("data-preprocessing", *self.flags, *sources, "--output", output,
                                 "--training-fraction", self.data.fraction)
        if not ran:
            return False
        for part in PARTS:
            check_layout(self.checks, output / part, f"{part} rows")
            compare(self.checks, f"{part} rows", Frame.of(self.read(output / part)), Frame.of(self.spark_parts[part]))
        return True

    def refused_fit(self) -> None:
        try:
            spark_workflow.build_pipeline(self.workflow).fit(self.spark_parts["training"])
            message = "no error"
        except Exception as error:  # pylint: disable=broad-except
            message = str(error)
        self.checks.that(self.data.refused in message, "Spark refuses to fit", message[:200])
        self.firesteel.run("feature-engineering", *self.flags, "--dataframe", self.ours / "data_preprocessing/training",
                           "--output", self.ours / "refused", expect_failure=True)
        left = [path.name for path in (self.ours / "refused").rglob("*")]
        self.checks.that(left in ([], ["status.json"]), "nothing but its status is left of a refused fit")

    def feature_engineering(self) -> bool:
        rows, features = self.ours / "data_preprocessing", self.ours / "feature_engineering"
        ran = self.firesteel.run("feature-engineering", *self.flags, "--dataframe", rows / "training", "--output", features / "training")
        ran = ran and self.firesteel.run("feature-engineering", *self.flags, "--dataframe", rows / "validation", "--output",
                                         features / "validation", "--pipeline-model", features / "training/pipeline_model")
        self.spark_model = spark_workflow.build_pipeline(self.workflow).fit(self.spark_parts["training"])
        self.spark_features = {part: self.spark_model.transform(frame) for part, frame in self.spark_parts.items()}
        self.spark_frames = {part: Frame.of(frame) for part, frame in self.spark_features.items()}
        if not ran:
            return False
        self.our_frames = {part: Frame.of(self.read(features / part / "dataframe")) for part in PARTS}
        for part in PARTS:
            check_layout(self.checks, features / part / "dataframe", f"{part} features")
            compare(self.checks, f"{part} features", self.our_frames[part], self.spark_frames[part])
        return True

    def exchanged_pipeline_models(self) -> None:
        """Spark transforms with our model and gets our frames; we transform Spark's rows with its model and get its frames."""
        rows, features = self.ours / "data_preprocessing", self.ours / "feature_engineering"
        both_ours = dataclasses.replace(self.our_frames["training"],
                                        rows=self.our_frames["training"].rows + self.our_frames["validation"].rows)
        both_theirs = dataclasses.replace(self.spark_frames["training"],
                                          rows=self.spark_frames["training"].rows + self.spark_frames["validation"].rows)
        loaded = PipelineModel.load(str(features / "training/pipeline_model"))
        transformed = loaded.transform(self.read(rows / "training", rows / "validation"))
        compare(self.checks, "Spark with our pipeline model", both_ours, Frame.of(transformed))

        self.spark_model.write().overwrite().save(str(self.theirs / "pipeline_model"))
        frame = self.spark_parts["training"].union(self.spark_parts["validation"])
        frame.coalesce(1).write.mode("overwrite").parquet(str(self.theirs / "rows"))
        output = self.ours / "with_sparks_model"
        if self.firesteel.run("feature-engineering", *self.flags, "--dataframe", self.theirs / "rows", "--pipeline-model",
                              self.theirs / "pipeline_model", "--output", output):
            compare(self.checks, "firesteel with Spark's pipeline model", Frame.of(self.read(output / "dataframe")), both_theirs)
            ours = {field["name"]: field["nullable"] for field in footer_schema(output / "dataframe") or []}
            for field in self.spark_model.transform(self.read(self.theirs / "rows")).schema.fields:
                self.checks.equal(ours.get(field.name), field.nullable, f"nullability in the schema key of {field.name}")

    def model_training(self) -> None:
        features, output = self.ours / "feature_engineering", self.ours / "model_training"
        if not self.firesteel.run("model-training", *self.flags, "--training-dataset", features / "training/dataframe",
                                  "--validation-dataset", features / "validation/dataframe", "--output", output,
                                  "--model-params", repr(self.data.params)):
            return
        self.compare_run(output)
        # One partition in the order of our file: what samples rows, samples them by their order.
        frames = {part: self.read(features / part / "dataframe").coalesce(1) for part in PARTS}
        model, predictions = spark_workflow.train(self.workflow, frames["training"], frames, self.data.params)
        model.write().overwrite().save(str(self.theirs / "model"))
        walk = self.walk_forests(frames["training"], output / "model", self.theirs / "model", model.treeWeights)
        loaded = PipelineModel.load(str(output / "model"))
        for part, predicted in predictions.items():
            predicted = predicted.cache()
            folder = output / part / "predictions.csv"
            check_layout(self.checks, folder, f"{part} predictions")
            ours = self.read_predictions(folder, predicted)
            with_our_model = spark_workflow.predict(self.workflow, loaded, frames[part]).cache()
            compare(self.checks, f"{part} predictions of Spark with our model", ours.first(3), Frame.of(with_our_model).first(3),
                    PREDICTION_TOLERANCE, attributes=False)
            expected = predicted
            if walk is not None and walk.ties:
                self.predictions_after_ties(walk, frames[part], predicted, part)
                expected = with_our_model
            # Spark's own file is read back too: its writer takes blanks off the ends of texts, and so does ours.
            written = self.theirs / part / "predictions.csv"
            spark_workflow.write_predictions(expected, written)
            compare(self.checks, f"{part} predictions", ours, self.read_predictions(written, expected), PREDICTION_TOLERANCE, attributes=False)
            compare_prediction_text(self.checks, part, folder, written)
            self.compare_metrics(part, output / part / "metrics.json", spark_workflow.metrics(self.workflow, expected))

    def read_predictions(self, folder: Path, like: DataFrame) -> Frame:
        return Frame.of(self.spark.read.options(header=True, multiLine=True).schema(like.schema).csv(str(folder)))

    def walk_forests(self, training: DataFrame, our_model: Path, their_model: Path, weights: list[float]) -> Walk | None:
        """Compares both saved forests. None if that is not possible."""
        stages = sorted((our_model / "stages").glob("*_GBTRegressor_*"))
        if not self.checks.equal(len(stages), 1, "our model has one stage of trees"):
            return None
        ours, theirs = forest_of(stages[0]), forest_of(their_model)
        self.checks.equal(theirs["weights"], list(weights), "weights of the trees as Spark's model has them and as saved")
        params = self.data.params
        more = [params[name] for name in ("weightCol", "validationIndicatorCol") if name in params]
        assembled = spark_workflow.assemble(self.workflow, training)
        rows = assembled.select(self.workflow["label"], spark_workflow.FEATURES_COLUMN, *more).collect()
        case = {"labels": [float(row[0]) for row in rows], "features": [row[1].toArray().tolist() for row in rows], "params": params,
                "attributes": feature_kinds(assembled)}
        if "weightCol" in params:
            case["weights"] = [float(row[params["weightCol"]]) for row in rows]
        if "validationIndicatorCol" in params:
            case["held_out"] = [bool(row[params["validationIndicatorCol"]]) for row in rows]
        walk = Walk(case, ours, theirs, self.train_with_tool)
        walk.run()
        self.checks.that(not walk.differences, "trees", "; ".join(walk.differences[:3]))
        for tie in walk.ties:
            print(f"  tie: tree {tie.tree}, node {tie.node}, {tie.rows} rows, {tie.kind}: ours {tie.ours}, Spark's {tie.theirs}, gain {tie.gain:.3g}")
        self.num_ties, self.num_nodes = len(walk.ties), walk.num_nodes
        return None if walk.differences else walk

    def train_with_tool(self, case: dict) -> dict:
        if self.tool is None:
            raise RuntimeError("there is a tie in the trees: to go on after it, --gbt-tool is needed")
        return self.tool.train(case)

    def predictions_after_ties(self, walk: Walk, frame: DataFrame, predicted: DataFrame, part: str) -> None:
        """Spark's predictions are those of its forest with the leaf values that ours has after the same choices."""
        vectors = [row[0].toArray() for row in spark_workflow.assemble(self.workflow, frame).select(spark_workflow.FEATURES_COLUMN).collect()]
        ours = predict(walk.theirs["trees"], walk.theirs["weights"], numpy.array(vectors), walk.leaf_values)
        theirs = [row[0] for row in predicted.select("raw_prediction").collect()]
        wrong = [(a, b) for a, b in zip(ours, theirs) if not is_close(float(a), b, PREDICTION_TOLERANCE, 1.0)]
        self.checks.that(not wrong and len(ours) == len(theirs), f"{part} predictions after ties", f"{len(wrong)} differ: {wrong[:2]}")

    def compare_run(self, trained: Path) -> None:
        """`run` gives what the four commands gave: same rows, and the same model and metrics to the last bit."""
        sources = [text for name, path in self.data.sources.items() for text in (f"--{name.replace('_', '-')}", path)]
        output = self.ours / "run"
        if not self.firesteel.run("run", *self.flags, *sources, "--output", output, "--training-fraction", self.data.fraction,
                                  "--model-params", repr(self.data.params)):
            return
        for part in PARTS:
            for frame in (f"data_preprocessing/{part}", f"feature_engineering/{part}/dataframe"):
                rows = [collections.Counter(map(repr, pyarrow.parquet.read_table(base / frame).to_pylist())) for base in (output, self.ours)]
                self.checks.that(rows[0] == rows[1], f"run: rows of {frame}")
                self.checks.equal(footer_schema(output / frame), footer_schema(self.ours / frame), f"run: schema of {frame}")
            texts = [sorted(text_of(base / part / "predictions.csv")[1]) for base in (output / "model_training", trained)]
            self.checks.that(texts[0] == texts[1], f"run: {part} predictions")
            metrics = [(base / part / "metrics.json").read_text(encoding="utf-8") for base in (output / "model_training", trained)]
            self.checks.equal(metrics[0], metrics[1], f"run: {part} metrics")
        forests = [[forest_of(stage) for stage in (base / "model/stages").glob("*_GBTRegressor_*")]
                   for base in (output / "model_training", trained)]
        self.checks.that(len(forests[0]) == 1 and forests[0] == forests[1], "run: trees")

    def compare_metrics(self, part: str, file: Path, theirs: dict[str, float]) -> None:
        text = file.read_text(encoding="utf-8")
        ours = json.loads(text)
        self.our_metrics[part], self.their_metrics[part] = ours, theirs
        self.checks.equal(list(ours), list(theirs), f"{part} metrics: keys")
        self.checks.equal(text, json.dumps(ours), f"{part} metrics: text")
        for key, value in theirs.items():
            self.checks.close(ours.get(key, math.nan), value, METRIC_TOLERANCE, f"{part} metrics: {key}")


# --- What is tested once -------------------------------------------------------------------------------------


def python_stage(comparison: Comparison) -> None:
    """A pipeline model with a stage of a Python class, saved by PySpark, as firesteel's shipping workflow loads it."""
    spark, checks, folder = comparison.spark, comparison.checks, comparison.folder
    checks.where = "python_stage"
    reduced = ["carrier_reduced", "shipping_origin_reduced", "shipping_priority"]
    indexed = [f"{c}_indexed" for c in reduced]
    encoded = [f"{c}_ohe" for c in indexed]
    statements = [stage["SQLTransformer"]["statement"] for stage in comparison.workflow["stages"] if "SQLTransformer" in stage]
    pipeline = Pipeline(stages=[
        SQLTransformer(statement=statements[0]),
        SQLTransformer(statement=statements[1]),
        StringIndexer(inputCols=reduced, outputCols=indexed),
        OneHotEncoder(inputCols=indexed, outputCols=encoded),
        StringIndexer(inputCols=["in_bulk_order"], outputCols=["in_bulk_order_indexed"]),
        EuclideanDistanceTransformer(inputCols=["x_shipping_distance", "y_shipping_distance"]),
        SQLTransformer(statement=statements[-1]),
    ])
    rows = comparison.ours / "data_preprocessing"
    model = pipeline.fit(comparison.read(rows / "training"))
    saved = folder / "spark/python_pipeline_model"
    model.write().overwrite().save(str(saved))
    metadata = [json.loads(next(p.glob("metadata/part-*")).read_text())["class"] for p in sorted(saved.glob("stages/*"))]
    checks.that("__main__.EuclideanDistanceTransformer" in metadata, "the saved stage has the class of this program", str(metadata))
    output = folder / "firesteel/with_python_stage"
    if comparison.firesteel.run("feature-engineering", "--dataframe", rows / "validation", "--pipeline-model", saved, "--output", output):
        theirs = Frame.of(model.transform(comparison.read(rows / "validation")))
        compare(checks, "features", Frame.of(comparison.read(output / "dataframe")), theirs)


def published_facts(comparison: Comparison) -> None:
    """What is known of the real data set and its recorded run."""
    checks = comparison.checks
    rows = {part: sum(pyarrow.parquet.read_metadata(f).num_rows
                      for f in (comparison.ours / "data_preprocessing" / part).glob("*.parquet")) for part in PARTS}
    checks.equal(rows, {"training": 9005, "validation": 995}, "published number of rows")
    last = comparison.read(comparison.ours / "data_preprocessing/training").agg(F.max("order_date")).first()[0]
    checks.equal(last, datetime.date(2021, 10, 21), "published cut-off date of ours")
    checks.equal(comparison.cut_off, datetime.date(2021, 10, 21), "published cut-off date of Spark")
    loaded = PipelineModel.load(str(comparison.ours / "feature_engineering/training/pipeline_model"))
    labels = [list(inner) for stage in loaded.stages if hasattr(stage, "labelsArray") for inner in stage.labelsArray]
    checks.equal(labels, [["OTHER", "BigBird"], ["OTHER", "Chicago", "San Francisco", "Seattle"],
                          ["Air", "Standard", "Express", "Ground"], ["Bulk Order", "Single Order"]], "published labels")
    recorded = {
        "training": (1.0484148716873622, 2.7577558737060817, 0.9892282065519156, 2.8062187673514716),
        "validation": (1.1205358418987026, 3.0919168285983343, 1.050251256281407, 3.1608040201005028),
    }
    for part, numbers in recorded.items():
        for side, metrics in (("ours", comparison.our_metrics), ("Spark's", comparison.their_metrics)):
            for (key, value), number in zip(metrics.get(part, {}).items(), numbers):
                checks.close(value, number, METRIC_TOLERANCE, f"recorded {part} {key} of {side}")
    ours = comparison.our_metrics.get("validation", {})
    checks.that(f"{ours.get('raw_predictions_mean_absolute_error', 0.0):.5f}" == "1.12054", "published validation MAE 1.12054", str(ours))
    checks.that(f"{ours.get('raw_predictions_mean_squared_error', 0.0):.5f}" == "3.09192", "published validation MSE 3.09192", str(ours))


def java_text_checks(checks: Checks) -> None:
    """The oracle for double texts is itself held against known texts."""
    checks.where = "java_double"
    known = {15.0: "15.0", 1e-5: "1.0E-5", 0.001: "0.001", 0.0001: "1.0E-4", 9999999.0: "9999999.0", 1e7: "1.0E7",
             123456789.123: "1.23456789123E8", 2.0**53: "9.007199254740992E15", -0.0: "-0.0", 14.427984453: "14.427984453"}
    for value, text in known.items():
        checks.equal(java_double(value), text, f"text of {value!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Compares firesteel with PySpark on generated and real data.")
    parser.add_argument("binary", type=Path)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--gbt-tool", help="goes on after a tie; without it a tie is an error")
    parser.add_argument("--seeds", type=int, default=len(generate.MAKERS), help="number of generated data sets")
    parser.add_argument("--sample", type=int, help="draw this many of them; shipping_plain is always among them")
    parser.add_argument("--seed", type=int, default=20211021, help="seed of the generator and of the draw")
    parser.add_argument("--only", action="append", default=[], help="run these data sets only ('real' is the real one)")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data", help="folder of the real data set")
    arguments = parser.parse_args()
    if not arguments.binary.is_file():
        parser.error(f"{arguments.binary} is no file: build firesteel first")

    checks = Checks()
    java_text_checks(checks)
    shutil.rmtree(arguments.workdir / "runs", ignore_errors=True)
    data_sets = generate.make_all(arguments.workdir / "data", arguments.seeds, arguments.seed)
    if arguments.sample is not None and arguments.sample < len(data_sets):
        others = [data for data in data_sets if data.name != "shipping_plain"]
        drawn = random.Random(arguments.seed).sample(others, arguments.sample - 1)
        data_sets = [data for data in data_sets if data.name == "shipping_plain" or data in drawn]
    logs = arguments.data / "ShippingLogs.csv"
    if logs.is_file():
        sources = {"shipping_logs": logs, "product_description": arguments.data / "ProductDescriptions.csv"}
        data_sets.append(DataSet("real", None, sources, fraction=0.9, params={"maxIter": 32}))
    else:
        print(f"{logs} is not there: the real data set is left out")
    if arguments.only:
        data_sets = [data for data in data_sets if data.name in arguments.only]

    spark = spark_workflow.new_session()
    firesteel = Firesteel(arguments.binary.resolve(), checks)
    tool = Tool(arguments.gbt_tool) if arguments.gbt_tool else None
    num_ties = num_nodes = 0
    for data in data_sets:
        checks.where = data.name
        before, started = (checks.passed, checks.failed), time.monotonic()
        comparison = Comparison(spark, firesteel, tool, checks, data, arguments.workdir / "runs" / data.name)
        try:
            comparison.run()
            if data.name == "shipping_plain":
                python_stage(comparison)
            if data.name == "real":
                published_facts(comparison)
        except Exception as error:  # pylint: disable=broad-except
            checks.that(False, f"stopped by {type(error).__name__}", str(error)[:500])
        num_ties, num_nodes = num_ties + comparison.num_ties, num_nodes + comparison.num_nodes
        spark.catalog.clearCache()
        seconds = time.monotonic() - started
        print(f"{data.name}: {checks.passed - before[0]} passed, {checks.failed - before[1]} failed, {seconds:.1f} s", flush=True)
    spark.stop()
    if tool is not None:
        tool.close()
    print(f"{num_nodes} nodes of trees, {num_ties} ties")
    print(f"firesteel itself took {firesteel.seconds:.1f} s")
    print(f"parity: {checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
