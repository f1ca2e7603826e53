"""Records what PySpark makes of two small made-up data sets, for a test that runs without Java.

    record.py [FOLDER]

writes FOLDER (by default spark-4.3.0 beside this file), after the version of PySpark that is installed:

    <set>/workflow.yaml           what was run
    <set>/rows/                   Parquet that Spark wrote: the input of the pipeline
    <set>/pipeline_model/         the fitted pipeline
    <set>/features/               Parquet: the transformed rows
    <set>/{predictions.csv,metrics.json}   of a small gbt trained and judged on `features`
    <set>/params.json             the parameters of that gbt

The set `shipping` has a stage of a Python class, `__main__.EuclideanDistanceTransformer`; `all_stages` has
every kind of stage that firesteel fits. Uids, timestamps and file names differ from one recording to the next.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import generate  # noqa: E402
import spark_workflow  # noqa: E402
from pyspark import __version__, keyword_only  # noqa: E402
from pyspark.ml import Pipeline, Transformer  # noqa: E402
from pyspark.ml.param.shared import HasInputCols, HasOutputCol  # noqa: E402
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable  # noqa: E402
from pyspark.sql import functions as F  # noqa: E402

SEED = 7
ROWS = 160
PARAMS = {"maxIter": 3, "maxDepth": 3}


class EuclideanDistanceTransformer(Transformer, HasInputCols, HasOutputCol, DefaultParamsReadable, DefaultParamsWritable):
    """A stage that exists in Python only."""

    @keyword_only
    def __init__(self, inputCols=None, outputCol=None):
        super().__init__()
        self._set(**self._input_kwargs)

    def _transform(self, frame):
        x, y = F.col("x_shipping_distance"), F.col("y_shipping_distance")
        return frame.withColumn("euclidean_distance", F.sqrt(F.pow(x, F.lit(2)) + F.pow(y, F.lit(2))))


def shipping_set(folder: Path) -> tuple[generate.DataSet, str]:
    rng = random.Random(SEED)
    logs, products = generate.shipping_tables(rng, ROWS, days=10, products=6)
    text = (HERE.parents[2] / "src/workflow/shipping.yaml").read_text(encoding="utf-8")
    return generate.write_shipping(folder, logs, products), text


def all_stages_set(folder: Path) -> tuple[generate.DataSet, str]:
    rng = random.Random(SEED)
    orders = generate.orders_table(rng, ROWS, lambda day: day.strftime("%d.%m.%Y"), days=10)
    for row in rng.sample(orders, 15):
        row["Price"] = None
    for row in rng.sample(orders, 15):
        row["Channel"] = rng.choice([None, "fäx"])
    inf = float("inf")
    stages = [
        generate.sql("SELECT *, month(sold_on) AS sold_month, datediff(sold_on, opened) AS store_age FROM __THIS__"),
        {"StringIndexer": {"inputCols": ["channel", "kind"], "outputCols": ["channel_index", "kind_index"], "handleInvalid": "keep"}},
        {"OneHotEncoder": {"inputCols": ["channel_index"], "outputCols": ["channel_flags"], "dropLast": False}},
        {"Imputer": {"inputCols": ["price"], "outputCols": ["price_known"], "strategy": "median"}},
        {"Bucketizer": {"inputCol": "quantity", "outputCol": "quantity_band", "splits": [-inf, 5, 20, inf]}},
        {"VectorAssembler": {"inputCols": ["price_known", "store_age"], "outputCol": "numbers"}},
        {"StandardScaler": {"inputCol": "numbers", "outputCol": "numbers_standard", "withMean": True}},
        {"MinMaxScaler": {"inputCol": "numbers", "outputCol": "numbers_squeezed"}},
        generate.sql("SELECT sold_month, channel_flags, kind_index, quantity_band, numbers_standard, numbers_squeezed, gift, amount, "
                     "order_no FROM __THIS__"),
    ]
    workflow = generate.workflow_file(folder, sources=generate.ORDER_SOURCES, joins=generate.ORDER_JOINS,
                                      date={"column": "sold_on", "format": "dd.MM.yyyy"}, stages=stages, label="amount", ids=["order_no"])
    data = generate.write_orders(folder, workflow, orders, generate.stores_table(rng), generate.items_table(rng))
    return data, workflow.read_text(encoding="utf-8")


def with_python_stage(pipeline: Pipeline) -> Pipeline:
    """The built-in workflow's pipeline as it was before its distance became SQL."""
    stages = list(pipeline.getStages())
    stages[5] = EuclideanDistanceTransformer(inputCols=["x_shipping_distance", "y_shipping_distance"])
    return Pipeline(stages=stages)


def record(spark, data: generate.DataSet, text: str, output: Path) -> None:
    output.mkdir(parents=True)
    (output / "workflow.yaml").write_text(text, encoding="utf-8")
    (output / "params.json").write_text(json.dumps(PARAMS) + "\n", encoding="utf-8")
    workflow = spark_workflow.load_workflow(output / "workflow.yaml")
    rows, _, _ = spark_workflow.preprocess(spark, workflow, data.sources, 0.95)
    rows.coalesce(1).write.parquet(str(output / "rows"))
    rows = spark.read.parquet(str(output / "rows"))
    pipeline = spark_workflow.build_pipeline(workflow)
    model = (with_python_stage(pipeline) if data.workflow is None else pipeline).fit(rows)
    model.save(str(output / "pipeline_model"))
    model.transform(rows).coalesce(1).write.parquet(str(output / "features"))
    features = spark.read.parquet(str(output / "features"))
    _, predictions = spark_workflow.train(workflow, features, {"all": features}, PARAMS)
    spark_workflow.write_predictions(predictions["all"].coalesce(1), output / "predictions.csv")
    (output / "metrics.json").write_text(json.dumps(spark_workflow.metrics(workflow, predictions["all"])), encoding="utf-8")
    for checksum in output.rglob(".*.crc"):
        checksum.unlink()


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / f"spark-{__version__}"
    shutil.rmtree(target, ignore_errors=True)
    spark = spark_workflow.new_session()
    with tempfile.TemporaryDirectory() as folder:
        for name, make in (("shipping", shipping_set), ("all_stages", all_stages_set)):
            data, text = make(Path(folder) / name)
            record(spark, data, text, target / name)
    spark.stop()


if __name__ == "__main__":
    main()
