"""Compares our gradient-boosted trees with those of PySpark's GBTRegressor.

Makes data sets (seeded), trains both on one partition in the same row order, and demands that every
field of every node is the same to the last bit, and that predictions agree to 1e-12 relative (Spark
adds the trees in an order that depends on the machine).

usage: gbt_on_spark.py GBT_TOOL WORK_FOLDER [--count N] [--seed S]
"""

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys

import pyarrow
import pyarrow.parquet as parquet
from pyspark.ml.functions import array_to_vector
from pyspark.ml.regression import GBTRegressor
from session import open_session

# What each set-up is there for; those beyond the list are drawn at random alone.
SETUPS = [
    {"about": "defaults", "rows": 3000, "params": {"maxIter": 8}},
    {"about": "depth 1", "params": {"maxDepth": 1, "maxIter": 10}},
    {"about": "depth 8", "rows": 2500, "params": {"maxDepth": 8, "maxIter": 4}},
    {"about": "depth 0", "params": {"maxDepth": 0}},
    {"about": "4 bins", "arities": [2, 3, 4], "params": {"maxBins": 4}},
    {"about": "64 bins", "rows": 4000, "params": {"maxBins": 64}},
    {"about": "minInstancesPerNode", "params": {"minInstancesPerNode": 40, "maxDepth": 6}},
    {"about": "minInfoGain", "params": {"minInfoGain": 0.05, "maxDepth": 6}},
    {"about": "stepSize 1", "params": {"stepSize": 1.0}},
    {"about": "small stepSize", "params": {"stepSize": 0.013, "maxIter": 10}},
    {"about": "fewer rows than bins", "rows": 7, "arities": [2, 3], "params": {"maxDepth": 4}},
    {"about": "two rows", "rows": 2, "arities": [2], "params": {}},
    {"about": "one row", "rows": 1, "kinds": ["continuous", "counts"], "params": {}},
    {"about": "ties", "rows": 300, "kinds": ["ties"] * 4, "labels": "few", "params": {}},
    {"about": "ties with fractions", "rows": 60, "kinds": ["ties"] * 5, "params": {"maxIter": 6}},
    {"about": "constant columns", "kinds": ["constant", "counts", "constant", "nominal"], "params": {}},
    {"about": "only constant columns", "rows": 50, "kinds": ["constant"] * 2, "params": {}},
    {"about": "one category", "rows": 80, "kinds": ["single", "continuous"], "params": {}},
    {"about": "only binary", "kinds": ["binary"] * 9, "params": {"maxDepth": 7}},
    {"about": "only nominal", "kinds": ["nominal"] * 4, "arities": [5, 12, 30], "params": {}},
    {"about": "constant label", "rows": 200, "labels": "constant", "params": {}},
    {"about": "label 0.1 throughout", "rows": 30, "labels": "tenth", "params": {}},
    {"about": "large labels", "labels": "large", "params": {}},
    {"about": "zeros and negatives", "kinds": ["zeros", "zeros", "continuous"], "params": {}},
    {"about": "all at once", "rows": 9000, "params": {"maxDepth": 5, "maxIter": 12, "stepSize": 0.2}},
]
KINDS = ["continuous", "counts", "ties", "zeros", "binary", "nominal", "constant"]


def make_column(kind, rows, rng):
    if kind == "continuous":
        return [rng.gauss(0, 100) for _ in range(rows)]
    if kind == "counts":
        return [float(rng.randrange(1, 23)) for _ in range(rows)]
    if kind == "ties":
        return [float(rng.randrange(0, 4)) for _ in range(rows)]
    if kind == "zeros":
        return [0.0 if rng.random() < 0.6 else rng.uniform(-5, 5) for _ in range(rows)]
    value = rng.choice([0.0, 4.5])
    return [value] * rows


def make_case(position, seed):
    rng = random.Random(seed * 1000 + position)
    setup = dict(SETUPS[position]) if position < len(SETUPS) else {
        "about": "drawn at random",
        "params": {"maxDepth": rng.randrange(1, 9), "maxBins": rng.choice([8, 16, 33, 64]),
                   "minInstancesPerNode": rng.choice([1, 1, 5, 25]),
                   "minInfoGain": rng.choice([0.0, 0.0, 0.001, 0.2]),
                   "stepSize": rng.choice([0.05, 0.1, 0.3, 0.7])},
        "arities": [2, 3, 5, 8]}
    rows = setup.get("rows", rng.randrange(400, 2000))
    kinds = setup.get("kinds") or [rng.choice(KINDS) for _ in range(rng.randrange(3, 11))]
    arities = setup.get("arities", [2, 3, 4, 8])
    columns, attributes = [], []
    for kind in kinds:
        arity = {"binary": 2, "single": 1, "nominal": rng.choice(arities)}.get(kind)
        if arity is None:
            columns.append(make_column(kind, rows, rng))
            attributes.append({"kind": "numeric"})
            continue
        # One category in four is left out, so that some are absent everywhere.
        present = [c for c in range(arity) if arity < 3 or rng.random() < 0.75] or [0]
        columns.append([float(rng.choice(present)) for _ in range(rows)])
        attributes.append({"kind": "binary"} if kind == "binary" else
                          {"kind": "nominal", "num_values": arity})
    effects = [rng.gauss(0, 1) for _ in kinds]
    features = [list(row) for row in zip(*columns)]
    labels = []
    for row in features:
        signal = sum(e * math.sin(v) if a["kind"] != "numeric" else e * math.atan(v / 20)
                     for e, v, a in zip(effects, row, attributes))
        labels.append({"few": float(rng.randrange(3)), "constant": 7.5, "tenth": 0.1,
                       "large": 1e9 + signal * 1e4}.get(
                           setup.get("labels"),
                           round(signal * 3 + rng.gauss(0, 1), rng.choice([0, 1, 6]))))
    # New rows: other numbers, and values that are no category (A.15).
    probes = []
    for _ in range(20):
        row = list(rng.choice(features))
        for i, attribute in enumerate(attributes):
            if rng.random() < 0.4:
                row[i] = rng.choice([0.5, -1.0, 99.0, 1e9] if attribute["kind"] != "numeric"
                                    else [row[i] * 1.7 - 3, 0.0, -1e6, 1e6])
        probes.append(row)
    params = {"maxIter": 5, **setup["params"]}
    return {"about": setup["about"], "labels": labels, "features": features, "probes": probes,
            "attributes": attributes, "params": params}


def attribute_group(attributes):
    """The ml_attr metadata that makes Spark see the same kinds of feature."""
    groups = {}
    for i, attribute in enumerate(attributes):
        entry = {"idx": i, "name": f"f{i}"}
        if attribute["kind"] == "nominal":
            entry["num_vals"] = attribute["num_values"]
        groups.setdefault(attribute["kind"], []).append(entry)
    return {"ml_attr": {"attrs": groups, "num_attrs": len(attributes)}}


def train_on_spark(spark, case, folder):
    def frame(name, rows, labels):
        # One file of one row group is read as one partition, in order.
        file = os.path.join(folder, name + ".parquet")
        parquet.write_table(pyarrow.table({"label": labels, "values": rows}), file)
        made = spark.read.parquet(file).select("label", array_to_vector("values").alias("features"))
        return made.coalesce(1).withMetadata("features", attribute_group(case["attributes"]))

    os.makedirs(folder)
    model = GBTRegressor(**case["params"]).fit(frame("rows", case["features"], case["labels"]))
    model.write().overwrite().save(os.path.join(folder, "model"))
    trees = [[] for _ in model.treeWeights]
    for row in parquet.read_table(os.path.join(folder, "model", "data")).to_pylist():
        trees[row["treeID"]].append(row["nodeData"])
    everything = frame("everything", case["features"] + case["probes"],
                       case["labels"] + [0.0] * len(case["probes"]))
    predictions = model.transform(everything).select("prediction").collect()
    return {"weights": list(model.treeWeights),
            "trees": [sorted(nodes, key=lambda node: node["id"]) for nodes in trees],
            "predictions": [row.prediction for row in predictions]}


def same(ours, theirs):
    """Equal numbers, the sign of zero included."""
    return ours == theirs and math.copysign(1, ours) == math.copysign(1, theirs)


def first_difference(ours, theirs):
    if ours["weights"] != theirs["weights"]:
        return f"weights {ours['weights']} and Spark's {theirs['weights']}"
    for tree, (our_nodes, their_nodes) in enumerate(zip(ours["trees"], theirs["trees"])):
        for position, (our, their) in enumerate(zip(our_nodes, their_nodes)):
            pairs = [("prediction", our["prediction"], their["prediction"]),
                     ("impurity", our["impurity"], their["impurity"]),
                     ("rows", our["num_rows"], their["rawCount"]),
                     ("gain", our["gain"], their["gain"]),
                     ("left child", our["left"], their["leftChild"]),
                     ("right child", our["right"], their["rightChild"]),
                     ("feature", our["feature"], their["split"]["featureIndex"]),
                     ("arity", our["arity"], their["split"]["numCategories"])]
            pairs += [(f"stats[{i}]", our["stats"][i], their["impurityStats"][i]) for i in range(3)]
            our_split = our["split"]
            their_split = their["split"]["leftCategoriesOrThreshold"]
            if len(our_split) != len(their_split):
                return f"tree {tree}, node {position}: split {our_split} and Spark's {their_split}"
            pairs += [("split", a, b) for a, b in zip(our_split, their_split)]
            for name, our_value, their_value in pairs:
                if not same(our_value, their_value):
                    return f"tree {tree}, node {position}: {name} {our_value!r} and Spark's {their_value!r}"
        if len(our_nodes) != len(their_nodes):
            return f"tree {tree}: {len(our_nodes)} nodes and Spark's {len(their_nodes)}"
    if len(ours["predictions"]) != len(theirs["predictions"]):
        return "another number of predictions"
    for row, (our, their) in enumerate(zip(ours["predictions"], theirs["predictions"])):
        if not math.isclose(our, their, rel_tol=1e-12, abs_tol=1e-12):
            return f"prediction of row {row}: {our!r} and Spark's {their!r}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool", help="path of gbt_tool")
    parser.add_argument("work_folder")
    parser.add_argument("--count", type=int, default=30, help="data sets (default 30)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    cases = [make_case(position, options.seed) for position in range(options.count)]
    result = subprocess.run([options.tool], input="".join(json.dumps(case) + "\n" for case in cases),
                            capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"gbt_on_spark: {result.stderr.strip()}")
    ours = [json.loads(line) for line in result.stdout.splitlines()]

    spark = open_session("gbt_on_spark")
    folder = os.path.join(options.work_folder, "gbt_on_spark")
    shutil.rmtree(folder, ignore_errors=True)
    failed = 0
    nodes = 0
    for position, case in enumerate(cases):
        theirs = train_on_spark(spark, case, os.path.join(folder, str(position)))
        nodes += sum(len(tree) for tree in theirs["trees"])
        difference = first_difference(ours[position], theirs)
        if difference:
            failed += 1
            print(f"{position} {case['about']} {json.dumps(case['params'])}: {difference}")
    spark.stop()
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(cases)} forests, {nodes} nodes compared bit for bit")
    print(f"gbt_on_spark: {len(cases) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
