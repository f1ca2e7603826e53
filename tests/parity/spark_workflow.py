"""The four steps of a workflow file, written with Spark ML's public API.

It is the other side of the parity tests: it reads the same workflow file and the same data as firesteel
does, and writes the same folders. Every function works on an open session, so that one session serves
many data sets; `main` runs all four steps on one.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import yaml
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml import feature as ml_feature
from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import GBTRegressor
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

FEATURES_COLUMN = "training_cols"


def new_session(cores: int = 2) -> SparkSession:
    """Opens a quiet local session whose results do not depend on the machine's time zone."""
    builder = SparkSession.builder.master(f"local[{cores}]").appName("firesteel-parity")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "2g",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session


class CoreSchemaLoader(yaml.SafeLoader):
    """YAML as firesteel reads it: only true and false are booleans, so that the key `on` stays a key."""


CoreSchemaLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
CoreSchemaLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def load_workflow(path: Path | str) -> dict:
    return yaml.load(Path(path).read_text(encoding="utf-8"), Loader=CoreSchemaLoader)


def snake_case(name: str) -> str:
    """OrderID -> order_id, YShippingDistance -> y_shipping_distance, HTTPStatus2Code -> http_status2_code."""
    text = ""
    for position, letter in enumerate(name):
        if position > 0 and "A" <= letter <= "Z":
            before = name[position - 1]
            after = name[position + 1 : position + 2]
            starts_word = before.islower() or before.isdigit()
            ends_capitals = "A" <= before <= "Z" and "a" <= after <= "z" and after != ""
            if starts_word or ends_capitals:
                text += "_"
        text += letter
    return text.replace("-", "_").lower()


def read_source(spark: SparkSession, spec: dict | None, path: Path | str) -> DataFrame:
    """Reads one source. By default quotes are doubled inside quotes and records may span lines (RFC 4180)."""
    spec = spec or {}
    if spec.get("format", "csv") == "parquet":
        return spark.read.parquet(str(path))
    options = {"header": True, "sep": spec.get("delimiter", ",")}
    if spec.get("dialect", "rfc4180") == "rfc4180":
        options |= {"multiLine": True, "quote": '"', "escape": '"'}
    frame = spark.read.options(**options, inferSchema=True).csv(str(path))
    declared = spec.get("types") or {}
    if declared:
        schema = T.StructType()
        for field in frame.schema.fields:
            kind = declared.get(field.name)
            schema.add(field.name, T.DataType.fromDDL(kind) if kind else field.dataType, True)
        frame = spark.read.options(**options).schema(schema).csv(str(path))
    return frame


def parse_date(column: str, pattern: str | None) -> Column:
    """The date of a text column. M/d/yy is taken apart by hand, as the workflow that it comes from does."""
    text = F.col(f"`{column}`")
    if pattern is None:
        return text.cast("date")
    if pattern != "M/d/yy":
        return F.to_date(text, pattern)
    parts = F.split(F.trim(text), "/")
    month, day, year = (F.element_at(parts, position) for position in (1, 2, 3))
    two_digits = [F.when(F.length(part) == 1, F.concat(F.lit("0"), part)).otherwise(part) for part in (month, day)]
    return F.concat(F.lit("20"), year, F.lit("-"), two_digits[0], F.lit("-"), two_digits[1]).cast("date")


def join_sources(spark: SparkSession, workflow: dict, sources: dict[str, Path]) -> DataFrame:
    frames = {name: read_source(spark, spec, sources[name]) for name, spec in workflow["sources"].items()}
    joined = frames[next(iter(workflow["sources"]))]
    for join in workflow.get("joins") or []:
        joined = joined.join(frames[join["source"]], on=join["on"], how=join.get("how", "left"))
    if workflow.get("column_names", "snake_case") == "snake_case":
        joined = joined.toDF(*[snake_case(name) for name in joined.columns])
    return joined


def find_cut_off(frame: DataFrame, column: str, fraction: float):
    """The last date of the training part: shares of rows are summed in date order, in doubles."""
    total = frame.count()
    so_far = Window.orderBy(F.col(column).asc_nulls_first()).rowsBetween(Window.unboundedPreceding, Window.currentRow)
    shares = (
        frame.groupBy(column)
        .count()
        .withColumn("share", F.col("count").cast("double") / F.lit(float(total)))
        .withColumn("cumulative", F.sum("share").over(so_far))
        .orderBy(F.col(column).asc_nulls_first())
        .collect()
    )
    if len(shares) < 2:
        raise ValueError(f"at least two distinct dates are needed, found {len(shares)}")
    position = next((i for i, row in enumerate(shares) if row["cumulative"] >= fraction), len(shares))
    return shares[min(position, len(shares) - 2)][column]


def preprocess(spark: SparkSession, workflow: dict, sources: dict[str, Path], fraction: float | None = None):
    """Step 1. Returns the training part, the validation part, and the last date of the training part."""
    joined = join_sources(spark, workflow, sources)
    date = workflow["date"]
    joined = joined.withColumn(date["column"], parse_date(date["column"], date.get("format"))).cache()
    fraction = fraction or (workflow.get("split") or {}).get("training_fraction", 0.9)
    cut_off = find_cut_off(joined, date["column"], fraction)
    day = F.col(date["column"])
    return joined.where(day <= F.lit(cut_off)), joined.where(day > F.lit(cut_off)), cut_off


def write_frame(frame: DataFrame, path: Path | str) -> None:
    frame.repartition(max(1, int(frame.count() / 1000))).write.mode("overwrite").parquet(str(path))


def build_pipeline(workflow: dict) -> Pipeline:
    stages = []
    for stage in workflow.get("stages") or []:
        ((kind, params),) = stage.items()
        stages.append(getattr(ml_feature, kind)(**(params or {})))
    return Pipeline(stages=stages)


def is_id(workflow: dict, column: str) -> bool:
    ids = workflow.get("ids") or []
    if isinstance(ids, dict):
        return column.endswith(ids["suffix"])
    return column in ids


def feature_columns(workflow: dict, frame: DataFrame) -> list[str]:
    return [c for c in frame.columns if c != workflow["label"] and not is_id(workflow, c)]


def assemble(workflow: dict, frame: DataFrame) -> DataFrame:
    return VectorAssembler(inputCols=feature_columns(workflow, frame), outputCol=FEATURES_COLUMN).transform(frame)


def select_predictions(workflow: dict, scored: DataFrame, ids: list[str]) -> DataFrame:
    return scored.select(
        workflow["label"],
        (F.round("prediction") + F.lit(0.0)).alias("rounded_prediction"),
        F.col("prediction").alias("raw_prediction"),
        *ids,
    )


def predict(workflow: dict, model: PipelineModel, frame: DataFrame) -> DataFrame:
    """Label, rounded, raw and the id columns, of a pipeline model of assembler and trees."""
    return select_predictions(workflow, model.transform(frame), [c for c in frame.columns if is_id(workflow, c)])


def train(workflow: dict, training: DataFrame, parts: dict[str, DataFrame], params: dict | None = None):
    """Step 4 without its files: the fitted model, and per part label, rounded, raw and the id columns."""
    if params is None:
        params = (workflow.get("model") or {}).get("params") or {}
    learner = GBTRegressor(**params, labelCol=workflow["label"], featuresCol=FEATURES_COLUMN)
    model = learner.fit(assemble(workflow, training))
    predictions = {}
    for part, frame in parts.items():
        ids = [c for c in frame.columns if is_id(workflow, c)]
        predictions[part] = select_predictions(workflow, model.transform(assemble(workflow, frame)), ids)
    return model, predictions


def metrics(workflow: dict, predictions: DataFrame) -> dict[str, float]:
    """Mean errors of (prediction, label) pairs that went through float32."""
    result = {}
    for kind in ("raw", "rounded"):
        pairs = predictions.select(F.col(f"{kind}_prediction").cast("float").alias("prediction"),
                                   F.col(workflow["label"]).cast("float").alias("label"))
        for name, metric in (("absolute", "mae"), ("squared", "mse")):
            judge = RegressionEvaluator(predictionCol="prediction", labelCol="label", metricName=metric)
            result[f"{kind}_predictions_mean_{name}_error"] = judge.evaluate(pairs)
    return result


def write_predictions(predictions: DataFrame, path: Path | str) -> None:
    predictions.write.mode("overwrite").csv(str(path), header=True)


def run_all(spark: SparkSession, workflow: dict, sources: dict[str, Path], output: Path, fraction: float | None = None,
            params: dict | None = None) -> dict:
    """All four steps through files, as four processes would; returns what a reader wants to see of it."""
    preprocessed, features, trained = (output / s for s in ("data_preprocessing", "feature_engineering", "model_training"))
    training, validation, cut_off = preprocess(spark, workflow, sources, fraction)
    write_frame(training, preprocessed / "training")
    write_frame(validation, preprocessed / "validation")
    summary = {"rows": {}, "cut_off": str(cut_off), "metrics": {}}

    frames = {part: spark.read.parquet(str(preprocessed / part)) for part in ("training", "validation")}
    build_pipeline(workflow).fit(frames["training"]).write().overwrite().save(str(features / "training/pipeline_model"))
    model = PipelineModel.load(str(features / "training/pipeline_model"))
    for part, frame in frames.items():
        summary["rows"][part] = frame.count()
        write_frame(model.transform(frame), features / part / "dataframe")

    frames = {part: spark.read.parquet(str(features / part / "dataframe")) for part in frames}
    _, predictions = train(workflow, frames["training"], frames, params)
    for part, frame in predictions.items():
        write_predictions(frame, trained / part / "predictions.csv")
        summary["metrics"][part] = metrics(workflow, frame)
        (trained / part / "metrics.json").write_text(json.dumps(summary["metrics"][part]), encoding="utf-8")
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description="Runs the four steps of a workflow file on PySpark.")
    parser.add_argument("workflow", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--source", action="append", default=[], metavar="NAME=PATH", help="one per source of the workflow")
    parser.add_argument("--training-fraction", type=float)
    parser.add_argument("--model-params", type=json.loads, metavar="JSON")
    arguments = parser.parse_args()
    sources = {}
    for text in arguments.source:
        match = re.fullmatch(r"(\w+)=(.+)", text)
        if match is None:
            parser.error(f"--source {text}: expected NAME=PATH")
        sources[match[1]] = Path(match[2])
    spark = new_session()
    workflow = load_workflow(arguments.workflow)
    summary = run_all(spark, workflow, sources, arguments.output, arguments.training_fraction, arguments.model_params)
    print(json.dumps(summary, indent=2))
    spark.stop()


if __name__ == "__main__":
    main()
