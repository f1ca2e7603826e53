"""The steps of the shipping workflow as a PySpark user writes them: what firesteel is measured against.

One process per step, local[*], Spark's default settings but for a larger driver, and only Spark's public
API. Ends with exit code 0 if the step's output was written.

usage: pyspark_steps.py data-preprocessing LOGS_CSV PRODUCTS_CSV OUTPUT
       pyspark_steps.py feature-engineering DATAFRAME OUTPUT [PIPELINE_MODEL]
       pyspark_steps.py model-training TRAINING VALIDATION OUTPUT
"""

import json
import re
import sys
from pathlib import Path

import yaml
from pyspark.ml import Pipeline, PipelineModel, feature
from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.regression import GBTRegressor
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

WORKFLOW = Path(__file__).resolve().parent.parent / "src/workflow/shipping.yaml"
TRAINING_FRACTION = 0.9
LABEL = "actual_shipping_days"
ROWS_PER_FILE = 1000


def open_session():
    spark = (SparkSession.builder.master("local[*]").appName("pyspark_steps")
             .config("spark.driver.memory", "2g")
             .config("spark.driver.host", "127.0.0.1")
             .config("spark.driver.bindAddress", "127.0.0.1")
             .config("spark.ui.enabled", "false")
             .config("spark.ui.showConsoleProgress", "false")
             .getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def snake_case(name):
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", name).replace("-", "_").lower()


@F.udf(returnType=StringType())
def to_iso_date(text):
    if text is None:
        return None
    month, day, year = text.split("/")
    return f"20{year}-{month.zfill(2)}-{day.zfill(2)}"


def write(frame, path):
    frame.repartition(max(1, frame.count() // ROWS_PER_FILE)).write.mode("overwrite").parquet(path)


def data_preprocessing(spark, logs_csv, products_csv, output):
    logs = spark.read.csv(logs_csv, header=True, inferSchema=True)
    products = spark.read.csv(products_csv, header=True, inferSchema=True)
    rows = logs.join(products, on="ProductId", how="left")
    for name in rows.columns:
        rows = rows.withColumnRenamed(name, snake_case(name))
    rows = rows.withColumn("order_date", to_iso_date("order_date").cast("date"))

    total = rows.count()
    up_to_date = Window.orderBy("order_date").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    shares = (rows.groupBy("order_date").count()
              .withColumn("share", F.col("count") / F.lit(total))
              .withColumn("cumulative", F.sum("share").over(up_to_date))
              .orderBy("order_date").collect())
    reached = [i for i, row in enumerate(shares) if row["cumulative"] >= TRAINING_FRACTION]
    last = shares[min(reached[0], len(shares) - 2)]["order_date"]
    write(rows.where(F.col("order_date") <= F.lit(last)), f"{output}/training")
    write(rows.where(F.col("order_date") > F.lit(last)), f"{output}/validation")


def feature_engineering(spark, dataframe, output, pipeline_model=None):
    rows = spark.read.parquet(dataframe)
    if pipeline_model:
        model = PipelineModel.load(pipeline_model)
    else:
        stages = []
        for stage in yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["stages"]:
            ((kind, params),) = stage.items()
            stages.append(getattr(feature, kind)(**params))
        model = Pipeline(stages=stages).fit(rows)
        model.write().overwrite().save(f"{output}/pipeline_model")
    write(model.transform(rows), f"{output}/dataframe")


def model_training(spark, training, validation, output):
    parts = {"training": spark.read.parquet(training), "validation": spark.read.parquet(validation)}
    names = [name for name in parts["training"].columns if name != LABEL and not name.endswith("_id")]
    assembler = feature.VectorAssembler(inputCols=names, outputCol="training_cols")
    learner = GBTRegressor(labelCol=LABEL, featuresCol="training_cols", maxIter=32)
    model = learner.fit(assembler.transform(parts["training"]))
    for part, rows in parts.items():
        predictions = model.transform(assembler.transform(rows)).select(
            LABEL, F.round("prediction").alias("rounded_prediction"),
            F.col("prediction").alias("raw_prediction"), "order_id")
        predictions.write.mode("overwrite").csv(f"{output}/{part}/predictions.csv", header=True)
        metrics = {}
        for kind in ("raw", "rounded"):
            for metric, name in (("mae", "absolute"), ("mse", "squared")):
                judge = RegressionEvaluator(labelCol=LABEL, predictionCol=f"{kind}_prediction", metricName=metric)
                metrics[f"{kind}_predictions_mean_{name}_error"] = judge.evaluate(predictions)
        Path(f"{output}/{part}/metrics.json").write_text(json.dumps(metrics), encoding="utf-8")


def main():
    steps = {"data-preprocessing": data_preprocessing, "feature-engineering": feature_engineering,
             "model-training": model_training}
    if len(sys.argv) < 2 or sys.argv[1] not in steps:
        sys.exit(__doc__)
    spark = open_session()
    steps[sys.argv[1]](spark, *sys.argv[2:])
    spark.stop()


if __name__ == "__main__":
    main()
