"""Runs exported SQL on Spark, with and without compiled Java: the predictions must be the model's, to the last bit for gbt.

usage: export_on_spark.py WORK_FOLDER FIRESTEEL
"""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

from pyspark.sql.types import DoubleType, LongType, StructField, StructType
from session import open_session

MODELS = {  # Type, parameters, how far off a prediction may be: not at all, or by the exp() of another library.
    "1 tree": ("gbt", {"maxIter": 1}, 0.0),
    "32 trees": ("gbt", {"maxIter": 32}, 0.0),
    "300 trees": ("gbt", {"maxIter": 300}, 0.0),
    "deep trees": ("gbt", {"maxIter": 2, "maxDepth": 26, "minInstancesPerNode": 1}, 0.0),
    "40 trees of XGBoost": ("xgboost", {"n_estimators": 40}, 0.0),
    "XGBoost, Poisson": ("xgboost", {"n_estimators": 10, "objective": "count:poisson"}, 1e-6),
}

MODES = [("FALLBACK", "true"), ("NO_CODEGEN", "false")]  # What Spark does by default, and what other tests here do.


def score(spark, query, names, rows):
    """The query's predictions in the order of the rows; NaN is NULL in every other row."""
    schema = StructType([StructField("row_number", LongType())] + [StructField(name, DoubleType()) for name in names])
    values = [
        (number, *(None if number % 2 and math.isnan(value) else value for value in row)) for number, row in enumerate(rows)
    ]
    spark.createDataFrame(values, schema).createOrReplaceTempView("features")
    scored = spark.sql(query).orderBy("row_number").select("prediction").collect()
    return [row["prediction"] for row in scored]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, firesteel = Path(sys.argv[1]) / "export_on_spark", sys.argv[2]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    def run(*arguments):
        subprocess.run([firesteel, *map(str, arguments), "--quiet"], check=True, cwd=folder)

    run("sample-data", "--output", "data", "--rows", "1500")
    spark = open_session("export_on_spark")
    passed = failed = 0
    for name, (model_type, params, tolerance) in MODELS.items():
        run("run", "--shipping-logs", "data/ShippingLogs.csv", "--product-description", "data/ProductDescriptions.csv",
            "--output", "out", "--model-type", model_type, "--model-params", json.dumps(params))
        run("export", "out", "--format", "json", "--output", "model.json")
        run("export", "out", "--format", "sql", "--dialect", "spark", "--output", "score.sql")
        model = json.loads((folder / "model.json").read_text())
        names = [feature["name"] for feature in model["features"]]
        rows = [[float(value) for value in row] for row in model["verification"]["rows"]]
        expected = [float(value) for value in model["verification"]["predictions"]]
        # A long list of categories is looked up by bits; zero has two.
        rows += [[-0.0 if value == 0.0 else value for value in row] for row in rows]
        expected += expected
        for mode, compiled in MODES if name == "32 trees" else MODES[:1]:
            spark.conf.set("spark.sql.codegen.wholeStage", compiled)
            spark.conf.set("spark.sql.codegen.factoryMode", mode)
            found = score(spark, (folder / "score.sql").read_text(), names, rows)
            different = sum(not math.isclose(one, other, rel_tol=tolerance) for one, other in zip(found, expected, strict=True))
            passed, failed = passed + (different == 0), failed + (different > 0)
            print(f"{name}, {mode}: {len(found)} rows, {different} different", flush=True)
    spark.stop()
    shutil.rmtree(folder)
    print(f"export_on_spark: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
