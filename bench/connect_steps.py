"""The steps of bench/pyspark_steps.py by Spark's own Connect client, all in one session: what firesteel's Spark engine is measured
beside. Prints a JSON line for each step: its name and its seconds, the session's start excluded; and one for the fit of the model alone.

usage: connect_steps.py URL LOGS_CSV PRODUCTS_CSV OUTPUT [--steps N]
"""

import json
import sys
import time
import warnings

warnings.filterwarnings("ignore")

from pyspark.sql.connect.session import SparkSession  # noqa: E402

import pyspark_steps  # noqa: E402


def time_fit():
    fit = pyspark_steps.GBTRegressor.fit

    def timed(self, rows):
        begin = time.perf_counter()
        model = fit(self, rows)
        print(json.dumps({"step": "training alone", "seconds": time.perf_counter() - begin}), flush=True)
        return model

    pyspark_steps.GBTRegressor.fit = timed


def main():
    time_fit()
    url, logs, products, output = sys.argv[1:5]
    spark = SparkSession.builder.remote(url).getOrCreate()
    spark.sql("SELECT 1").collect()
    pre, train, valid, trained = (f"{output}/{name}" for name in ("pre", "train", "valid", "trained"))
    steps = {
        "data preprocessing": lambda: pyspark_steps.data_preprocessing(spark, logs, products, pre),
        "feature engineering, training": lambda: pyspark_steps.feature_engineering(spark, f"{pre}/training", train),
        "feature engineering, validation": lambda: pyspark_steps.feature_engineering(
            spark, f"{pre}/validation", valid, f"{train}/pipeline_model"),
        "model training": lambda: pyspark_steps.model_training(
            spark, f"{train}/dataframe", f"{valid}/dataframe", trained),
    }
    for name, step in steps.items():
        begin = time.perf_counter()
        step()
        print(json.dumps({"step": name, "seconds": time.perf_counter() - begin}), flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
