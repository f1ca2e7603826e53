"""Exchanges trained models with PySpark through Spark ML's files, both ways.

For a few seeded data sets and parameter sets:
  - a model that we trained and saved loads with PipelineModel.load, predicts every row as our own model does and has
    our featureImportances;
  - a model that PySpark trained and saved (alone, in a pipeline with feature stages; with weights, categories, early
    stopping, absolute loss) loads in ours, predicts as PySpark did, and `describe --json` says its parameters and
    importances.
Predictions and importances agree to 1e-9 relative. Runs with PySpark 4.x and 3.5.

usage: models_on_spark.py MODEL_TOOL FIRESTEEL WORK_FOLDER [--count N]
"""

import argparse
import json
import math
import pathlib
import random
import shutil
import subprocess
import sys

import pyspark
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import OneHotEncoder, StringIndexer, VectorAssembler
from pyspark.ml.regression import FMRegressor, GBTRegressor
from session import open_session

TOLERANCE = 1e-9

# Parameters of both sides; `held` is the validation column.
PARAMETERS = [
    {"maxIter": 4},
    {"maxIter": 6, "maxDepth": 3, "stepSize": 0.3, "maxBins": 8, "minInstancesPerNode": 4},
    {"maxIter": 3, "lossType": "absolute", "weightCol": "weight"},
    {"maxIter": 12, "validationIndicatorCol": "held", "validationTol": 0.05, "maxDepth": 4},
    {"maxIter": 2, "maxDepth": 0},
]


# Of factorization machines. Without linear terms, and with one iteration of gd, some or all of these are 0.
MACHINE_PARAMETERS = [
    {"maxIter": 20, "seed": 3, "stepSize": 0.1},
    {"maxIter": 3, "fitLinear": False, "factorSize": 3, "seed": -1, "regParam": 0.1},
    {"maxIter": 8, "solver": "gd", "fitIntercept": False, "miniBatchFraction": 0.5, "stepSize": 0.01, "seed": 9, "tol": 0.0},
    {"maxIter": 30, "solver": "gd", "stepSize": 1000.0, "seed": 4},
    {"maxIter": 20, "seed": 3, "standardize": True},
]


def make_rows(rng, count):
    rows = []
    for _ in range(count):
        size, shade = rng.gauss(0.0, 2.0), rng.randrange(6)
        colour = rng.choice(["red", "green", "blue", "grün", "a,b"])
        label = 3.0 * math.sin(size) + (shade % 3) + len(colour) + rng.gauss(0.0, 0.3)
        rows.append((size, rng.randrange(4) * 0.25, shade, colour, rng.choice([0.5, 1.0, 2.0]), rng.random() < 0.3, label))
    return rows


def run(*command):
    """What a command printed; its errors are the message if it fails."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {result.stderr.strip()}")
    return result.stdout


def compare(what, ours, theirs):
    assert len(ours) == len(theirs), f"{what}: {len(ours)} numbers of ours, {len(theirs)} of Spark's"
    for i, (a, b) in enumerate(zip(map(float, ours), theirs)):
        if not math.isfinite(b):
            assert a == b or (math.isnan(a) and math.isnan(b)), f"{what}: number {i} is {a!r}, Spark has {b!r}"
            continue
        assert abs(a - b) <= TOLERANCE * max(1.0, abs(b)), f"{what}: number {i} is {a!r}, Spark has {b!r}"


def predictions_of(frame):
    return [row.prediction for row in frame.select("prediction").collect()]


def used_columns(parameters):
    """Columns that are kept in the frame beside features and label."""
    return [parameters[name] for name in ("weightCol", "validationIndicatorCol") if name in parameters]


def our_model_in_spark(spark, tool, binary, folder, rows, parameters):
    frame = folder / "features"
    indexed = StringIndexer(inputCol="colour", outputCol="colour_index").fit(rows).transform(rows)
    encoded = OneHotEncoder(inputCol="shade", outputCol="shade_flags").fit(indexed).transform(indexed)
    encoded.select("size", "step", "colour_index", "shade_flags", "label", *used_columns(parameters)).coalesce(1).write.parquet(str(frame))
    (folder / "params.json").write_text(json.dumps(parameters), encoding="utf-8")
    run(tool, "train", "gbt", frame, "label", folder / "params.json", folder / "ours", folder / "ours.json")
    ours = json.loads((folder / "ours.json").read_text(encoding="utf-8"))

    loaded = PipelineModel.load(str(folder / "ours"))
    compare("our model in Spark", ours, predictions_of(loaded.transform(spark.read.parquet(str(frame)))))
    forest = loaded.stages[-1]
    for name, value in parameters.items():
        assert forest.getOrDefault(name) == value, f"Spark reads {name} as {forest.getOrDefault(name)}, not {value}"
    described = json.loads(run(binary, "describe", folder / "ours", "--json"))
    compare("importances", [f["importance"] for f in described["features"]], forest.featureImportances.toArray())
    assert [f["name"] for f in described["features"]][:3] == ["size", "step", "colour_index"]
    # What Spark saves of it again is a model too.
    loaded.write().overwrite().save(str(folder / "again"))
    run(tool, "predict", folder / "again", frame, folder / "again.json")
    assert json.loads((folder / "again.json").read_text(encoding="utf-8")) == ours, "our model changed by way of Spark"


def sparks_model_in_ours(spark, tool, binary, folder, rows, parameters):
    frame = folder / "rows"
    rows.coalesce(1).write.parquet(str(frame))
    rows = spark.read.parquet(str(frame))
    stages = [
        StringIndexer(inputCol="colour", outputCol="colour_index", handleInvalid="keep"),
        OneHotEncoder(inputCols=["shade"], outputCols=["shade_flags"]),
        VectorAssembler(inputCols=["size", "step", "colour_index", "shade_flags"], outputCol="assembled"),
        GBTRegressor(featuresCol="assembled", labelCol="label", **parameters),
    ]
    model = Pipeline(stages=stages).fit(rows)
    model.save(str(folder / "theirs"))
    theirs = predictions_of(model.transform(rows))
    run(tool, "predict", folder / "theirs", frame, folder / "theirs.json")
    compare("Spark's model in ours", json.loads((folder / "theirs.json").read_text(encoding="utf-8")), theirs)

    described = json.loads(run(binary, "describe", folder / "theirs", "--json", "--trees"))
    forest = model.stages[-1]
    assert described["kind"] == "gbt" and described["label"] == "label" and described["uid"] == forest.uid
    for param in forest.params:
        if forest.hasParam(param.name) and forest.isDefined(param):
            value, ours = forest.getOrDefault(param), described["resolved_parameters"].get(param.name)
            assert ours == value, f"describe says {param.name} is {ours}, Spark has {value}"
    assert described["parameters"].keys() == {"featuresCol", "labelCol", *parameters} | {"seed"} & described["parameters"].keys()
    names = [f["name"] for f in described["features"]]
    assert names[:4] == ["size", "step", "colour_index", "shade_flags_0"], f"features are named {names}"
    assert described["features"][2]["values"][-1] == "__unknown", "the labels of the StringIndexer are lost"
    compare("importances", [f["importance"] for f in described["features"]], forest.featureImportances.toArray())
    assert described["forest"]["num_trees"] == forest.getNumTrees == len(described["trees"])
    assert described["forest"]["num_nodes"] == forest.totalNumNodes
    compare("weights", [tree["weight"] for tree in described["trees"]], forest.treeWeights)
    assert "predict" in run(binary, "describe", folder / "theirs", "--trees")

    forest.save(str(folder / "alone"))
    alone = folder / "assembled"
    PipelineModel(stages=model.stages[:-1]).transform(rows).select("assembled").coalesce(1).write.parquet(str(alone))
    run(tool, "predict", folder / "alone", alone, folder / "alone.json")
    compare("Spark's model alone in ours", json.loads((folder / "alone.json").read_text(encoding="utf-8")), theirs)


def our_machine_in_spark(spark, tool, binary, folder, rows, parameters):
    frame = folder / "features"
    encoded = OneHotEncoder(inputCol="shade", outputCol="shade_flags").fit(rows).transform(rows)
    encoded.select("size", "step", "shade_flags", "label").coalesce(1).write.parquet(str(frame))
    (folder / "params.json").write_text(json.dumps(parameters), encoding="utf-8")
    run(tool, "train", "factorization_machine", frame, "label", folder / "params.json", folder / "ours", folder / "ours.json")
    ours = json.loads((folder / "ours.json").read_text(encoding="utf-8"))

    loaded = PipelineModel.load(str(folder / "ours"))
    compare("our machine in Spark", ours, predictions_of(loaded.transform(spark.read.parquet(str(frame)))))
    machine = loaded.stages[-1]
    for name, value in parameters.items():
        if name != "standardize":
            assert machine.getOrDefault(name) == value, f"Spark reads {name} as {machine.getOrDefault(name)}, not {value}"
    described = json.loads(run(binary, "describe", folder / "ours", "--json"))
    check_machine(described, machine)
    assert described["resolved_parameters"]["standardize"] == parameters.get("standardize", False)
    loaded.write().overwrite().save(str(folder / "again"))
    run(tool, "predict", folder / "again", frame, folder / "again.json")
    assert json.loads((folder / "again.json").read_text(encoding="utf-8")) == ours, "our machine changed by way of Spark"


def check_machine(described, machine):
    told = described["factorization_machine"]
    assert told["factor_size"] == machine.factors.numCols
    compare("intercept and linear terms", [told["intercept"], *told["linear"]], [machine.intercept, *machine.linear.toArray()])


def sparks_machine_in_ours(spark, tool, binary, folder, rows, parameters):
    frame = folder / "rows"
    rows.coalesce(1).write.parquet(str(frame))
    rows = spark.read.parquet(str(frame))
    parameters = {name: value for name, value in parameters.items() if name != "standardize"}
    stages = [
        OneHotEncoder(inputCols=["shade"], outputCols=["shade_flags"]),
        VectorAssembler(inputCols=["size", "step", "shade_flags"], outputCol="assembled"),
        FMRegressor(featuresCol="assembled", labelCol="label", **parameters),
    ]
    model = Pipeline(stages=stages).fit(rows)
    model.save(str(folder / "theirs"))
    run(tool, "predict", folder / "theirs", frame, folder / "theirs.json")
    compare("Spark's machine in ours", json.loads((folder / "theirs.json").read_text(encoding="utf-8")),
            predictions_of(model.transform(rows)))
    described = json.loads(run(binary, "describe", folder / "theirs", "--json"))
    machine = model.stages[-1]
    assert described["kind"] == "factorization_machine" and described["uid"] == machine.uid
    assert described["parameters"].keys() == {"featuresCol", "labelCol", *parameters}
    check_machine(described, machine)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool")
    parser.add_argument("firesteel")
    parser.add_argument("work_folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=len(PARAMETERS))
    options = parser.parse_args()
    spark = open_session("models_on_spark")
    failed = 0
    num_checks = 0
    trees = [(parameters, our_model_in_spark, sparks_model_in_ours) for parameters in PARAMETERS[: options.count]]
    machines = [(parameters, our_machine_in_spark, sparks_machine_in_ours) for parameters in MACHINE_PARAMETERS[: options.count]]
    for number, (parameters, *checks) in enumerate(trees + machines):
        rng = random.Random(number)
        rows = spark.createDataFrame(
            make_rows(rng, rng.choice([120, 300])),
            "size double, step double, shade int, colour string, weight double, held boolean, label double").coalesce(1)
        for check in checks:
            num_checks += 1
            folder = options.work_folder / f"{check.__name__}_{number}"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            try:
                check(spark, options.tool, options.firesteel, folder, rows, parameters)
            except Exception as error:  # One case's trouble must not hide the others'.
                failed += 1
                print(f"{check.__name__} {parameters}: FAILED: {str(error)[:3000]}", file=sys.stderr)
    spark.stop()
    print(f"PySpark {pyspark.__version__}\nmodels_on_spark: {num_checks - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
