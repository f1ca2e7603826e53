"""Holds firesteel against recorded outputs of PySpark; needs neither Java nor PySpark.

    recorded_test.py BINARY WORKDIR

For each recording below recorded/ that record.py made: firesteel transforms the recorded rows with the recorded
pipeline model, fits the pipeline itself, and trains on the recorded features. The last line is
`parity_recorded: N passed, M failed`; the exit code is 1 if a check failed.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet

RECORDED = Path(__file__).resolve().parent / "recorded"
SCHEMA_KEY = b"org.apache.spark.sql.parquet.row.metadata"


class Checks:
    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def that(self, is_right: bool, what: str, detail: str = "") -> bool:
        self.passed += is_right
        self.failed += not is_right
        if not is_right:
            print(f"FAILED {what}: {detail[:400]}")
        return is_right


def data_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if not p.name.startswith(("_", ".")))


def read_frame(folder: Path) -> tuple[list[dict] | None, list[dict]]:
    """The fields of Spark's schema key, and the rows."""
    tables = [pyarrow.parquet.ParquetFile(file).read() for file in data_files(folder)]
    entries = tables[0].schema.metadata or {}
    fields = json.loads(entries[SCHEMA_KEY])["fields"] if SCHEMA_KEY in entries else None
    return fields, [row for table in tables for row in table.to_pylist()]


def close(ours, theirs, tolerance: float = 1e-12) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(close(ours[k], theirs[k], tolerance) for k in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(close(a, b, tolerance) for a, b in zip(ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        if math.isnan(ours) or math.isnan(theirs):
            return math.isnan(ours) and math.isnan(theirs)
        return abs(ours - theirs) <= tolerance * max(abs(ours), abs(theirs))
    return type(ours) is type(theirs) and ours == theirs


def compare_frames(checks: Checks, what: str, ours: Path, theirs: Path, ids: list[str]) -> None:
    our_fields, our_rows = read_frame(ours)
    their_fields, their_rows = read_frame(theirs)
    names = [field["name"] for field in their_fields]
    checks.that(our_fields is not None, f"{what}: schema key", "there is none in the footer")
    for ours_field, theirs_field in zip(our_fields or [], their_fields):
        for key, value in theirs_field.items():
            checks.that(ours_field.get(key) == value, f"{what}: {key} of {theirs_field['name']}", f"ours {ours_field.get(key)}, Spark's {value}")
    if not checks.that(len(our_rows) == len(their_rows), f"{what}: number of rows", f"ours {len(our_rows)}, Spark's {len(their_rows)}"):
        return
    our_rows, their_rows = (sorted(rows, key=lambda row: [row[i] for i in ids]) for rows in (our_rows, their_rows))
    for name in names:
        wrong = [(a.get(name), b[name]) for a, b in zip(our_rows, their_rows) if name not in a or not close(a[name], b[name])]
        checks.that(not wrong, f"{what}: values of {name}", f"{len(wrong)} rows differ, first: {wrong[:1]}")


def read_predictions(folder: Path) -> tuple[str, list[list[str]]]:
    """Header, and records sorted by all but the raw prediction. The ids of the recorded data need no quotes."""
    header, records = "", []
    for file in data_files(folder):
        header, *lines = file.read_text(encoding="utf-8").splitlines()
        records += [line.split(",") for line in lines]
    return header, sorted(records, key=lambda fields: [*fields[:2], *fields[3:]])


def main() -> int:
    binary, workdir = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    checks = Checks()
    shutil.rmtree(workdir, ignore_errors=True)

    def run(what: str, *arguments) -> bool:
        done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, check=False)
        return checks.that(done.returncode == 0, f"{what}: {arguments[0]}", f"exit code {done.returncode}: {done.stderr.strip()[-300:]}")

    recordings = sorted(path.parent for path in RECORDED.glob("*/*/workflow.yaml"))
    checks.that(bool(recordings), "recordings are there", f"none below {RECORDED}")
    for recording in recordings:
        name = f"{recording.parent.name}/{recording.name}"
        output = workdir / recording.parent.name / recording.name
        flags = ["--workflow", recording / "workflow.yaml"]
        ids = ["order_id"] if recording.name == "shipping" else ["order_no"]
        if run(name, "feature-engineering", *flags, "--dataframe", recording / "rows", "--pipeline-model", recording / "pipeline_model",
               "--output", output / "transformed"):
            compare_frames(checks, f"{name} transformed", output / "transformed/dataframe", recording / "features", ids)
        if run(name, "feature-engineering", *flags, "--dataframe", recording / "rows", "--output", output / "fitted"):
            compare_frames(checks, f"{name} fitted", output / "fitted/dataframe", recording / "features", ids)
        params = json.loads((recording / "params.json").read_text())
        if run(name, "model-training", *flags, "--training-dataset", recording / "features", "--validation-dataset", recording / "features",
               "--output", output / "trained", "--model-params", json.dumps(params)):
            our_header, ours = read_predictions(output / "trained/training/predictions.csv")
            their_header, theirs = read_predictions(recording / "predictions.csv")
            checks.that(our_header == their_header, f"{name} predictions: header", f"ours {our_header}, Spark's {their_header}")
            without_raw = [[r[:2] + r[3:] for r in rows] for rows in (ours, theirs)]
            checks.that(without_raw[0] == without_raw[1], f"{name} predictions: label, rounded and ids", "text differs")
            wrong = [(a[2], b[2]) for a, b in zip(ours, theirs) if not close(float(a[2]), float(b[2]), 1e-9)]
            checks.that(len(ours) == len(theirs) and not wrong, f"{name} predictions: raw", f"{len(wrong)} rows, first {wrong[:1]}")
            metrics = json.loads((output / "trained/training/metrics.json").read_text())
            for key, value in json.loads((recording / "metrics.json").read_text()).items():
                checks.that(close(metrics.get(key, 0.0), value, 1e-7), f"{name} metrics: {key}", f"ours {metrics.get(key)}, Spark's {value}")
    print(f"parity_recorded: {checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
