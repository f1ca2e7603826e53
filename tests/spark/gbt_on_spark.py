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
import random
import shutil
import sys
import time
from pathlib import Path

import gbt_cases
import numpy
from forest_walk import SEARCH_UNITS, UNIT, Walk, close, predict
from gbt_sides import Tool, make_sample, shipping_case, train_on_spark
from session import open_session

# Of the recorded run on the real data, 32 trees: mean absolute and mean squared error of the raw predictions.
PUBLISHED = {"training": (1.0484148716873622, 2.7577558737060817), "validation": (1.1205358418987026, 3.0919168285983343)}


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
    rounding = UNIT * (SEARCH_UNITS + split) * max(map(abs, theirs["predictions"]))
    walk.largest = max(abs(a - b) for a, b in pairs[:split])
    if walk.differences:
        return walk
    our_predictions = ours["predictions"]
    if walk.ties:
        features = numpy.array(case["features"] + case["probes"], dtype=float)
        our_predictions = predict(theirs["trees"], theirs["weights"], features, walk.leaf_values)
    for row, (our, their) in enumerate(zip(our_predictions, theirs["predictions"])):
        if not close(our, their, rounding):
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
    parser.add_argument("--count", type=int, default=len(gbt_cases.SETUPS) + 4, help="generated sets")
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
        make_sample(options.firesteel, folder / "sample", rows=8000)
        for about, data, params in (("sample data", folder / "sample", {"maxIter": 12}), ("real data", options.data, {"maxIter": 32})):
            if not (data / "ShippingLogs.csv").is_file():
                print(f"{data} is not there: shipping, {about}, is left out")
                continue
            cases.append((about, lambda about=about, data=data, params=params: shipping_case(
                spark, options.firesteel, folder / about.replace(" ", "_"), f"shipping, {about}", data, params)))

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
