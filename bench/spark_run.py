"""Measures firesteel's Spark engine beside Spark's own Connect client on one server, and prints Markdown tables: the seconds, the jobs and
the stages of each step. The session's start is excluded on both sides; firesteel's steps are processes of their own all the same.

usage: spark_run.py [--build-dir build/bench] [--rows 10000,1000000] [--runs 3] [--warm-runs 4] [--spark 4.3] [--python PYTHON] [--work-dir DIR]
PYTHON has pyspark-client (FIRESTEEL_CACHE/venv/connect). Exit code 1 if a command fails or the two sides do not agree.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "tests/spark_connect"))
from server import ConnectServer  # noqa: E402

STEPS = ("data preprocessing", "feature engineering, training", "feature engineering, validation", "model training")
RUN = "`run`, one process as PySpark's"
TRAINING = "training alone"
METRIC = "raw_predictions_mean_absolute_error"


class WrongAnswer(Exception):
    pass


def run(command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise WrongAnswer(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
    return done.stdout


class EventLog:
    """What a server's event log says of jobs."""

    def __init__(self, folder):
        self.folder = folder

    def jobs_between(self, begin, end):
        """The jobs submitted in a span of time (seconds since the epoch), and their stages that were run."""
        jobs, stages = 0, 0
        submitted = {}
        for file in sorted(path for path in self.folder.rglob("*") if path.is_file() and "appstatus" not in path.name):
            for line in file.read_text(errors="replace").splitlines():
                event = json.loads(line)
                if event["Event"] == "SparkListenerJobStart":
                    jobs += begin <= event["Submission Time"] / 1000 <= end
                elif event["Event"] == "SparkListenerStageCompleted":
                    info = event["Stage Info"]
                    submitted[info["Stage ID"]] = info.get("Submission Time", 0) / 1000
        stages = sum(begin <= when <= end for when in submitted.values())
        return jobs, stages


def steps_of(binary, data, output):
    sources = ["--shipping-logs", data / "ShippingLogs.csv", "--product-description", data / "ProductDescriptions.csv"]
    return {
        "data preprocessing": [binary, "data-preprocessing", *sources, "--output", output / "pre"],
        "feature engineering, training": [
            binary, "feature-engineering", "--dataframe", output / "pre/training", "--output", output / "train"],
        "feature engineering, validation": [
            binary, "feature-engineering", "--dataframe", output / "pre/validation", "--pipeline-model",
            output / "train/pipeline_model", "--output", output / "valid"],
        "model training": [
            binary, "model-training", "--training-dataset", output / "train/dataframe", "--validation-dataset",
            output / "valid/dataframe", "--output", output / "trained", "--model-params", "{'maxIter': 32}"],
    }


def run_firesteel(binary, server, data, output):
    """Step -> (seconds, begin, end)."""
    spans = {}
    for name, command in steps_of(binary, data, output).items():
        begin = time.time()
        run([*command, "--engine", "spark"], env=server.environment())
        spans[name] = (time.time() - begin, begin, time.time())
    milliseconds = json.loads((output / "trained/manifest.json").read_text())["milliseconds"]
    spans[TRAINING] = (milliseconds["training"] / 1000,)
    sources = steps_of(binary, data, output)["data preprocessing"][2:-2]
    begin = time.time()
    run([binary, "run", *sources, "--output", output / "run", "--model-params", "{'maxIter': 32}", "--engine", "spark"],
        env=server.environment())
    spans[RUN] = (time.time() - begin, begin, time.time())
    return spans


def run_pyspark(python, server, data, output):
    for part in ("training", "validation"):
        (output / "trained" / part).mkdir(parents=True, exist_ok=True)
    spans = {}
    command = [python, BENCH / "connect_steps.py", server.url, data / "ShippingLogs.csv", data / "ProductDescriptions.csv", output]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        step = json.loads(line)
        spans[step["step"]] = (step["seconds"], time.time() - step["seconds"], time.time())
    errors = process.stderr.read()
    if process.wait() != 0:
        raise WrongAnswer(f"{command[1]} ended with {process.returncode}:\n{errors[-3000:]}")
    return spans


def check_answers(ours, theirs):
    """Both sides trained the same trees on the same rows, but for ties."""
    for part in ("training", "validation"):
        metrics = [json.loads((side / "trained" / part / "metrics.json").read_text()) for side in (ours, theirs)]
        left, right = metrics[0][METRIC], metrics[1][METRIC]
        if abs(left - right) > 0.01 * abs(right):
            raise WrongAnswer(f"{part}: {METRIC} is {left} here and {right} by PySpark")


def measure(arguments, server, log, rows, folder):
    data = folder / f"data_{rows}"
    run([arguments.binary, "sample-data", "--rows", rows, "--output", data])
    # The first runs of each side warm the server up and are not counted: Java compiles what runs often. Of large data neither side has one.
    num_warm = arguments.warm_runs if rows <= 100_000 else 0
    ours, theirs = [], []
    for _ in range(num_warm + arguments.runs):
        for side, spans in (("firesteel", ours), ("pyspark", theirs)):
            output = folder / f"{side}_{rows}"
            shutil.rmtree(output, ignore_errors=True)
            output.mkdir()
            spans.append(run_firesteel(arguments.binary, server, data, output) if side == "firesteel"
                         else run_pyspark(arguments.python, server, data, output))
    check_answers(folder / f"firesteel_{rows}", folder / f"pyspark_{rows}")
    time.sleep(1)  # The log is written behind the jobs.
    print(f"\n### {rows:,} rows, Spark {arguments.spark}, medians of {arguments.runs}\n")
    print("| step | PySpark (s) | jobs, stages | firesteel (s) | jobs, stages | times faster |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    totals = [0.0, 0.0]
    for step in STEPS:
        cells = []
        for position, spans in enumerate((theirs, ours)):
            seconds = statistics.median(one[step][0] for one in spans[num_warm:])
            jobs, stages = log.jobs_between(*spans[-1][step][1:])
            totals[position] += seconds
            cells.append((seconds, jobs, stages))
        (slow, *their_jobs), (fast, *our_jobs) = cells
        print(f"| {step} | {slow:.2f} | {their_jobs[0]}, {their_jobs[1]} | {fast:.2f} | {our_jobs[0]}, {our_jobs[1]} | {slow / fast:.1f} |")
    slow, fast = (statistics.median(one[TRAINING][0] for one in spans[num_warm:]) for spans in (theirs, ours))
    print(f"| the training of that | {slow:.2f} | | {fast:.2f} | | **{slow / fast:.1f}** |")
    print(f"| all four | {totals[0]:.2f} | | {totals[1]:.2f} | | **{totals[0] / totals[1]:.1f}** |")
    whole = statistics.median(one[RUN][0] for one in ours[num_warm:])
    jobs, stages = log.jobs_between(*ours[-1][RUN][1:])
    print(f"| {RUN} | {totals[0]:.2f} | | {whole:.2f} | {jobs}, {stages} | **{totals[0] / whole:.1f}** |", flush=True)


def main():
    cache = pathlib.Path(os.environ.get("FIRESTEEL_CACHE") or BENCH.parent / ".cache").resolve()
    parser = argparse.ArgumentParser()
    parser.add_argument("--build-dir", type=pathlib.Path, default=pathlib.Path("build/bench"))
    parser.add_argument("--rows", default="10000,1000000")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--warm-runs", type=int, default=4)
    parser.add_argument("--spark", default="4.3")
    parser.add_argument("--python", type=pathlib.Path, default=cache / "venv/connect/bin/python3")
    parser.add_argument("--work-dir", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.binary = (arguments.build_dir / "firesteel").resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="spark_bench_", dir=arguments.work_dir))
    events = folder / "events"
    events.mkdir()
    settings = {"spark.eventLog.enabled": "true", "spark.eventLog.dir": f"file:{events}", "spark.eventLog.rolling.enabled": "false",
                "spark.eventLog.compress": "false", "spark.driver.memory": "4g", "spark.python.use.daemon": "true"}
    try:
        with ConnectServer(arguments.spark, settings=settings) as server:
            print(f"{platform.machine()}, {os.cpu_count()} cores, local[2]")
            for rows in map(int, arguments.rows.split(",")):
                measure(arguments, server, EventLog(events), rows, folder)
    except WrongAnswer as error:
        sys.exit(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
