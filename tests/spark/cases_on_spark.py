"""Runs the text cases of tests/cases in PySpark: the Spark SQL that our printer writes must give the
values, error classes and types that DuckDB is held to.

usage: cases_on_spark.py CASES_TEST WORK_FOLDER
"""

import glob
import json
import math
import os
import subprocess
import sys

from session import error_class, open_session, values_of

# What Spark 4.1 computes otherwise: out of a bigint's range it goes to the nearest one, where 4.3 fails as we do.
DIFFERS_IN_4_1 = {"rounding: floor(x)", "rounding: ceil(x)"}
# Java's and the C library's logarithms, powers and angles may differ in the last digit.
RELATIVE_TOLERANCE = 4e-16


def same(ours, sparks, kind):
    if ours == sparks:
        return True
    if kind != "double" or ours is None or sparks is None:
        return False
    if isinstance(ours, dict) or isinstance(sparks, dict):
        return False
    return math.isclose(float(ours), float(sparks), rel_tol=RELATIVE_TOLERANCE, abs_tol=0)


def value_of(session, expression, source):
    try:
        return session.sql(f"SELECT {expression} AS value FROM {source}").collect()[0][0]
    except Exception as error:
        return {"error": error_class(error)}


def evaluate(session, case):
    """The value of each row; rows that shall fail are computed alone."""
    table, expected = case["table"], case["expected"]
    values = [None] * len(expected)
    fine = [number for number, value in enumerate(expected) if not isinstance(value, dict)]
    alone = [number for number in range(len(expected)) if number not in fine]
    if fine:
        query = f"SELECT {case['expression']} AS value FROM {values_of(table, fine)}"
        try:
            for number, row in zip(fine, session.sql(query).collect()):
                values[number] = row[0]
        except Exception:
            alone = list(range(len(expected)))
    for number in alone:
        values[number] = value_of(session, case["expression"], values_of(table, [number]))
    return values


def check_expression(session, case):
    problems = []
    kind = case["type"]
    for number, (value, expected) in enumerate(zip(evaluate(session, case), case["expected"])):
        if not same(expected, value, kind):
            problems.append(f"row {number + 1}: expected {expected!r}, Spark says {value!r}")
    plain = session.sql(f"SELECT {case['plain']} AS value FROM {values_of(case['table'])}")
    spark_kind = plain.schema[0].dataType.simpleString()
    if spark_kind != kind and kind != "void":
        problems.append(f"type {kind}, Spark says {spark_kind}")
    return problems


def check_statement(session, case):
    session.sql(f"CREATE OR REPLACE TEMPORARY VIEW input AS SELECT * FROM {values_of(case['table'])}")
    try:
        values = [list(row) for row in session.sql(case["statement"]).collect()]
    except Exception as error:
        values = [[{"error": error_class(error)}]]
    if sorted(map(json.dumps, values)) != sorted(map(json.dumps, case["expected"])):
        return [f"expected {case['expected']!r}, Spark says {values!r}"]
    return []


def main():
    runner, folder = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    here = os.path.dirname(os.path.abspath(__file__))
    files = sorted(glob.glob(os.path.join(here, "..", "cases", "*.txt")))
    files = [file for file in files if not file.endswith("CMakeLists.txt")]
    printed = subprocess.run(
        [runner, "--print-spark", *files], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    session = open_session("cases", spark__sql__warehouse__dir=os.path.join(folder, "warehouse"))
    passed = failed = 0
    differs = DIFFERS_IN_4_1 if session.version.startswith("4.1.") else set()
    for line in printed.splitlines():
        case = json.loads(line)
        check = check_statement if "statement" in case else check_expression
        problems = check(session, case)
        name = case["where"].split(": ", 1)[1]
        if name in differs:
            passed += bool(problems)
            failed += not problems
            if not problems:
                print("FAILED", case["where"], "is as in 4.3; take it off the list of differences")
        elif problems:
            failed += 1
            print("FAILED", case["where"])
            print("   ", case.get("plain") or case.get("statement"))
            for problem in problems:
                print("   ", problem)
        else:
            passed += 1
    session.stop()
    print(f"cases_on_spark: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
