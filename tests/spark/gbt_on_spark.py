"""Compares our gradient-boosted trees with those of PySpark's GBTRegressor.

Makes data and parameter sets (gbt_cases.py, seeded), adds the features of shipping data (sample rows made by firesteel; the real
data where it is there, with the published metrics), trains both sides, and walks both forests node by node (forest_walk.py says
what is compared, how closely, and what is proved where they differ). Our side gets the rows in another order than Spark, unless
rows are sampled, which goes by their order. A difference that is no proved tie fails the test; every tie is listed and counted.

Predictions of all rows and of rows that nobody trained on, without a tie: ours and Spark's within 1e-9. After a tie: the same of
Spark's forest with our leaf values, which the walk found.

usage: gbt_on_spark.py GBT_TOOL WORK_FOLDER [--firesteel BINARY] [--data FOLDER] [--count N] [--seed S] [--only N ...]
       [--ties FILE]
"""

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet as parquet
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.functions import array_to_vector
from pyspark.ml.regression import GBTRegressor

import gbt_cases
from forest_walk import Walk, close, predict
from session import open_session

# Of the recorded run on the real data, 32 trees: mean absolute and mean squared error of the raw predictions.
PUBLISHED = {"training": (1.0484148716873622, 2.7577558737060817), "validation": (1.1205358418987026, 3.0919168285983343)}
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
            sys.exit(f"gbt_on_spark: the tool stopped at {case.get('about', 'a part')} with {case['params']}")
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
        return made.coalesce(1).withMetadata("features", gbt_cases.attribute_group(case["attributes"]))

    os.makedirs(folder)
    extra = {"label": case["labels"]}
    if "weights" in case:
        extra[gbt_cases.WEIGHT_COLUMN] = case["weights"]
    if "held_out" in case:
        extra[gbt_cases.HELD_OUT_COLUMN] = case["held_out"]
    model = GBTRegressor(**case["params"]).fit(frame("rows", case["features"], extra))
    model.write().overwrite().save(os.path.join(folder, "model"))
    trees = [[] for _ in model.treeWeights]
    for row in parquet.read_table(os.path.join(folder, "model", "data")).to_pylist():
        trees[row["treeID"]].append(row["nodeData"])
    everything = frame("everything", case["features"] + case["probes"], {})
    predictions = model.transform(everything).select("prediction").collect()
    return {"weights": list(model.treeWeights),
            "trees": [[node_of(node) for node in sorted(nodes, key=lambda node: node["id"])] for nodes in trees],
            "predictions": [row.prediction for row in predictions]}


# --- Shipping data -------------------------------------------------------------------------------------------------------------


def shipping_case(spark, firesteel, folder, about, sources, params):
    """The features of a shipping data set as firesteel's own steps make them; the validation part is probed."""
    def step(*arguments):
        done = subprocess.run([firesteel, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"gbt_on_spark: firesteel {arguments[0]}: {done.stderr.strip()}")

    rows, features = folder / "rows", folder / "features"
    step("data-preprocessing", *sources, "--output", rows)
    step("feature-engineering", "--dataframe", rows / "training", "--output", features / "training")
    step("feature-engineering", "--dataframe", rows / "validation", "--output", features / "validation",
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


def published_metrics(case, predictions, side):
    """The mean errors of both parts, label and prediction rounded to float32 first, as the workflow has them."""
    wrong = []
    split = len(case["labels"])
    for part, labels, part_predictions in (("training", case["labels"], predictions[:split]),
                                           ("validation", case["probe_labels"], predictions[split:])):
        errors = [float(numpy.float32(label)) - float(numpy.float32(p)) for label, p in zip(labels, part_predictions)]
        numbers = (math.fsum(map(abs, errors)) / len(errors), math.fsum(e * e for e in errors) / len(errors))
        print(f"  {side} {part} MAE {numbers[0]!r}, MSE {numbers[1]!r}")
        if any(not math.isclose(a, b, rel_tol=1e-7) for a, b in zip(numbers, PUBLISHED[part])):
            wrong.append(f"{side} {part} metrics {numbers}, published {PUBLISHED[part]}")
    return wrong


# --- The comparison ------------------------------------------------------------------------------------------------------------


def compare(case, ours, theirs, tool):
    """The finished walk; predictions are compared too, and the largest difference of raw predictions is kept."""
    walk = Walk(case, ours, theirs, tool.train)
    walk.run()
    split = len(case["labels"])
    pairs = list(zip(ours["predictions"], theirs["predictions"]))
    size = max(map(abs, theirs["predictions"]))
    walk.largest = max(abs(a - b) for a, b in pairs[:split])
    if walk.differences:
        return walk
    our_predictions = ours["predictions"]
    if walk.ties:
        features = numpy.array(case["features"] + case["probes"], dtype=float)
        our_predictions = predict(theirs["trees"], theirs["weights"], features, walk.leaf_values)
    for row, (our, their) in enumerate(zip(our_predictions, theirs["predictions"])):
        if not close(our, their, size):
            walk.differences.append(f"prediction of row {row}: {our!r} and Spark's {their!r}")
            break
    return walk


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool", help="path of gbt_tool")
    parser.add_argument("work_folder", type=Path)
    parser.add_argument("--firesteel", help="the program; without it shipping data is left out")
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[3] / "shared/data",
                        help="folder of the real shipping data")
    parser.add_argument("--count", type=int, default=len(gbt_cases.SETUPS) + 6, help="generated sets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of generated sets")
    parser.add_argument("--ties", type=Path, help="where to write the list of ties as a table")
    options = parser.parse_args()

    folder = options.work_folder / "gbt_on_spark"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    spark = open_session("gbt_on_spark")
    tool = Tool(options.tool)
    numbers = range(options.count) if options.only is None else options.only
    cases = [(str(number), lambda number=number: gbt_cases.make_case(number, options.seed)) for number in numbers]
    if options.firesteel:
        sample = folder / "sample"
        subprocess.run([options.firesteel, "sample-data", "shipping", "--rows", "8000", "--output", sample], check=True, capture_output=True)
        for about, data, params in (("shipping, sample data", sample, {"maxIter": 12}), ("shipping, real data", options.data, {"maxIter": 32})):
            logs = data / "ShippingLogs.csv"
            if not logs.is_file():
                print(f"{logs} is not there: {about} is left out")
                continue
            sources = ["--shipping-logs", logs, "--product-description", data / "ProductDescriptions.csv"]
            cases.append((about.split(", ")[1], lambda a=about, s=sources, p=params: shipping_case(
                spark, options.firesteel, folder / a.replace(", ", "_").replace(" ", "_"), a, s, p)))

    failed, num_trees, num_nodes, num_replayed, ties = 0, 0, 0, 0, []
    seconds = {"Spark": 0.0, "ours": 0.0, "walk": 0.0}
    for name, make in cases:
        case = make()
        started = time.monotonic()
        theirs = train_on_spark(spark, case, str(folder / f"case_{name.replace(' ', '_')}"))
        trained = time.monotonic()
        ours = tool.train_shuffled(case, random.Random(options.seed))
        answered = time.monotonic()
        walk = compare(case, ours, theirs, tool)
        if "probe_labels" in case and case["params"]["maxIter"] == 32:
            for side, forest in (("ours", ours), ("Spark's", theirs)):
                walk.differences += published_metrics(case, forest["predictions"], side)
        for which, spent in (("Spark", trained - started), ("ours", answered - trained), ("walk", time.monotonic() - answered)):
            seconds[which] += spent
        num_trees += len(theirs["trees"])
        num_nodes += walk.num_nodes
        num_replayed += walk.num_replayed
        ties += [(name, case["about"], tie) for tie in walk.ties]
        trained_on = ours.get("facts", {}).get("trained_on", "rows")
        print(f"{name} {case['about']}: {len(case['labels'])} rows, {len(theirs['trees'])} trees, {walk.num_nodes} nodes, {len(walk.ties)} ties, "
              f"largest difference of a training prediction {walk.largest:.1e}, ours trained on {trained_on}", flush=True)
        for difference in walk.differences[:3]:
            print(f"  DIFFERENT {json.dumps(case['params'])}: {difference}", flush=True)
        failed += bool(walk.differences)
    tool.close()
    spark.stop()
    shutil.rmtree(folder, ignore_errors=True)

    table = ["| set | about | tree | node | rows | kind | ours | Spark's | gain |", "|---|---|---|---|---|---|---|---|---|"]
    table += [f"| {name} | {about} | {tie.tree} | {tie.node} | {tie.rows} | {tie.kind} | {tie.ours} | {tie.theirs} | {tie.gain:.3g} |"
              for name, about, tie in ties]
    print("\n".join(table))
    if options.ties:
        options.ties.write_text("\n".join(table) + "\n", encoding="utf-8")
    print(f"Spark {seconds['Spark']:.0f} s, ours {seconds['ours']:.1f} s, walk {seconds['walk']:.1f} s")
    kinds = sorted({tie.kind for _, _, tie in ties})
    print(f"{len(cases)} forests, {num_trees} trees, {num_nodes} nodes; {len(ties)} ties "
          f"({', '.join(f'{sum(t.kind == kind for _, _, t in ties)} {kind}' for kind in kinds)}); {num_replayed} trees or parts trained again after a tie")
    print(f"gbt_on_spark: {len(cases) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
