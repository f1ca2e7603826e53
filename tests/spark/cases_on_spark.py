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

from session import error_class, make_rows, open_session

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


def value_of(session, sql):
    try:
        return session.sql(sql).collect()[0][0]
    except Exception as error:
        return {"error": error_class(error)}


def check_expression(session, case):
    problems = []
    rows = make_rows(session, case["table"])
    kind = case["type"]
    for row, expected in zip(rows, case["expected"]):
        value = value_of(session, f"SELECT {case['expression']} AS value FROM {row}")
        if not same(expected, value, kind):
            problems.append(f"{row}: expected {expected!r}, Spark says {value!r}")
    plain = session.sql(f"SELECT {case['plain']} AS value FROM {rows[0]}")
    spark_kind = plain.schema[0].dataType.simpleString()
    if spark_kind != kind and kind != "void":
        problems.append(f"type {kind}, Spark says {spark_kind}")
    return problems


def check_statement(session, case):
    rows = make_rows(session, case["table"])
    union = " UNION ALL ".join(f"SELECT * FROM {row}" for row in rows)
    session.sql(f"CREATE OR REPLACE TEMPORARY VIEW input AS {union}")
    try:
        values = [list(row) for row in session.sql(case["statement"]).collect()]
    except Exception as error:
        values = [[{"error": error_class(error)}]]
    key = json.dumps
    if sorted(map(key, values)) != sorted(map(key, case["expected"])):
        return [f"expected {case['expected']!r}, Spark says {values!r}"]
    return []


def main():
    runner, folder = sys.argv[1:3]
    os.makedirs(folder, exist_ok=True)
    here = os.path.dirname(os.path.abspath(__file__))
    files = sorted(glob.glob(os.path.join(here, "..", "cases", "*.txt")))
    files = [file for file in files if not file.endswith("CMakeLists.txt")]
    printed = subprocess.run(
        [runner, "--print-spark", *files], check=True, capture_output=True, text=True
    ).stdout
    session = open_session("cases", spark__sql__warehouse__dir=os.path.join(folder, "warehouse"))
    passed = failed = 0
    for line in printed.splitlines():
        case = json.loads(line)
        check = check_statement if "statement" in case else check_expression
        problems = check(session, case)
        if problems:
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
