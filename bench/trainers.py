"""Trains 32 trees with LightGBM and XGBoost on a feature frame that firesteel wrote; run by bench/run.py.

usage: trainers.py TRAINING_FRAME LABEL
Prints a JSON object: trainer -> {"seconds": binning and training, "mae": mean absolute error on the training rows}.
The rows are in memory, as 32-bit floats in row order, before a clock starts; every trainer uses all cores.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy
import pyarrow.parquet as parquet

TREES, DEPTH, BINS, RATE = 32, 5, 32, 0.1


def dense(column):
    """A vector column of Spark's (type, size, indices, values), or a column of numbers, as a matrix."""
    if column.type.num_fields == 0:
        return column.to_numpy().astype(numpy.float32).reshape(-1, 1)
    parts = {column.type.field(i).name: column.field(i) for i in range(column.type.num_fields)}
    sizes = parts["size"].drop_null()
    is_sparse = parts["type"].to_numpy() == 0
    lengths = parts["values"].value_lengths().to_numpy()
    width = sizes[0].as_py() if len(sizes) else int(lengths.max())
    matrix = numpy.zeros((len(column), width), numpy.float32)
    rows = numpy.repeat(numpy.arange(len(column)), lengths)
    values = parts["values"].flatten().to_numpy()
    positions = numpy.arange(len(values)) - numpy.repeat(numpy.cumsum(lengths) - lengths, lengths)
    positions[is_sparse[rows]] = parts["indices"].flatten().to_numpy()
    matrix[rows, positions] = values
    return matrix


def read_rows(folder, label):
    features, labels = [], []
    for file in sorted(Path(folder).glob("*.parquet")):
        for batch in parquet.ParquetFile(file).iter_batches(1 << 20):
            names = [name for name in batch.schema.names if name != label and not name.endswith("_id")]
            features.append(numpy.hstack([dense(batch.column(name)) for name in names]))
            labels.append(batch.column(label).to_numpy().astype(numpy.float32))
    return numpy.vstack(features), numpy.concatenate(labels)


def train_lightgbm(features, labels):
    import lightgbm

    data = lightgbm.Dataset(features, labels, params={"max_bin": BINS, "verbose": -1})
    params = {"objective": "regression", "learning_rate": RATE, "max_depth": DEPTH, "num_leaves": 2**DEPTH,
              "max_bin": BINS, "min_data_in_leaf": 1, "num_threads": os.cpu_count(), "verbose": -1}
    return lightgbm.train(params, data, num_boost_round=TREES).predict


def train_xgboost(features, labels):
    import xgboost

    data = xgboost.QuantileDMatrix(features, labels, max_bin=BINS)
    params = {"objective": "reg:squarederror", "learning_rate": RATE, "max_depth": DEPTH, "max_bin": BINS,
              "tree_method": "hist", "nthread": os.cpu_count()}
    model = xgboost.train(params, data, TREES)
    return lambda rows: model.predict(xgboost.DMatrix(rows))


def main():
    features, labels = read_rows(sys.argv[1], sys.argv[2])
    found = {}
    for name, train in (("LightGBM", train_lightgbm), ("XGBoost", train_xgboost)):
        begin = time.perf_counter()
        predict = train(features, labels)
        seconds = time.perf_counter() - begin
        sample = slice(0, 100_000)
        found[name] = {"seconds": seconds, "mae": float(numpy.abs(predict(features[sample]) - labels[sample]).mean())}
    print(json.dumps({"rows": len(labels), "features": features.shape[1], "trainers": found}))


if __name__ == "__main__":
    main()
