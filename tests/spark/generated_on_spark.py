"""Compares random expressions on DuckDB and in PySpark: each row must give the same value, or an error
in both.

usage: generated_on_spark.py CASES_TEST WORK_FOLDER [--count N] [--seed S]
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from session import open_session, values_of

CHUNK = 24
# These come from other mathematical libraries, whose last digit may differ, and what is computed of them.
INEXACT = re.compile(r"\b(exp|ln|log10|log2|log|pow|sin|cos|tan|asin|acos|atan|atan2|cbrt)\(")
RELATIVE_TOLERANCE = 1e-12


def same(ours, sparks, is_inexact):
    if isinstance(ours, dict) or isinstance(sparks, dict):
        return isinstance(ours, dict) and isinstance(sparks, dict)
    if ours == sparks:
        return True
    if not is_inexact or ours is None or sparks is None:
        return False
    try:
        return math.isclose(float(ours), float(sparks), rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-300)
    except ValueError:
        return False


def evaluate(session, expressions, source):
    """The values of expressions for one row; where one fails, the halves are tried on their own."""
    columns = ", ".join(f"{text} AS c{number}" for number, text in enumerate(expressions))
    try:
        return list(session.sql(f"SELECT {columns} FROM {source}").collect()[0])
    except Exception as error:
        if len(expressions) == 1:
            return [{"error": str(error).split("\n")[0]}]
        middle = len(expressions) // 2
        return evaluate(session, expressions[:middle], source) + evaluate(
            session, expressions[middle:], source
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("runner")
    parser.add_argument("folder")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    command = [options.runner, "--generate", str(options.count), "--seed", str(options.seed)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    lines = [json.loads(line) for line in printed.splitlines()]
    table, cases = lines[0]["table"], lines[1:]
    session = open_session(
        "generated", spark__sql__warehouse__dir=os.path.join(options.folder, "warehouse")
    )
    # Rows fail in the same places for the same reasons: an expression with many errors is best alone.
    order = sorted(range(len(cases)), key=lambda i: sum(isinstance(v, dict) for v in cases[i]["values"]))
    spark_values = [[None] * len(table["rows"]) for _ in cases]

    def run(job):
        row, members = job
        failing = [i for i in members if isinstance(cases[i]["values"][row], dict)]
        fine = [i for i in members if i not in failing]
        source = values_of(table, [row])
        for group in [fine] + [[i] for i in failing]:
            if group:
                values = evaluate(session, [cases[i]["expression"] for i in group], source)
                for i, value in zip(group, values):
                    spark_values[i][row] = value

    chunks = [order[i : i + CHUNK] for i in range(0, len(order), CHUNK)]
    jobs = [(row, chunk) for chunk in chunks for row in range(len(table["rows"]))]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, jobs))

    failed = num_values = num_errors = 0
    for case, values in zip(cases, spark_values):
        is_inexact = INEXACT.search(case["plain"]) is not None
        problems = []
        for row, (ours, sparks) in enumerate(zip(case["values"], values)):
            num_values += 1
            num_errors += isinstance(ours, dict)
            if not same(ours, sparks, is_inexact):
                problems.append(f"row {row + 1}: DuckDB {ours!r}, Spark {sparks!r}")
        if problems:
            failed += 1
            print("FAILED", case["text"])
            print("    DuckDB:", case["duckdb"])
            print("    Spark: ", case["plain"])
            for problem in problems:
                print("   ", problem)
    session.stop()
    print(f"{num_values} values compared, {num_errors} of them errors; seed {options.seed}")
    print(f"generated_on_spark: {len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
