"""Compares our pipeline stages with PySpark's, both ways through Spark ML's files.

Makes small frames and pipelines (seeded) and demands of each:
  - our fit, saved and loaded by PySpark, transforms both frames as our own Transform did;
  - PySpark's fit, loaded by us, transforms both frames as PySpark did;
  - both fits agree: labels, sizes, surrogates, means, frames, schemas and attributes;
  - where one fails on a row, so does the other.
Doubles agree to 1e-12 relative, everything else exactly; the schema key agrees byte for byte.

usage: stages_on_spark.py PIPELINE_TOOL WORK_FOLDER [--count N] [--seed S]
"""

import argparse
import datetime
import decimal
import glob
import json
import math
import os
import random
import shutil
import subprocess
import sys

import pyarrow.parquet as parquet
import pyspark.ml.feature
from pyspark.ml import Pipeline, PipelineModel
from pyspark.sql import SparkSession
from pyspark.sql.types import (
    BooleanType, DateType, DecimalType, DoubleType, FloatType, IntegerType, LongType, ShortType,
    StringType, StructField, StructType, TimestampType,
)

SCHEMA_KEY = b"org.apache.spark.sql.parquet.row.metadata"
INF = float("inf")
NAN = float("nan")

FRAME_TYPES = [
    ("id", LongType()), ("s1", StringType()), ("s2", StringType()), ("s3", StringType()),
    ("i1", IntegerType()), ("i2", IntegerType()), ("n1", LongType()), ("h1", ShortType()),
    ("d1", DoubleType()), ("d2", DoubleType()), ("d3", DoubleType()), ("f1", FloatType()),
    ("b1", BooleanType()), ("m1", DecimalType(9, 2)), ("day", DateType()), ("at", TimestampType()),
]


def start_spark():
    spark = (
        SparkSession.builder.master("local[1]").appName("stages_on_spark")
        .config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1").config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.codegen.wholeStage", "false").getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    return spark


def make_rows(rng, count, new_values):
    """Rows where s1, i1 and d1 are never null; the others have gaps. `new_values` adds unseen texts."""
    texts = ["a", "b", "B", "é", "😀", "｡", "a b", "x,y", "'q'", 'w"w', "back\\slash", " lead", "tail "]
    first = texts[:6] + (["new"] if new_values else [])
    rows = []
    for i in range(count):
        maybe = lambda value, chance=0.15: None if rng.random() < chance else value
        rows.append((
            i,
            rng.choice(first),
            maybe(rng.choice(texts + [""] + (["unseen", "NaN"] if new_values else []))),
            maybe(rng.choice(["x", "y"]), 0.3),
            rng.choice([0, 1, 1, 2]),
            maybe(rng.choice([5, -7, 12, 12, 2000000000])),
            maybe(rng.choice([3, 10**12, -4])),
            maybe(rng.choice([1, 2, 2, 7])),
            rng.choice([0.0, -0.0, 1.5, -2.5, 2.5, rng.gauss(0, 3)]),
            maybe(rng.choice([NAN, 1e-3, 1e7, 0.1, rng.gauss(100, 1e-3)])),
            maybe(rng.choice([0.0, 0.0, 0.0, rng.uniform(-1, 1)])),
            maybe(rng.choice([NAN, 0.1, 0.25, -1.0])),
            maybe(rng.random() < 0.5),
            maybe(decimal.Decimal(rng.randrange(-500, 500)) / 4),
            maybe(datetime.date(2020, 1, 1) + datetime.timedelta(days=rng.randrange(400))),
            maybe(datetime.datetime(2020, 1, 1) + datetime.timedelta(seconds=rng.randrange(10**7))),
        ))
    return rows


def make_stages(rng):
    """A random pipeline as [[kind, params], …] that no row of `make_rows` makes fail."""
    stages = []
    if rng.random() < 0.6:
        stages.append(["SQLTransformer", {"statement": rng.choice([
            "SELECT CASE WHEN s2 IN ('a', 'é') THEN s2 ELSE 'OTHER' END AS s2_reduced, * FROM __THIS__",
            "SELECT *, sqrt(pow(d1, 2) + pow(d3, 2)) AS distance FROM __THIS__",
            "SELECT *, i1 + 1 AS next, S1 AS Copy FROM __THIS__ WHERE id >= 2",
        ])}])
    vectors, scalars = [], []
    indexed = rng.sample(["s1", "s2", "s3", "i1", "i2", "d1", "d2", "m1", "f1"], rng.randint(1, 4))
    handling = rng.choice(["skip", "keep", "keep"])
    order = rng.choice(["frequencyDesc", "frequencyAsc", "alphabetDesc", "alphabetAsc"])
    if len(indexed) == 1 and rng.random() < 0.7:
        params = {"inputCol": indexed[0], "outputCol": indexed[0] + "_index"}
    else:
        params = {"inputCols": indexed, "outputCols": [c + "_index" for c in indexed]}
    stages.append(["StringIndexer", {**params, "handleInvalid": handling, "stringOrderType": order}])
    # A slot can't be named after an empty text, which s2 has.
    encoded = [c + "_index" for c in indexed if c != "s2"]
    scalars += [c + "_index" for c in indexed]
    if encoded and rng.random() < 0.8:
        params = {"inputCols": encoded, "outputCols": [c + "_ohe" for c in encoded]}
        stages.append(["OneHotEncoder", {**params, "dropLast": rng.random() < 0.5,
                                         "handleInvalid": rng.choice(["error", "keep"])}])
        vectors += params["outputCols"]
    if rng.random() < 0.4:
        stages.append(["OneHotEncoder", {"inputCol": "i1", "outputCol": "i1_ohe", "dropLast": False,
                                         "handleInvalid": "keep"}])
        vectors.append("i1_ohe")
    if rng.random() < 0.8:
        filled = rng.sample(["i2", "n1", "h1", "d2", "d3", "f1"], rng.randint(1, 5))
        outputs = [c if rng.random() < 0.2 else c + "_filled" for c in filled]
        params = {"inputCols": filled, "outputCols": outputs,
                  "strategy": rng.choice(["mean", "median", "mode"])}
        if rng.random() < 0.3:
            params["missingValue"] = rng.choice([12.0, 0.0, 0.1])
        stages.append(["Imputer", params])
        scalars += outputs
    if rng.random() < 0.8:
        stages.append(["Bucketizer", {"inputCol": "d1", "outputCol": "d1_bucket",
                                      "splits": [-INF, -1.0, 0.0, 1.5, INF]}])
        scalars.append("d1_bucket")
    if rng.random() < 0.5:
        handling = rng.choice(["keep", "skip"])
        stages.append(["Bucketizer", {
            "inputCols": ["d2", "i2"], "outputCols": ["d2_bucket", "i2_bucket"],
            "splitsArray": [[-INF, 0.5, 1e5, INF], [-10.0, 5.0, 12.0, 2e9]],
            "handleInvalid": handling}])
        scalars += ["d2_bucket", "i2_bucket"]
    inputs = rng.sample(scalars, rng.randint(0, len(scalars))) + vectors
    inputs += rng.sample(["d1", "i1", "b1", "m1", "f1", "d2", "h1"], rng.randint(1, 4))
    inputs = list(dict.fromkeys(inputs))
    rng.shuffle(inputs)
    stages.append(["VectorAssembler", {"inputCols": inputs, "outputCol": "features",
                                       "handleInvalid": rng.choice(["keep", "skip"])}])
    if rng.random() < 0.6:
        stages.append(["StandardScaler", {"inputCol": "features", "outputCol": "scaled",
                                          "withMean": rng.random() < 0.5,
                                          "withStd": rng.random() < 0.8}])
    if rng.random() < 0.5:
        stages.append(["MinMaxScaler", {"inputCol": "features", "outputCol": "ranged",
                                        **({} if rng.random() < 0.5 else {"min": -1.0, "max": 3.0})}])
    if len(stages) > 4 and stages[-1][0] != "VectorAssembler" and rng.random() < 0.5:
        stages.append(["VectorAssembler", {"inputCols": ["features", stages[-1][1]["outputCol"]],
                                           "outputCol": "all"}])
        stages.append(["SQLTransformer", {"statement": "SELECT id, `all` AS joined, features FROM __THIS__"}])
    return stages


# Pipelines that must fail, on the frame they are fitted on or on the other one.
FAILING = [
    [["StringIndexer", {"inputCol": "s2", "outputCol": "x"}]],
    [["StringIndexer", {"inputCol": "s1", "outputCol": "x"}]],
    [["StringIndexer", {"inputCol": "b1", "outputCol": "x"}]],
    [["StringIndexer", {"inputCol": "s1", "outputCol": "s2", "handleInvalid": "keep"}]],
    [["OneHotEncoder", {"inputCol": "i2", "outputCol": "x"}]],
    [["OneHotEncoder", {"inputCol": "d1", "outputCol": "x"}]],
    [["StringIndexer", {"inputCol": "s2", "outputCol": "i", "handleInvalid": "keep"}],
     ["OneHotEncoder", {"inputCol": "i", "outputCol": "x"}]],
    [["VectorAssembler", {"inputCols": ["d2"], "outputCol": "x"}]],
    [["VectorAssembler", {"inputCols": ["b1", "i2"], "outputCol": "x"}]],
    [["VectorAssembler", {"inputCols": ["day", "i1"], "outputCol": "x"}]],
    [["Bucketizer", {"inputCol": "d1", "outputCol": "x", "splits": [0.0, 1.0, 2.0]}]],
    [["Bucketizer", {"inputCol": "d2", "outputCol": "x", "splits": [-INF, 0.0, INF]}]],
    [["Imputer", {"inputCol": "s1", "outputCol": "x"}]],
    [["StandardScaler", {"inputCol": "d1", "outputCol": "x"}]],
]


# Vectors that one side stored sparse and the other dense.
STORED_OTHERWISE = []


class Failure(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failure(message)


def run_tool(tool, *arguments):
    done = subprocess.run([tool, *arguments], capture_output=True, text=True)
    check(done.returncode in (0, 1), f"{arguments}: exit {done.returncode}: {done.stderr}")
    return None if done.returncode == 0 else done.stderr.strip()


def read_folder(folder):
    """Rows, sorted by id, and the schema key's text of a folder of Parquet files."""
    files = sorted(glob.glob(os.path.join(folder, "part-*.parquet")))
    rows, schema = [], None
    for file in files:
        table = parquet.ParquetFile(file)
        schema = schema or (table.metadata.metadata or {}).get(SCHEMA_KEY)
        rows += table.read().to_pylist()
    if rows and "id" in rows[0]:
        rows.sort(key=lambda row: row["id"])
    return rows, schema and schema.decode()


def same(left, right):
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return left == right or abs(left - right) <= 1e-12 * max(abs(left), abs(right))
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        if "indices" in left and "indices" in right and left["type"] != right["type"]:
            # Sparse or dense is a matter of storage: releases of Spark differ in it too.
            STORED_OTHERWISE.append(left)
            return same(dense(left), dense(right))
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, datetime.datetime) and isinstance(right, datetime.datetime):
        # Spark stores instants as INT96, which says nothing of UTC.
        return left.replace(tzinfo=None) == right.replace(tzinfo=None)
    return left == right


def compare_schemas(ours, theirs, what):
    """The texts must be the same; the message shows the first field that is not."""
    if ours == theirs:
        return
    fields = [json.loads(text)["fields"] if text else [] for text in (ours, theirs)]
    for our_field, their_field in zip(*fields):
        texts = [json.dumps(field, ensure_ascii=False) for field in (our_field, their_field)]
        check(texts[0] == texts[1], f"{what}: fields differ:\n  {texts[0]}\n  {texts[1]}")
    check(False, f"{what}: schemas differ:\n  {ours}\n  {theirs}")


def compare_frames(ours, theirs, what):
    our_rows, our_schema = read_folder(ours)
    their_rows, their_schema = read_folder(theirs)
    compare_schemas(our_schema, their_schema, what)
    check(len(our_rows) == len(their_rows), f"{what}: {len(our_rows)} and {len(their_rows)} rows")
    for our_row, their_row in zip(our_rows, their_rows):
        for name in their_row:
            check(same(our_row[name], their_row[name]),
                  f"{what}: row {their_row.get('id')} column {name}: {our_row[name]} and {their_row[name]}")


def dense(value):
    if isinstance(value, dict) and "values" in value and value.get("type") == 0:
        full = [0.0] * value["size"]
        for index, number in zip(value["indices"], value["values"]):
            full[index] = number
        return full
    return value["values"] if isinstance(value, dict) and "values" in value else value


def compare_models(ours, theirs):
    """Metadata (without uid and timestamp) and data of each stage; a model's vectors may be dense."""
    our_stages = sorted(os.listdir(os.path.join(ours, "stages")))
    their_stages = sorted(os.listdir(os.path.join(theirs, "stages")))
    check(len(our_stages) == len(their_stages), "numbers of stages differ")
    for our_name, their_name in zip(our_stages, their_stages):
        texts = []
        for root, name in ((ours, our_name), (theirs, their_name)):
            file, = glob.glob(os.path.join(root, "stages", name, "metadata", "part-*"))
            with open(file, encoding="utf-8") as lines:
                text = lines.readline()
            loaded = json.loads(text)
            stamp = str(loaded["timestamp"])
            texts.append(text.replace(loaded["uid"], "UID").replace(f'"timestamp":{stamp}', ""))
        check(texts[0] == texts[1], f"metadata differ:\n  {texts[0]}  {texts[1]}")
        our_rows, our_schema = read_folder(os.path.join(ours, "stages", our_name, "data"))
        their_rows, their_schema = read_folder(os.path.join(theirs, "stages", their_name, "data"))
        compare_schemas(our_schema, their_schema, our_name)
        check(len(our_rows) == len(their_rows), f"{our_name}: numbers of data rows differ")
        for our_row, their_row in zip(our_rows, their_rows):
            for name in their_row:
                check(same(dense(our_row[name]), dense(their_row[name])),
                      f"{our_name} {name}: {our_row[name]} and {their_row[name]}")


def spark_pipeline(stages):
    return Pipeline(stages=[getattr(pyspark.ml.feature, kind)(**params) for kind, params in stages])


def write_stages(stages, file):
    with open(file, "w", encoding="utf-8") as out:
        # Python writes Infinity, which our reader takes as text.
        json.dump([{kind: params} for kind, params in stages], out, ensure_ascii=False)
    text = open(file, encoding="utf-8").read()
    with open(file, "w", encoding="utf-8") as out:
        out.write(text.replace("-Infinity", '"-Inf"').replace("Infinity", '"Inf"'))


def write_frame(spark, rows, folder):
    schema = StructType([StructField(name, kind) for name, kind in FRAME_TYPES])
    spark.createDataFrame(rows, schema).coalesce(1).write.mode("overwrite").parquet(folder)
    return spark.read.parquet(folder)


def run_case(spark, tool, folder, stages, train_rows, other_rows):
    path = lambda name: os.path.join(folder, name)
    frames = {"train": write_frame(spark, train_rows, path("train")),
              "other": write_frame(spark, other_rows, path("other"))}
    write_stages(stages, path("stages.json"))

    model = spark_pipeline(stages).fit(frames["train"])
    model.write().save(path("their_model"))
    for name, frame in frames.items():
        model.transform(frame).coalesce(1).write.parquet(path(f"their_{name}"))

    error = run_tool(tool, "fit", path("stages.json"), path("train"), path("our_model"), path("our_train"))
    check(error is None, f"our fit failed: {error}")
    compare_frames(path("our_train"), path("their_train"), "frames of both fits")
    compare_models(path("our_model"), path("their_model"))

    for name in frames:
        error = run_tool(tool, "transform", path("their_model"), path(name), path(f"ours_by_their_{name}"))
        check(error is None, f"our transform by their model failed: {error}")
        compare_frames(path(f"ours_by_their_{name}"), path(f"their_{name}"), f"their model on {name}")

    loaded = PipelineModel.load(path("our_model"))
    for name, frame in frames.items():
        loaded.transform(frame).coalesce(1).write.parquet(path(f"theirs_by_our_{name}"))
        error = run_tool(tool, "transform", path("our_model"), path(name), path(f"our_{name}_again"))
        check(error is None, f"our transform by our model failed: {error}")
        compare_frames(path(f"our_{name}_again"), path(f"theirs_by_our_{name}"), f"our model on {name}")


def run_failing(spark, tool, folder, stages, train_rows, other_rows):
    path = lambda name: os.path.join(folder, name)
    frames = {"train": write_frame(spark, train_rows, path("train")),
              "other": write_frame(spark, other_rows, path("other"))}
    write_stages(stages, path("stages.json"))
    theirs = None
    try:
        model = spark_pipeline(stages).fit(frames["train"])
        model.write().save(path("their_model"))
        for frame in frames.values():
            model.transform(frame).collect()
    except Exception as error:  # Whatever PySpark says, it failed.
        theirs = str(error).splitlines()[0]
    check(theirs is not None, "PySpark did not fail")
    ours = run_tool(tool, "fit", path("stages.json"), path("train"), path("our_model"), path("our_train"))
    if ours is None:
        ours = run_tool(tool, "transform", path("our_model"), path("other"), path("our_other"))
    check(ours is not None, f"we did not fail; PySpark said: {theirs}")
    check("stage" in ours or "StringIndexer" in ours, f"the message names no stage: {ours}")
    return ours


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("work_folder")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    spark = start_spark()
    passed = failed = 0
    kinds = {}
    cases = [("random", i) for i in range(options.count)] + [("failing", i) for i in range(len(FAILING))]
    for kind, i in cases:
        rng = random.Random(options.seed * 1000 + i)
        folder = os.path.join(options.work_folder, f"{kind}_{i}")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        train, other = make_rows(rng, rng.randint(25, 60), False), make_rows(rng, 30, True)
        try:
            if kind == "random":
                stages = make_stages(rng)
                for name, _ in stages:
                    kinds[name] = kinds.get(name, 0) + 1
                run_case(spark, options.tool, folder, stages, train, other)
            else:
                message = run_failing(spark, options.tool, folder, FAILING[i], train, other)
                print(f"{kind} {i}: {message}")
            passed += 1
        except Exception as error:  # One case's trouble must not hide the others'.
            failed += 1
            print(f"{kind} {i}: FAILED: {str(error)[:3000]}", file=sys.stderr)
    spark.stop()
    print(f"stages met: {kinds}; vectors stored sparse by one side only: {len(STORED_OTHERWISE)}")
    print(f"stages_on_spark: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
