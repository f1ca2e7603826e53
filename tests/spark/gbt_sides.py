"""Both sides of the comparison of gradient-boosted trees: gbt_tool and PySpark, on a case (gbt_cases.py says what that is)."""

import json
import os
import subprocess
import sys

import pyarrow
import pyarrow.parquet as parquet
from gbt_cases import HELD_OUT_COLUMN, WEIGHT_COLUMN, attribute_group
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.functions import array_to_vector
from pyspark.ml.regression import GBTRegressor

LABEL = "actual_shipping_days"


class Tool:
    """gbt_tool, one question at a time."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def train(self, case):
        self.process.stdin.write(json.dumps({key: value for key, value in case.items() if key != "is_sparse"}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"the tool stopped at {case.get('about', 'a part')} with {case['params']}")
        return json.loads(answer)

    def train_shuffled(self, case, rng):
        order = list(range(len(case["labels"])))
        if case["params"].get("subsamplingRate", 1.0) == 1.0:
            rng.shuffle(order)
        shuffled = {**case, "features": [case["features"][row] for row in order]}
        for name in ("labels", "weights", "held_out"):
            if name in case:
                shuffled[name] = [case[name][row] for row in order]
        forest = self.train(shuffled)
        predictions = list(forest["predictions"])
        for position, row in enumerate(order):
            predictions[row] = forest["predictions"][position]
        return {**forest, "predictions": predictions}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def node_of(entry):
    return {"prediction": entry["prediction"], "impurity": entry["impurity"], "stats": entry["impurityStats"][:3],
            "num_rows": entry["rawCount"], "gain": entry["gain"], "left": entry["leftChild"], "right": entry["rightChild"],
            "feature": entry["split"]["featureIndex"], "arity": entry["split"]["numCategories"],
            "split": list(entry["split"]["leftCategoriesOrThreshold"])}


def forest_of(folder):
    """The forest in the folder of a GBTRegressionModel."""
    # Spark 4.3 numbers these columns, 3.5 and we name them: tree, metadata, weight.
    of_trees = parquet.read_table(os.path.join(folder, "treesMetadata"))
    weights = dict(zip(of_trees.column(0).to_pylist(), of_trees.column(2).to_pylist()))
    trees = [[] for _ in weights]
    for row in parquet.read_table(os.path.join(folder, "data")).to_pylist():
        trees[row["treeID"]].append(row["nodeData"])
    return {"weights": [weights[tree] for tree in sorted(weights)],
            "trees": [[node_of(node) for node in sorted(nodes, key=lambda node: node["id"])] for nodes in trees]}


def train_on_spark(spark, case, folder):
    def frame(name, rows, extra):
        # One file of one row group is read as one partition, in order.
        file = os.path.join(folder, name + ".parquet")
        columns = {"values": rows} if not case["is_sparse"] else {f"f{i}": list(column) for i, column in enumerate(zip(*rows))}
        parquet.write_table(pyarrow.table({**extra, **columns}), file)
        made = spark.read.parquet(file)
        if case["is_sparse"]:
            made = VectorAssembler(inputCols=list(columns), outputCol="features").transform(made)
        else:
            made = made.withColumn("features", array_to_vector("values"))
        return made.coalesce(1).withMetadata("features", attribute_group(case["attributes"]))

    os.makedirs(folder)
    extra = {"label": case["labels"]}
    if "weights" in case:
        extra[WEIGHT_COLUMN] = case["weights"]
    if "held_out" in case:
        extra[HELD_OUT_COLUMN] = case["held_out"]
    model = GBTRegressor(**case["params"]).fit(frame("rows", case["features"], extra))
    model.write().overwrite().save(os.path.join(folder, "model"))
    forest = forest_of(os.path.join(folder, "model"))
    if forest["weights"] != list(model.treeWeights):
        sys.exit(f"{case['about']}: the saved weights of the trees are not the model's")
    everything = frame("everything", case["features"] + case["probes"], {})
    predictions = model.transform(everything).select("prediction").collect()
    return {**forest, "predictions": [row.prediction for row in predictions]}


def run_firesteel(firesteel, *arguments):
    done = subprocess.run([firesteel, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"firesteel {arguments[0]}: {done.stderr.strip()}")


def make_sample(firesteel, folder, rows, seed=1):
    run_firesteel(firesteel, "sample-data", "--rows", rows, "--seed", seed, "--output", folder)


def shipping_case(spark, firesteel, folder, about, data, params):
    """The features of a shipping data set as firesteel's own steps make them; the validation part is probed."""
    rows, features = folder / "rows", folder / "features"
    run_firesteel(firesteel, "data-preprocessing", "--shipping-logs", data / "ShippingLogs.csv",
                  "--product-description", data / "ProductDescriptions.csv", "--output", rows)
    run_firesteel(firesteel, "feature-engineering", "--dataframe", rows / "training", "--output", features / "training")
    run_firesteel(firesteel, "feature-engineering", "--dataframe", rows / "validation", "--output", features / "validation",
                  "--pipeline-model", features / "training/pipeline_model")
    frames = [spark.read.parquet(str(features / part / "dataframe")).coalesce(1) for part in ("training", "validation")]
    columns = [name for name in frames[0].columns if name != LABEL and not name.endswith("_id")]
    assembled = [VectorAssembler(inputCols=columns, outputCol="features").transform(frame) for frame in frames]
    groups = assembled[0].schema["features"].metadata["ml_attr"]["attrs"]
    attributes = [None] * assembled[0].schema["features"].metadata["ml_attr"]["num_attrs"]
    for kind, entries in groups.items():
        for entry in entries:
            attributes[entry["idx"]] = {"kind": kind, **({"num_values": len(entry["vals"])} if kind == "nominal" else {})}
    parts = [frame.select(LABEL, "features").collect() for frame in assembled]
    labels = [[float(row[0]) for row in part] for part in parts]
    vectors = [[row[1].toArray().tolist() for row in part] for part in parts]
    return {"about": about, "is_sparse": False, "labels": labels[0], "features": vectors[0], "probes": vectors[1],
            "attributes": attributes, "params": params, "probe_labels": labels[1]}
