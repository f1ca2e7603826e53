"""The whole workflow on both engines: the four steps, `run`, predict and evaluate. DuckDB's results are what Spark's are compared with: the
same rows, feature values and attributes, model, predictions and metrics.

usage: workflow_test.py FIRESTEEL [--spark 4.3|4.1] [--cluster] [--rows N] [--made-only] [--shared FOLDER]
FOLDER holds the real data set, which is used too if it is there, unless --made-only says otherwise.
"""

import argparse
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import pyarrow.parquet as parquet
from server import ConnectServer

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"
# What each model is trained by, and how far its numbers may lie apart: nothing, but for sums that two machines order differently.
MODELS = {
    "gbt": ("{'maxIter': 8}", 0.0),
    "factorization_machine": ("{'maxIter': 20, 'stepSize': 0.01}", 1e-9),
    "xgboost": ("{'num_boost_round': 8}", 0.0),
}


class Difference(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Difference(what)


def dense(value):
    """A vector of Spark's as the numbers that it stands for."""
    if not isinstance(value, dict):
        return value
    if value["type"] == 1:
        return tuple(value["values"])
    numbers = [0.0] * value["size"]
    for position, number in zip(value["indices"], value["values"]):
        numbers[position] = number
    return tuple(numbers)


def order(row):
    """Something that sorts rows with nulls and numbers beside text."""
    return tuple((value is None, str(type(value)), str(value)) for value in row)


def read_frame(folder):
    """The column names, the attributes and the rows, sorted, of a Parquet folder."""
    files = sorted(folder.glob("part-*.parquet"))
    check(files, f"{folder} has no part files")
    check((folder / "_SUCCESS").exists(), f"{folder} has no _SUCCESS")
    rows, names, attributes = [], None, None
    for file in files:
        table = parquet.read_table(file)
        names = table.column_names
        schema = json.loads(parquet.read_schema(file).metadata[SPARK_SCHEMA])
        attributes = {field["name"]: field["metadata"] for field in schema["fields"]}
        columns = [[dense(value) for value in table.column(name).to_pylist()] for name in names]
        rows += zip(*columns)
    return names, attributes, sorted(rows, key=order)


def read_csv_folder(folder):
    lines = []
    for file in sorted(folder.glob("part-*.csv")):
        header, *rest = file.read_text().splitlines()
        lines += rest
    check((folder / "_SUCCESS").exists(), f"{folder} has no _SUCCESS")
    return header, sorted(lines)


def close(left, right, tolerance):
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(close(left[key], right[key], tolerance) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(close(*pair, tolerance) for pair in zip(left, right))
    if isinstance(left, float) and tolerance > 0:
        return math.isclose(left, right, rel_tol=tolerance, abs_tol=tolerance)
    return left == right


def numbers_close(left, right, tolerance):
    """Lines of CSV whose numbers lie within a tolerance; sorted by the id, which comes last."""
    def by_id(lines):
        return sorted((line.split(",") for line in lines), key=lambda cells: cells[-1])

    for ours, theirs in zip(by_id(left), by_id(right)):
        for one, other in zip(ours, theirs):
            if one != other and not math.isclose(float(one), float(other), rel_tol=tolerance, abs_tol=tolerance):
                return False
    return len(left) == len(right)


def compare_frames(ours, theirs):
    left, right = read_frame(ours), read_frame(theirs)
    check(left[0] == right[0], f"{theirs}: columns {right[0]}, not {left[0]}")
    for name in left[0]:
        check(left[1][name] == right[1][name],
              f"{theirs}: the attributes of {name} are {right[1][name]}, not {left[1][name]}")
    check(len(left[2]) == len(right[2]), f"{theirs}: {len(right[2])} rows, not {len(left[2])}")
    for one, other in zip(left[2], right[2]):
        check(one == other, f"{theirs}: a row is {other}, not {one}")


def model_rows(folder):
    """The content of a model directory: its tables as rows, its other files as they are, without uids and times."""
    content = {}
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.name.startswith(("_", ".")):
            continue
        name = re.sub("_[0-9a-f]{12}", "", str(file.relative_to(folder).parent))
        if file.suffix == ".parquet":
            rows = parquet.read_table(file).to_pylist()
            for row in rows:
                row.pop("metadata", None)  # Of a tree: its uid and the time.
            content.setdefault(name, []).extend(rows)
        elif file.suffix == ".ubj":
            content[str(file.relative_to(folder))] = file.read_bytes()
    return content


def compare_training(ours, theirs, tolerance):
    for part in ("training", "validation"):
        left = json.loads((ours / part / "metrics.json").read_text())
        right = json.loads((theirs / part / "metrics.json").read_text())
        check(close(left, right, tolerance), f"{theirs}/{part}: metrics {right}, not {left}")
        (header, rows), (other_header, other_rows) = (
            read_csv_folder(side / part / "predictions.csv") for side in (ours, theirs))
        check(header == other_header, f"{theirs}/{part}: header {other_header}, not {header}")
        same = rows == other_rows if tolerance == 0.0 else numbers_close(rows, other_rows, tolerance)
        check(same, f"{theirs}/{part}: the predictions differ, as in "
                    f"{next((pair for pair in zip(rows, other_rows) if pair[0] != pair[1]), None)}")
    left, right = model_rows(ours / "model"), model_rows(theirs / "model")
    check(left and close(left, right, tolerance), f"{theirs}/model: another model")


class Workflow:
    def __init__(self, binary, url, folder, data):
        self.binary, self.url, self.folder = binary, url, folder
        self.sources = ["--shipping-logs", data / "ShippingLogs.csv", "--product-description", data / "ProductDescriptions.csv"]

    def run(self, engine, command, *arguments):
        selected = ["--engine", "spark"] if engine == "spark" else []
        environment = {**os.environ, "SPARK_REMOTE": self.url} if selected else dict(os.environ)
        done = subprocess.run([str(word) for word in (self.binary, command, *arguments, *selected)],
                              capture_output=True, text=True, env=environment, timeout=600)
        check(done.returncode == 0, f"{command} on {engine} ended with {done.returncode}: {done.stderr}")

    def steps(self, engine, models):
        out = self.folder / engine
        self.run(engine, "data-preprocessing", *self.sources, "--output", out / "pre")
        self.run(engine, "feature-engineering", "--dataframe", out / "pre/training", "--output", out / "train")
        self.run(engine, "feature-engineering", "--dataframe", out / "pre/validation",
                 "--pipeline-model", out / "train/pipeline_model", "--output", out / "valid")
        for model in models:
            self.run(engine, "model-training", "--training-dataset", out / "train/dataframe", "--validation-dataset",
                     out / "valid/dataframe", "--output", out / model, "--model-type", model, "--model-params", MODELS[model][0])

    def compare_steps(self, models):
        ours, theirs = self.folder / "duckdb", self.folder / "spark"
        for part in ("pre/training", "pre/validation", "train/dataframe", "valid/dataframe"):
            compare_frames(ours / part, theirs / part)
        for model in models:
            compare_training(ours / model, theirs / model, MODELS[model][1])

    def compare_runs(self):
        for engine in ("duckdb", "spark"):
            self.run(engine, "run", *self.sources, "--output", self.folder / f"run_{engine}", "--model-params", MODELS["gbt"][0])
        ours, theirs = self.folder / "run_duckdb", self.folder / "run_spark"
        for part in ("data_preprocessing/training", "data_preprocessing/validation",
                     "feature_engineering/training/dataframe", "feature_engineering/validation/dataframe"):
            compare_frames(ours / part, theirs / part)
        compare_training(ours / "model_training", theirs / "model_training", 0.0)

    def compare_predictions(self):
        model = ["--model", self.folder / "duckdb/gbt/model", "--pipeline-model", self.folder / "duckdb/train/pipeline_model"]
        for policy in ("error", "reject"):
            for engine in ("duckdb", "spark"):
                self.run(engine, "predict", *self.sources, *model, "--output", self.folder / f"{policy}_{engine}",
                         "--on-unseen", policy)
            folders = [self.folder / f"{policy}_{engine}/predictions.csv" for engine in ("duckdb", "spark")]
            # In the order of the rows that were read.
            texts = [[file.read_text() for file in sorted(folder.glob("part-*.csv"))] for folder in folders]
            check(texts[0] == texts[1], f"predict --on-unseen {policy}: {folders[1]} differs")
        for engine in ("duckdb", "spark"):
            self.run(engine, "evaluate", *self.sources, *model, "--output", self.folder / f"evaluated_{engine}")
        left, right = (json.loads((self.folder / f"evaluated_{engine}/evaluation.json").read_text())
                       for engine in ("duckdb", "spark"))
        check(close(left, right, 0.0), f"evaluate: {right}, not {left}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--spark", default="4.3")
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--shared", type=pathlib.Path, default=ROOT.parent / "shared")
    parser.add_argument("--made-only", action="store_true")
    parser.add_argument("--rows", type=int, default=3000)
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="workflow_on_spark_"))
    num_failed = 0
    try:
        subprocess.run([arguments.binary, "sample-data", "--rows", str(arguments.rows), "--output", folder / "made"],
                       check=True, capture_output=True)
        data_sets = {"made": folder / "made"}
        if not arguments.made_only and (arguments.shared / "data/ShippingLogs.csv").exists():
            data_sets["real"] = arguments.shared / "data"
        with ConnectServer(arguments.spark, arguments.cluster) as server:
            for name, data in data_sets.items():
                workflow = Workflow(arguments.binary, server.url, folder / name, data)
                models = list(MODELS) if name == "made" else ["gbt"]
                for what, action in {
                    "steps": lambda: [workflow.steps(engine, models) for engine in ("duckdb", "spark")],
                    "the files of the steps": lambda: workflow.compare_steps(models),
                    "run": workflow.compare_runs,
                    "predict and evaluate": workflow.compare_predictions,
                }.items():
                    try:
                        action()
                        print(f"{name}: {what}: the same on Spark {arguments.spark}", flush=True)
                    except Difference as difference:
                        num_failed += 1
                        print(f"{name}: {what}: {difference}", flush=True)
    finally:
        if num_failed == 0:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"what was written is in {folder}")
    sys.exit(1 if num_failed else 0)


if __name__ == "__main__":
    main()
