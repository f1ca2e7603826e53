"""Measures firesteel beside PySpark in one run and prints Markdown tables.

Four things are measured, and every one checks its answer:
  steps      the four steps on sample data, as firesteel commands, as `firesteel run`, and as PySpark programs
             (bench/pyspark_steps.py), a process each, start-up included;
  training   gradient-boosted trees on one large feature frame, beside LightGBM and XGBoost (bench/trainers.py);
  start-up   what a firesteel process costs before it does anything, beside a bare program with DuckDB in it;
  programs   the Google Benchmark programs of bench/.

usage: run.py [--build-dir build/bench] [--rows 10000,1000000] [--runs 5] [--pyspark-runs 1]
              [--training-rows 10000000] [--trainers-python PYTHON] [--skip-pyspark] [--skip-programs] [--quick]
              [--work-dir DIR]
Exit code 1 if an answer is wrong or a command fails.
"""

import argparse
import json
import math
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import typing
from pathlib import Path

import pyarrow.parquet as parquet

BENCH = Path(__file__).resolve().parent
PARTS = ("training", "validation")
PROGRAMS = ("gbt_trainer_bench", "factorization_machine_bench", "prediction_bench")
STEPS = ("data preprocessing", "feature engineering, training", "feature engineering, validation",
         "model training")
LABEL = "actual_shipping_days"


class WrongAnswer(Exception):
    """A command failed, or the two sides do not agree."""


class Spent(typing.NamedTuple):
    seconds: float  # From the start of the process to its end.
    peak_bytes: int  # No more than this at once: Linux counts what this program held when it made the process.


def run(command):
    """Runs a command and returns what it took."""
    with tempfile.TemporaryFile("w+") as output:
        begin = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            tail = "".join(output.readlines()[-15:])
            raise WrongAnswer(f"{' '.join(map(str, command))}\nended with code {process.returncode}:\n{tail}")
    return Spent(seconds, usage.ru_maxrss * 1024)


# --- the steps --------------------------------------------------------------------------------------------


def firesteel_commands(firesteel, data, output):
    prepared, features = output / "data_preprocessing", output / "feature_engineering"
    return [
        [firesteel, "data-preprocessing", "--shipping-logs", data / "ShippingLogs.csv",
         "--product-description", data / "ProductDescriptions.csv", "--output", prepared],
        [firesteel, "feature-engineering", "--dataframe", prepared / "training",
         "--output", features / "training"],
        [firesteel, "feature-engineering", "--dataframe", prepared / "validation",
         "--pipeline-model", features / "training/pipeline_model", "--output", features / "validation"],
        [firesteel, "model-training", "--training-dataset", features / "training/dataframe",
         "--validation-dataset", features / "validation/dataframe", "--output", output / "model_training",
         "--model-params", "{'maxIter': 32}"],
        [firesteel, "run", "--shipping-logs", data / "ShippingLogs.csv",
         "--product-description", data / "ProductDescriptions.csv", "--output", output / "run",
         "--model-params", "{'maxIter': 32}"],
    ]


def pyspark_commands(data, output):
    program = [sys.executable, BENCH / "pyspark_steps.py"]
    prepared, features = output / "data_preprocessing", output / "feature_engineering"
    return [
        program + ["data-preprocessing", data / "ShippingLogs.csv", data / "ProductDescriptions.csv", prepared],
        program + ["feature-engineering", prepared / "training", features / "training"],
        program + ["feature-engineering", prepared / "validation", features / "validation",
                   features / "training/pipeline_model"],
        program + ["model-training", features / "training/dataframe", features / "validation/dataframe",
                   output / "model_training"],
    ]


def describe_frame(folder):
    """Rows and column names of a folder of Parquet files."""
    rows, names = 0, None
    for file in sorted(folder.glob("*.parquet")):
        metadata = parquet.ParquetFile(file)
        rows += metadata.metadata.num_rows
        names = names or metadata.schema_arrow.names
    return rows, names


def describe_output(output):
    """What both sides must agree on: rows and columns of every frame, and the metrics."""
    found = {}
    for part in PARTS:
        found[f"{part} frame, prepared"] = describe_frame(output / "data_preprocessing" / part)
        found[f"{part} frame, features"] = describe_frame(output / "feature_engineering" / part / "dataframe")
        text = (output / "model_training" / part / "metrics.json").read_text(encoding="utf-8")
        found[f"{part} metrics"] = json.loads(text)
    return found


def agree(ours, theirs):
    """Equal; metrics to 2 %, as above 10,000 rows Spark takes its bins from a random sample of the rows."""
    if not isinstance(ours, dict):
        return ours == theirs
    return ours.keys() == theirs.keys() and all(math.isclose(ours[k], theirs[k], rel_tol=0.02) for k in ours)


def check_row_total(found, num_rows, who):
    total = sum(found[f"{part} frame, prepared"][0] for part in PARTS)
    if total != num_rows:
        raise WrongAnswer(f"{who}: {num_rows} rows went in, {total} came out of data preprocessing")
    for part in PARTS:
        prepared, features = found[f"{part} frame, prepared"][0], found[f"{part} frame, features"][0]
        if prepared != features or features == 0:
            raise WrongAnswer(f"{who}: {part} has {prepared} rows before and {features} after feature engineering")


def measure_steps(make_commands, output, runs, progress):
    """What each command took, one list per run; the last run's output stays."""
    spent = []
    for number in range(runs):
        shutil.rmtree(output, ignore_errors=True)
        spent.append([run(command) for command in make_commands(output)])
        print(f"{progress}, run {number + 1} of {runs}: {sum(s.seconds for s in spent[-1]):.2f} s", file=sys.stderr)
    return spent


def show_seconds(value):
    return f"{value:.3f} s" if value < 1 else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def steps_table(num_rows, ours, theirs):
    """A Markdown table of medians; the line of sums is the median of the runs' sums."""
    num_steps = len(STEPS)

    def times(runs, begin, end):
        return [sum(s.seconds for s in spent[begin:end]) for spent in runs]

    def peak(begin, end):
        return max(s.peak_bytes for spent in ours for s in spent[begin:end])

    lines = [f"### {num_rows:,} rows", ""]
    header = ["step", f"firesteel (median of {len(ours)})", "fastest to slowest", "peak memory, at most"]
    if theirs:
        header += [f"PySpark (median of {len(theirs)})" if len(theirs) > 1 else "PySpark (one run)", "ratio"]
    lines += ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    columns = [(STEPS[i], (i, i + 1), (i, i + 1)) for i in range(num_steps)]
    columns.append(("**the first three together**", (0, 3), (0, 3)))
    columns.append(("**all four together**", (0, num_steps), (0, num_steps)))
    columns.append(("**`firesteel run`, all four in one process**", (num_steps, num_steps + 1), (0, num_steps)))
    for name, our_part, their_part in columns:
        our_times = times(ours, *our_part)
        our = statistics.median(our_times)
        cells = [name, show_seconds(our), f"{show_seconds(min(our_times))} to {show_seconds(max(our_times))}",
                 f"{peak(*our_part) / 2**20:.0f} MiB"]
        if theirs:
            their = statistics.median(times(theirs, *their_part))
            cells += [show_seconds(their), f"{their / our:.0f} times"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines + [""]


def bench_steps(options, firesteel, work, num_rows):
    data = work / f"data-{num_rows}"
    run([firesteel, "sample-data", "--output", data, "--rows", str(num_rows)])
    ours = measure_steps(lambda output: firesteel_commands(firesteel, data, output), work / "firesteel",
                         options.runs, f"firesteel, {num_rows:,} rows")
    our_answer = describe_output(work / "firesteel")
    check_row_total(our_answer, num_rows, "firesteel")
    if describe_output(work / "firesteel/run") != our_answer:
        raise WrongAnswer("firesteel run gives something else than the four commands")
    theirs = []
    if not options.skip_pyspark:
        theirs = measure_steps(lambda output: pyspark_commands(data, output), work / "pyspark",
                               options.pyspark_runs, f"PySpark, {num_rows:,} rows")
        their_answer = describe_output(work / "pyspark")
        check_row_total(their_answer, num_rows, "PySpark")
        for what, ours_is in our_answer.items():
            if not agree(ours_is, their_answer[what]):
                raise WrongAnswer(f"{what}: firesteel has {ours_is}, PySpark {their_answer[what]}")
    rows = ", ".join(f"{our_answer[f'{part} frame, prepared'][0]:,} {part}" for part in PARTS)
    agreed = "both sides agree" if theirs else "as many as went in"
    return steps_table(num_rows, ours, theirs) + [f"Rows: {rows} ({agreed}).", ""]


# --- training ---------------------------------------------------------------------------------------------


def bench_training(options, firesteel, work, num_rows):
    data, output = work / f"data-{num_rows}", work / "training"
    run([firesteel, "sample-data", "--output", data, "--rows", str(num_rows)])
    commands = firesteel_commands(firesteel, data, output)[:len(STEPS)]
    for command in commands[:-1]:
        run(command)
    seconds = []
    for number in range(options.runs):
        run(commands[-1])
        manifest = json.loads((output / "model_training/manifest.json").read_text(encoding="utf-8"))
        seconds.append(manifest["milliseconds"]["training"] / 1000)
        print(f"training on {num_rows:,} rows, run {number + 1} of {options.runs}: {seconds[-1]:.2f} s", file=sys.stderr)
    metrics = json.loads((output / "model_training/training/metrics.json").read_text(encoding="utf-8"))
    our_error = metrics["raw_predictions_mean_absolute_error"]
    ours = statistics.median(seconds)
    result = subprocess.run([options.trainers_python, BENCH / "trainers.py",
                             output / "feature_engineering/training/dataframe", LABEL], capture_output=True, text=True)
    if result.returncode != 0:
        raise WrongAnswer(f"trainers.py: {result.stderr.strip()[-1000:]}")
    answer = json.loads(result.stdout)
    lines = [f"### Training: {answer['rows']:,} rows of {answer['features']} features, 32 trees, depth 5, 32 bins", "",
             "| trainer | binning and training | mean absolute error | firesteel is |", "| --- | --- | --- | --- |",
             f"| firesteel, rows in Parquet files | {show_seconds(ours)} | {our_error:.3f} | |"]
    for name, found in answer["trainers"].items():
        if not math.isclose(found["mae"], our_error, rel_tol=0.05):
            raise WrongAnswer(f"{name} has a mean absolute error of {found['mae']}, firesteel {our_error}")
        lines.append(f"| {name}, rows in memory | {show_seconds(found['seconds'])} | {found['mae']:.3f} "
                     f"| {found['seconds'] / ours:.0f} times as fast |")
    return lines + [""]


# --- start-up ---------------------------------------------------------------------------------------------


def bench_start_up(options, firesteel, work, programs):
    data = work / "data-10"
    run([firesteel, "sample-data", "--output", data, "--rows", "10"])
    step = firesteel_commands(firesteel, data, work / "start_up")[0]
    runs = max(options.runs, 3 if options.quick else 20)
    processes = [("`firesteel --version`", [firesteel, "--version"]),
                 ("`firesteel --help`", [firesteel, "--help"]),
                 ("data preprocessing of 10 rows", step),
                 ("a bare program that opens DuckDB", [programs / "open_duckdb"])]
    lines = ["### Start-up", "", f"| process | median of {runs} | fastest |", "| --- | --- | --- |"]
    for name, command in processes:
        seconds = [run(command).seconds for _ in range(runs)]
        lines.append(f"| {name} | {statistics.median(seconds) * 1000:.1f} ms | {min(seconds) * 1000:.1f} ms |")
    return lines + [""]


# --- the programs -----------------------------------------------------------------------------------------


def bench_programs(options, programs):
    lines = ["### Programs", "", "| benchmark | time | rows a second |", "| --- | --- | --- |"]
    for program in PROGRAMS:
        command = [programs / program, "--benchmark_format=json"]
        if options.quick:
            command.append("--benchmark_filter=.*/[0-9]{1,5}$")
        result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if result.returncode != 0:
            raise WrongAnswer(f"{program}: {result.stderr.strip()}")
        for entry in json.loads(result.stdout)["benchmarks"]:
            if entry.get("error_occurred"):
                raise WrongAnswer(f"{entry['name']}: {entry['error_message']}")
            rate = f"{entry['items_per_second']:,.0f}" if "items_per_second" in entry else ""
            lines.append(f"| {entry['name']} | {entry['real_time']:.2f} {entry['time_unit']} | {rate} |")
    return lines + [""]


# --- where it ran -----------------------------------------------------------------------------------------


def first_line_with(path, word):
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(word)), None)


def describe_machine(firesteel, with_pyspark):
    memory = first_line_with("/proc/meminfo", "MemTotal")
    gigabytes = f"{int(memory.split()[0]) / 2**20:.0f} GiB" if memory else "unknown"
    version = subprocess.run([str(firesteel), "--version"], capture_output=True, text=True).stdout.strip()
    lines = [f"- machine: {first_line_with('/proc/cpuinfo', 'model name') or platform.machine()}, "
             f"{len(os.sched_getaffinity(0))} cores usable, {gigabytes} memory, Linux {platform.release()}; "
             f"load {os.getloadavg()[0]:.1f} at the start",
             f"- firesteel: {version}"]
    if with_pyspark:
        import pyspark
        java = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr.splitlines()
        lines.append(f"- PySpark {pyspark.__version__}, local[*], Python {platform.python_version()}, "
                     f"{java[0] if java else 'Java unknown'}; a process per step")
    lines.append("- data: `firesteel sample-data`, seed 1, CSV on the local disk; times are of whole processes")
    return lines + [""]


def show(lines):
    print("\n".join(lines), flush=True)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", type=Path, default=BENCH.parent / "build/bench")
    parser.add_argument("--rows", default=None, help="sizes, comma separated (default 10000,1000000)")
    parser.add_argument("--runs", type=int, default=None, help="runs of firesteel (default 5)")
    parser.add_argument("--pyspark-runs", type=int, default=1, help="runs of PySpark (default 1)")
    parser.add_argument("--training-rows", type=int, default=None,
                        help="rows for the comparison of trainers, 0: none (default 10000000; with --quick 100000)")
    parser.add_argument("--trainers-python", default=sys.executable, help="a Python with lightgbm and xgboost")
    parser.add_argument("--skip-pyspark", action="store_true")
    parser.add_argument("--skip-programs", action="store_true")
    parser.add_argument("--quick", action="store_true", help="10,000 rows and few runs, to see that it works")
    parser.add_argument("--work-dir", type=Path, help="where outputs go; removed at the end (default: temporary)")
    options = parser.parse_args()
    if options.rows is None:
        options.rows = "10000" if options.quick else "10000,1000000"
    if options.runs is None:
        options.runs = 2 if options.quick else 5
    if options.training_rows is None:
        options.training_rows = 100_000 if options.quick else 10_000_000
    try:
        options.rows = [int(text.replace("_", "")) for text in options.rows.split(",")]
    except ValueError:
        parser.error(f"--rows {options.rows}: expected whole numbers with commas between them")
    if options.runs < 1 or options.pyspark_runs < 1 or min(options.rows) < 100:
        parser.error("--runs and --pyspark-runs start at 1, --rows at 100")
    return options


def main():
    options = parse_options()
    # Leave by way of `finally`, so that the outputs go and the running command ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    firesteel = options.build_dir.resolve() / "firesteel"
    programs = options.build_dir.resolve() / "bench"
    for program in [firesteel] + [programs / name for name in ("open_duckdb", *PROGRAMS)]:
        if not program.exists():
            sys.exit(f"bench: {program} does not exist; `make bench` builds it")
    if options.work_dir:
        options.work_dir.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="firesteel-bench-", dir=options.work_dir))
    try:
        show(["## firesteel, measured", ""] + describe_machine(firesteel, not options.skip_pyspark))
        show(bench_start_up(options, firesteel, work, programs))
        for num_rows in options.rows:
            show(bench_steps(options, firesteel, work, num_rows))
        if options.training_rows > 0:
            show(bench_training(options, firesteel, work, options.training_rows))
        if not options.skip_programs:
            show(bench_programs(options, programs))
    except WrongAnswer as error:
        sys.exit(f"bench: {error}")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
