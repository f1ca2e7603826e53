"""Records what Spark makes of a made-up frame with every pipeline stage we know: the pipeline model and
the frames before and after, as Spark's own files, without checksums.

usage: record.py FOLDER
"""

import glob
import os
import shutil
import sys

from pyspark.ml import Pipeline
from pyspark.ml.feature import (
    Bucketizer, Imputer, MinMaxScaler, OneHotEncoder, SQLTransformer, StandardScaler, StringIndexer,
    VectorAssembler,
)
from pyspark.sql import SparkSession

ROWS = [
    (0, "Air", "north", 1.5, 10, 0.0, True), (1, "Ground", "south", 2.5, 20, 1.0, False),
    (2, "Air", None, None, 30, 0.0, True), (3, "Express", "é", 9.5, None, 2.0, True),
    (4, "Ground", "north", -3.5, 20, 0.0, None), (5, "Air", "o'hare", float("nan"), 50, 1.0, False),
    (6, "Ship", "south", 0.0, 60, 2.0, False), (7, "Air", "north", 4.25, 70, 0.0, True),
]

def make_stages():
    return [
        SQLTransformer(statement="SELECT CASE WHEN carrier IN ('Air', 'Ground') THEN carrier ELSE 'OTHER' END "
                                 "AS carrier_reduced, * FROM __THIS__"),
        StringIndexer(inputCols=["carrier_reduced", "region"], outputCols=["carrier_index", "region_index"],
                      handleInvalid="keep"),
        StringIndexer(inputCol="units", outputCol="units_index", handleInvalid="keep",
                      stringOrderType="alphabetAsc"),
        OneHotEncoder(inputCols=["carrier_index", "region_index"], outputCols=["carrier_ohe", "region_ohe"]),
        OneHotEncoder(inputCol="code", outputCol="code_ohe", dropLast=False, handleInvalid="keep"),
        Imputer(inputCols=["weight"], outputCols=["weight_filled"]),
        Imputer(inputCol="units", outputCol="units_filled", strategy="median"),
        Bucketizer(inputCol="weight_filled", outputCol="weight_bucket",
                   splits=[-float("inf"), 0.0, 2.5, float("inf")]),
        Bucketizer(inputCols=["code", "units_filled"], outputCols=["code_bucket", "units_bucket"],
                   splitsArray=[[0.0, 1.0, 2.0], [0.0, 25.0, 1e7]], handleInvalid="keep"),
        VectorAssembler(inputCols=["carrier_ohe", "region_ohe", "code_ohe", "weight_filled", "weight_bucket",
                                   "units_index", "bulk"], outputCol="features", handleInvalid="keep"),
        StandardScaler(inputCol="features", outputCol="scaled", withMean=True),
        MinMaxScaler(inputCol="features", outputCol="ranged", min=-1.0, max=1.0),
    ]


def main(folder):
    spark = (
        SparkSession.builder.master("local[1]").appName("record")
        .config("spark.ui.enabled", "false").config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "1").getOrCreate()
    )
    frame = spark.createDataFrame(
        ROWS, "id long, carrier string, region string, weight double, units int, code double, bulk boolean"
    ).coalesce(1)
    for name in ("pipeline_model", "before", "after"):
        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
    model = Pipeline(stages=make_stages()).fit(frame)
    model.write().save(os.path.join(folder, "pipeline_model"))
    frame.write.parquet(os.path.join(folder, "before"))
    model.transform(frame).write.parquet(os.path.join(folder, "after"))
    spark.stop()
    for file in glob.glob(os.path.join(folder, "**", ".*.crc"), recursive=True):
        os.remove(file)


if __name__ == "__main__":
    main(sys.argv[1])
