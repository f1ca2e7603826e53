"""Computes what a run costs on AWS, in time and money, from what was measured here, list prices and stated assumptions.

usage: deployment_cost.py

Prints the tables of docs/deploy.md, section "Time and cost"; tests/deploy/cost_test.py compares them. Change a number here, run it, and put what it
prints into the page.
"""

import dataclasses

# --- measured ---------------------------------------------------------------------------------------------------------------------------------

# firesteel 0.1.0 on sample-data, gbt with 32 trees, local files, 2 cores of an AMD EPYC that other work was done on, 2026-11-23. Medians. The
# machine was shared, so that seconds of the clock say little: what counts is CPU seconds.
#          rows: runs, CPU seconds and MiB of `run`; CPU seconds and MiB (of the largest step) of the four commands
MEASURED = {
    10_000: (9, 0.173, 75, 0.354, 63),
    1_000_000: (5, 5.35, 793, 4.66, 468),
    10_000_000: (5, 50.0, 6080, 41.6, 2304),
}
# Bytes a row: CSV in; out of data preprocessing, feature engineering, model training (Parquet, predictions as CSV).
BYTES_IN, BYTES_PREPROCESSED, BYTES_FEATURES, BYTES_PREDICTED = 142, 46, 47.5, 63.6
BYTES_OUT = BYTES_PREPROCESSED + BYTES_FEATURES + BYTES_PREDICTED
# Spark's CPU seconds for 1,000,000 rows, all four steps with --engine spark (docs/scale.md).
SPARK_CPU_SECONDS_PER_MILLION = 15.4 + 10.7 + 12.6
# What all four steps take on Spark at 10,000 rows on two cores (docs/performance.md): what Spark costs at least.
SPARK_LEAST_SECONDS = 3.4
REQUESTS_OF_RUN, REQUESTS_OF_STEPS = 80, 127  # docs/s3.md
REQUEST_BYTES = 8 << 20  # Beyond small files one request for each.

# --- list prices --------------------------------------------------------------------------------------------------------------------------------

# us-east-1, Linux, On-Demand, in dollars, as the authors knew them in June 2026. They change: look them up before you decide by them.
PRICES_OF = "June 2026"
HOUR_OF_INSTANCE = {"m7g.xlarge": 0.1632, "m7i.xlarge": 0.2016, "m7i.16xlarge": 3.2256}
EMR_SHARE = 0.25  # What EMR adds to the price of an instance.
MONTH_OF_DISK_GB = 0.08  # gp3
MONTH_OF_S3_GB = 0.023
READ_REQUESTS_1000, WRITE_REQUESTS_1000 = 0.0004, 0.005
HOUR_OF_ENDPOINT = 0.01  # One interface endpoint in one zone.
HOURS_OF_MONTH = 730

# --- assumptions --------------------------------------------------------------------------------------------------------------------------------

INSTANCE_START_SECONDS = 90  # Boot, AWS CLI, the package.
CLUSTER_START_SECONDS = 420  # EMR says 5 to 10 minutes.
STEP_SECONDS = 15  # EMR between two steps.
SPARK_START_SECONDS = 30  # A Connect server on YARN, once for each step.
END_SECONDS = 60  # Billed until the machine is gone.
SPOT_SHARE = 0.4  # Of the On-Demand price.
CORES_USED = 2  # By the native engine, as measured; an xlarge has four.
CORES_USED_LARGE = 32  # Of the 64 of a 16xlarge.
SPARK_CORES_BUSY = 0.7
DISK_MB_PER_SECOND = 250  # gp3 as single-instance.yaml asks for it; S3 is taken to be as fast.
XLARGE_MB_PER_SECOND = 100  # S3 and disk together, of an xlarge.


@dataclasses.dataclass(frozen=True)
class Way:
    name: str
    seconds: float
    dollars: float
    note: str = ""


def requests_dollars(rows, requests, bytes_read, bytes_written):
    reads = requests / 2 + rows * bytes_read / REQUEST_BYTES
    writes = requests / 2 + rows * bytes_written / REQUEST_BYTES
    return reads / 1000 * READ_REQUESTS_1000 + writes / 1000 * WRITE_REQUESTS_1000


def cpu_seconds(rows, column):
    """Measured, or in proportion to the largest measurement."""
    if rows in MEASURED:
        return MEASURED[rows][column]
    largest = max(MEASURED)
    return MEASURED[largest][column] * rows / largest


def disk_dollars(gigabytes, seconds):
    return gigabytes * MONTH_OF_DISK_GB / HOURS_OF_MONTH * seconds / 3600


def single_instance(rows, instance, cores, mb_per_second, disk_gb, note=""):
    """Boot, fetch the inputs, run, upload the outputs, end."""
    copies = rows * (BYTES_IN + BYTES_OUT) / 1e6 / mb_per_second
    seconds = INSTANCE_START_SECONDS + copies + cpu_seconds(rows, 1) / cores + END_SECONDS
    dollars = HOUR_OF_INSTANCE[instance] * seconds / 3600 + disk_dollars(disk_gb, seconds)
    dollars += requests_dollars(rows, REQUESTS_OF_RUN, BYTES_IN, BYTES_OUT)
    return Way(f"EC2, one {instance}, `run`", seconds, dollars, note)


def emr_primary(rows, instance="m7i.xlarge"):
    """The cluster's start, then four steps that each fetch their inputs and upload their outputs."""
    bytes_read = BYTES_IN + BYTES_PREPROCESSED + BYTES_FEATURES
    copies = rows * (bytes_read + BYTES_OUT) / 1e6 / XLARGE_MB_PER_SECOND
    seconds = CLUSTER_START_SECONDS + 4 * STEP_SECONDS + copies + cpu_seconds(rows, 3) / CORES_USED + END_SECONDS
    dollars = HOUR_OF_INSTANCE[instance] * (1 + EMR_SHARE) * seconds / 3600 + disk_dollars(100, seconds)
    dollars += requests_dollars(rows, REQUESTS_OF_STEPS, bytes_read, BYTES_OUT)
    return Way(f"EMR, primary {instance}, `Engine=duckdb`", seconds, dollars)


def emr_spark(rows, workers, instance="m7i.xlarge"):
    """Primary and two core nodes On-Demand, the other workers Spot; four cores each; each step starts Spark."""
    cores = 4 * workers * SPARK_CORES_BUSY
    work = max(SPARK_LEAST_SECONDS, rows / 1e6 * SPARK_CPU_SECONDS_PER_MILLION / cores)
    seconds = CLUSTER_START_SECONDS + 4 * (STEP_SECONDS + SPARK_START_SECONDS) + work + END_SECONDS
    hour = HOUR_OF_INSTANCE[instance]
    nodes = 3 * hour + (workers - 2) * hour * SPOT_SHARE + (workers + 1) * hour * EMR_SHARE
    dollars = nodes * seconds / 3600 + disk_dollars(50 * (workers + 1) + 256 * workers, seconds)
    dollars += requests_dollars(rows, REQUESTS_OF_STEPS, 3 * BYTES_IN + 7 * BYTES_PREPROCESSED, 2 * BYTES_OUT)
    return Way(f"EMR, {workers} workers {instance}, `Engine=spark`", seconds, dollars)


def ways(rows):
    if rows <= 10_000_000:
        return [
            single_instance(rows, "m7g.xlarge", CORES_USED, XLARGE_MB_PER_SECOND, 100),
            single_instance(rows, "m7i.xlarge", CORES_USED, XLARGE_MB_PER_SECOND, 100),
            emr_primary(rows),
            emr_spark(rows, 2),
        ]
    return [
        single_instance(rows, "m7i.16xlarge", CORES_USED_LARGE, DISK_MB_PER_SECOND, 8000, "nobody has tried; 8 TB of disk"),
        emr_spark(rows, 20),
        emr_spark(rows, 100),
    ]


def duration(seconds):
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def tables():
    lines = [
        "| rows | `run`: CPU | memory | four commands: CPU | memory, at most | CSV in | written |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for rows, (_, run_cpu, run_mib, steps_cpu, steps_mib) in MEASURED.items():
        lines.append(
            f"| {rows:,} | {run_cpu:.3g} s | {run_mib:,} MiB | {steps_cpu:.3g} s | {steps_mib:,} MiB | "
            f"{rows * BYTES_IN / 1e6:,.1f} MB | {rows * BYTES_OUT / 1e6:,.1f} MB |"
        )
    lines += ["", "| rows | way | time | a run | |", "|---:|---|---:|---:|---|"]
    for rows in (10_000, 10_000_000, 10_000_000_000):
        for way in ways(rows):
            lines.append(f"| {rows:,} | {way.name} | {duration(way.seconds)} | ${way.dollars:.3g} | {way.note} |")
    endpoints = 4 * 2 * HOUR_OF_ENDPOINT * HOURS_OF_MONTH
    lines += [
        "",
        "| each month, whether or not anything runs | |",
        "|---|---:|",
        f"| 4 interface endpoints for EMR in 2 zones (a single instance needs none) | ${endpoints:.1f} |",
        "| the key | $1 |",
    ]
    for rows in (10_000_000, 10_000_000_000):
        lines.append(f"| inputs and outputs of {rows:,} rows on S3 | ${rows * (BYTES_IN + BYTES_OUT) / 1e9 * MONTH_OF_S3_GB:.3g} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables())
