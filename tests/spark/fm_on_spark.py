"""Compares our factorization machines with those of PySpark's FMRegressor.

Makes data and parameter sets (fm_cases.py, seeded), adds the features of shipping data (sample rows made by firesteel; the real
data where it is there), trains both sides and compares the raw predictions of all rows and of rows that nobody trained on: within
1e-6 of Spark's (relative; absolute below 1), and infinite or NaN where Spark's are. Factors that no iteration has changed are the
same to the last bit. Between them the sets must make our trainer go over rows, groups and moments. Our side gets the rows in another
order than Spark, unless a mini-batch is drawn, which goes by their order.

usage: fm_on_spark.py GBT_TOOL WORK_FOLDER [--firesteel BINARY] [--data FOLDER] [--count N] [--seed S] [--only N ...]
"""

import argparse
import json
import math
import random
import shutil
import sys
import time
from pathlib import Path

import fm_cases
import pyarrow
import pyarrow.parquet as parquet
from gbt_sides import Tool, make_sample, shipping_case
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import FMRegressor
from session import open_session

TOLERANCE = 1e-6

# Parameters for shipping data.
SHIPPING = [{"seed": 1}, {"seed": 2, "maxIter": 5}, {"seed": 3, "stepSize": 0.01, "maxIter": 30},
            {"seed": 4, "solver": "gd", "maxIter": 20}, {"seed": 5, "miniBatchFraction": 0.3, "stepSize": 0.1, "maxIter": 20}]


def train_on_spark(spark, case, folder):
    def frame(name, rows, labels):
        # One file of one row group is read as one partition, in order.
        file = folder / f"{name}.parquet"
        columns = {f"f{i}": list(column) for i, column in enumerate(zip(*rows))}
        parquet.write_table(pyarrow.table({**columns, **labels}), file)
        return VectorAssembler(inputCols=list(columns), outputCol="features").transform(spark.read.parquet(str(file)))

    folder.mkdir()
    training = frame("training", case["features"], {"label": case["labels"]}).coalesce(1).cache()
    training.count()
    started = time.monotonic()
    model = FMRegressor(**case["params"]).fit(training)
    seconds = time.monotonic() - started
    predictions = [row.prediction for part in (training, frame("probes", case["probes"], {})) for row in model.transform(part).collect()]
    factors = model.factors.toArray().reshape(-1).tolist()
    training.unpersist()
    return {"predictions": predictions, "factors": factors, "seconds": seconds}


def train_ours(tool, case, rng):
    order = list(range(len(case["labels"])))
    if case["params"].get("miniBatchFraction", 1.0) == 1.0:
        rng.shuffle(order)
    answer = tool.train({"model_type": "factorization_machine", "labels": [case["labels"][row] for row in order],
                         "features": [case["features"][row] for row in order], "probes": case["probes"], "params": case["params"],
                         "attributes": [{"kind": "numeric"}] * len(case["features"][0]), "threads": 2})
    numbers = [float(number) for number in answer["predictions"]]
    predictions = list(numbers)
    for position, row in enumerate(order):
        predictions[row] = numbers[position]
    return {**answer, "predictions": predictions}


def distance(ours, theirs):
    """How far two numbers are apart, relative to the larger of Spark's and 1; infinite if one of them is not finite."""
    if math.isnan(ours) or math.isnan(theirs) or math.isinf(ours) or math.isinf(theirs):
        return 0.0 if ours == theirs or (math.isnan(ours) and math.isnan(theirs)) else math.inf
    return abs(ours - theirs) / max(1.0, abs(theirs))


def compare(case, ours, theirs):
    """The largest distance of a prediction, and what is wrong."""
    distances = [distance(a, b) for a, b in zip(ours["predictions"], theirs["predictions"], strict=True)]
    worst = max(range(len(distances)), key=distances.__getitem__)
    wrong = []
    if distances[worst] > TOLERANCE:
        wrong.append(f"prediction of row {worst}: {ours['predictions'][worst]!r} and Spark's {theirs['predictions'][worst]!r}")
    if case["params"].get("maxIter") == 0 and ours["factors"] != theirs["factors"]:
        wrong.append("the factors are not drawn as Spark draws them")
    return distances[worst], wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool", help="path of gbt_tool")
    parser.add_argument("work_folder", type=Path)
    parser.add_argument("--firesteel", help="the program; without it shipping data is left out")
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[3] / "shared/data",
                        help="folder of the real shipping data")
    parser.add_argument("--count", type=int, default=len(fm_cases.SETUPS), help="generated sets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of generated sets")
    options = parser.parse_args()

    folder = options.work_folder / "fm_on_spark"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    spark = open_session("fm_on_spark")
    tool = Tool(options.tool)
    numbers = range(options.count) if options.only is None else options.only
    cases = [fm_cases.make_case(number, options.seed) for number in numbers]
    if options.firesteel:
        make_sample(options.firesteel, folder / "sample", rows=3000)
        for about, data, sets in (("sample data", folder / "sample", SHIPPING[:1]), ("real data", options.data, SHIPPING)):
            if not (data / "ShippingLogs.csv").is_file():
                print(f"{data} is not there: shipping, {about}, is left out")
                continue
            case = shipping_case(spark, options.firesteel, folder / about.replace(" ", "_"), f"shipping, {about}", data, {})
            cases += [{**case, "params": params} for params in sets]

    failed, trained_on = 0, set()
    for number, case in enumerate(cases):
        theirs = train_on_spark(spark, case, folder / f"case_{number}")
        ours = train_ours(tool, case, random.Random(options.seed))
        largest, wrong = compare(case, ours, theirs)
        facts = ours["facts"]
        trained_on.add(facts["trained_on"])
        num_finite = sum(map(math.isfinite, theirs["predictions"]))
        print(f"{case['about']} {json.dumps(case['params'])}: {len(case['labels'])} rows, {facts['num_iterations']} updates on "
              f"{facts['trained_on']}, {num_finite} of {len(theirs['predictions'])} predictions finite, "
              f"largest difference {largest:.1e}; Spark {theirs['seconds']:.1f} s", flush=True)
        for difference in wrong:
            print(f"  DIFFERENT: {difference}", flush=True)
        failed += bool(wrong)
    tool.close()
    spark.stop()
    shutil.rmtree(folder, ignore_errors=True)
    if options.only is None and trained_on != {"moments", "groups", "rows"}:
        print(f"only trained on {', '.join(sorted(trained_on))}")
        failed += 1
    print(f"fm_on_spark: {len(cases) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
