"""Times FMRegressor.fit of PySpark on a feature frame that firesteel wrote, its rows cached before a clock starts.

usage: factorization_machine_fit.py TRAINING_FRAME LABEL [ITERATIONS]
Prints a JSON object: rows, iterations, seconds. Compare with the training part of `firesteel model-training --model-type
factorization_machine` on the same frame (timings in its manifest).
"""

import json
import sys
import time

from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import FMRegressor
from pyspark.sql import SparkSession


def main():
    folder, label = sys.argv[1], sys.argv[2]
    iterations = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    builder = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false").config("spark.driver.memory", "4g")
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    frame = spark.read.parquet(folder)
    columns = [name for name in frame.columns if name != label and not name.endswith("_id")]
    rows = VectorAssembler(inputCols=columns, outputCol="training_cols").transform(frame).select(label, "training_cols").cache()
    num_rows = rows.count()
    FMRegressor(featuresCol="training_cols", labelCol=label, maxIter=2, seed=1).fit(rows)  # The JVM compiles what it runs.
    begin = time.perf_counter()
    FMRegressor(featuresCol="training_cols", labelCol=label, maxIter=iterations, seed=1, tol=0.0).fit(rows)
    print(json.dumps({"rows": num_rows, "iterations": iterations, "seconds": time.perf_counter() - begin}))
    spark.stop()


if __name__ == "__main__":
    main()
