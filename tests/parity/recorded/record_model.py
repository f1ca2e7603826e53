"""Records a small trained model and its predictions as Spark saves them, without checksums: for a test without Java.

    record_model.py [FOLDER]

writes FOLDER (by default spark-<version> beside this file): gbt_model/ (a pipeline of a StringIndexer, a
VectorAssembler and a gbt with weights), gbt_rows/ (what it was given) and gbt_predictions/ (what
Spark predicted, its importances in gbt_importances.json).
"""

import json
import random
import shutil
import sys
from pathlib import Path

import pyspark
from pyspark.ml import Pipeline
from pyspark.ml.feature import StringIndexer, VectorAssembler
from pyspark.ml.regression import GBTRegressor
from pyspark.sql import SparkSession

ROWS = 120


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / f"spark-{pyspark.__version__}"
    spark = (
        SparkSession.builder.master("local[1]").appName("record").config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1").config("spark.sql.shuffle.partitions", "1").getOrCreate()
    )
    rng = random.Random(11)
    rows = []
    for _ in range(ROWS):
        days, colour = rng.randrange(40) / 4, rng.choice(["red", "green", "blue", "grey"])
        price = days * (2.0 if colour in ("red", "grey") else -1.0) + rng.randrange(8) / 8
        rows.append((days, colour, rng.choice([1.0, 2.0]), price))
    names = ("gbt_model", "gbt_rows", "gbt_predictions")
    for name in names:
        shutil.rmtree(folder / name, ignore_errors=True)
    frame = spark.createDataFrame(rows, "days double, colour string, weight double, price double").coalesce(1)
    frame.write.parquet(str(folder / "gbt_rows"))
    frame = spark.read.parquet(str(folder / "gbt_rows"))
    model = Pipeline(stages=[
        StringIndexer(inputCol="colour", outputCol="colour_index"),
        VectorAssembler(inputCols=["days", "colour_index"], outputCol="assembled"),
        GBTRegressor(featuresCol="assembled", labelCol="price", weightCol="weight",
                     maxIter=6, maxDepth=3, stepSize=0.25, seed=5),
    ]).fit(frame)
    model.save(str(folder / "gbt_model"))
    model.transform(frame).select("price", "prediction").coalesce(1).write.parquet(str(folder / "gbt_predictions"))
    importances = [float(x) for x in model.stages[-1].featureImportances.toArray()]
    (folder / "gbt_importances.json").write_text(json.dumps(importances) + "\n", encoding="utf-8")
    for name in names:
        for checksum in (folder / name).rglob(".*.crc"):
            checksum.unlink()
    print(f"{model.stages[-1].getNumTrees} trees with {model.stages[-1].totalNumNodes} nodes")
    spark.stop()


if __name__ == "__main__":
    main()
