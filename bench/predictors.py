"""Predicts with XGBoost's and LightGBM's own libraries, on one thread: what prediction_bench's PredictXgboost is measured beside.

usage: predictors.py [ROWS]
Rows are drawn like those of bench/shipping_rows.h, in memory as 32-bit floats in row order; 32 trees of depth 5 are trained on 5,000
of them. Prints nanoseconds per row, the best of several runs.
"""

import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import lightgbm  # noqa: E402
import numpy  # noqa: E402
import xgboost  # noqa: E402


def draw(count):
    random = numpy.random.default_rng(7)
    carrier, bulk = random.integers(0, 2, count), random.integers(0, 2, count)
    origin, priority = random.integers(0, 4, count), random.integers(0, 4, count)
    distance = 40 + 400 * random.random(count) * random.random(count)
    promised = numpy.floor(2 + 2.5 * priority + origin + carrier + 2 * bulk + distance / 60)
    columns = [carrier, *(origin == slot for slot in range(3)), *(priority == slot for slot in range(3)), bulk, distance, promised]
    return numpy.column_stack(columns).astype(numpy.float32), (promised + random.integers(0, 2, count) + origin % 2)


def best(predict, rows):
    times = []
    for _ in range(7):
        begin = time.perf_counter()
        predict(rows)
        times.append(time.perf_counter() - begin)
    return 1e9 * min(times) / len(rows)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    features, labels = draw(5000)
    params = {"max_depth": 5, "eta": 0.1, "nthread": 1}
    model = xgboost.train(params, xgboost.DMatrix(features, labels, nthread=1), 32)
    forest = lightgbm.train({"num_leaves": 32, "max_depth": 5, "learning_rate": 0.1, "verbose": -1, "num_threads": 1},
                            lightgbm.Dataset(features, labels), 32)
    rows, _ = draw(count)
    print(f"XGBoost inplace_predict  {best(model.inplace_predict, rows):8.1f} ns a row")
    print(f"XGBoost predict          {best(lambda r: model.predict(xgboost.DMatrix(r, nthread=1)), rows):8.1f} ns a row")
    print(f"LightGBM predict         {best(lambda r: forest.predict(r, num_threads=1), rows):8.1f} ns a row")
    one = rows[:1]
    print(f"XGBoost, a lone row      {best(model.inplace_predict, one):8.1f} ns")
    print(f"LightGBM, a lone row     {best(lambda r: forest.predict(r, num_threads=1), one):8.1f} ns")


if __name__ == "__main__":
    main()
