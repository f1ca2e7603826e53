"""Makes data and parameter sets for the comparison of gradient-boosted trees with Spark: seeded, so that a number names a set.

A case is what gbt_tool reads as one line of JSON: labels, features, probes (rows that are only predicted), attributes, params,
and, where they are asked for, weights and held_out. "about" and "is_sparse" are for the scripts alone.
"""

import math
import random

WEIGHT_COLUMN = "row_weight"
HELD_OUT_COLUMN = "is_held_out"

WIDE = ["continuous", "counts", "ties", "binary", "nominal", "continuous", "counts", "nominal", "zeros"]

# What each set is there for. Those beyond the list are drawn at random alone.
SETUPS = [
    {"about": "defaults", "rows": 3000, "params": {"maxIter": 8}},
    {"about": "depth 1", "params": {"maxDepth": 1, "maxIter": 10}},
    {"about": "depth 0", "params": {"maxDepth": 0}},
    {"about": "depth 8", "rows": 2500, "params": {"maxDepth": 8, "maxIter": 4}},
    {"about": "depth 10", "rows": 3000, "params": {"maxDepth": 10, "maxIter": 3, "minInstancesPerNode": 4}},
    {"about": "8 bins", "arities": [2, 3, 8], "params": {"maxBins": 8}},
    {"about": "64 bins", "rows": 3000, "params": {"maxBins": 64}},
    {"about": "300 bins", "rows": 2500, "kinds": ["continuous", "continuous", "counts", "binary", "zeros"], "params": {"maxBins": 300}},
    {"about": "minInstancesPerNode", "params": {"minInstancesPerNode": 40, "maxDepth": 6}},
    {"about": "minInfoGain", "params": {"minInfoGain": 0.05, "maxDepth": 6}},
    {"about": "minWeightFractionPerNode", "params": {"minWeightFractionPerNode": 0.06, "maxDepth": 6}},
    {"about": "stepSize 1", "params": {"stepSize": 1.0}},
    {"about": "small stepSize", "params": {"stepSize": 0.013, "maxIter": 10}},
    {"about": "absolute loss", "rows": 1500, "labels": "whole", "params": {"lossType": "absolute", "maxIter": 8}},
    {"about": "absolute loss, fractional labels", "rows": 1200, "labels": "fractions",
     "params": {"lossType": "absolute", "stepSize": 0.3, "maxIter": 6}},
    {"about": "whole weights", "rows": 1500, "kinds": WIDE, "weights": "whole", "params": {}},
    {"about": "fractional weights, some zero", "rows": 1500, "kinds": WIDE, "weights": "fractions", "params": {"maxDepth": 4}},
    {"about": "weights and minWeightFractionPerNode, absolute loss", "rows": 900, "kinds": WIDE, "weights": "fractions",
     "params": {"minWeightFractionPerNode": 0.03, "lossType": "absolute"}},
    {"about": "early stopping", "rows": 1500, "kinds": WIDE, "held_out": 0.3, "noise": 2.0,
     "params": {"maxIter": 25, "maxDepth": 2, "stepSize": 0.2, "validationTol": 0.02}},
    {"about": "early stopping, tolerance 0, weights", "rows": 900, "kinds": WIDE, "held_out": 0.4, "weights": "whole", "noise": 2.0,
     "params": {"maxIter": 25, "maxDepth": 3, "stepSize": 0.25, "validationTol": 0.0}},
    {"about": "early stopping, absolute loss", "rows": 800, "held_out": 0.3, "labels": "whole", "noise": 1.0,
     "params": {"maxIter": 25, "maxDepth": 2, "stepSize": 0.3, "lossType": "absolute"}},
    {"about": "early stopping that never comes", "rows": 900, "held_out": 0.25, "labels": "fractions",
     "params": {"maxIter": 8, "maxDepth": 3, "stepSize": 0.1, "validationTol": 0.0}},
    {"about": "subsamplingRate 0.6", "rows": 2000, "params": {"subsamplingRate": 0.6, "seed": 5}},
    {"about": "subsamplingRate 0.25, weights", "rows": 1500, "weights": "whole", "params": {"subsamplingRate": 0.25, "seed": -77}},
    {"about": "featureSubsetStrategy sqrt", "rows": 1500, "kinds": WIDE, "labels": "fractions",
     "params": {"featureSubsetStrategy": "sqrt", "seed": 11, "minInstancesPerNode": 5}},
    {"about": "featureSubsetStrategy 0.5 in small groups of nodes", "rows": 1500, "kinds": WIDE, "labels": "fractions",
     "params": {"featureSubsetStrategy": "0.5", "seed": 12345678901, "maxMemoryInMB": 0, "minInstancesPerNode": 5}},
    {"about": "featureSubsetStrategy onethird, subsamplingRate 0.8", "rows": 1500, "kinds": WIDE, "labels": "fractions",
     "params": {"featureSubsetStrategy": "onethird", "subsamplingRate": 0.8, "seed": 3, "minInstancesPerNode": 5}},
    {"about": "featureSubsetStrategy 2", "rows": 900, "kinds": WIDE, "labels": "fractions",
     "params": {"featureSubsetStrategy": "2", "seed": 1, "maxDepth": 7, "minInstancesPerNode": 5}},
    {"about": "fewer rows than bins", "rows": 7, "arities": [2, 3], "params": {"maxDepth": 4}},
    {"about": "fewer rows than 300 bins", "rows": 120, "arities": [2, 3], "params": {"maxBins": 300}},
    {"about": "two rows", "rows": 2, "arities": [2], "params": {}},
    {"about": "one row", "rows": 1, "kinds": ["continuous", "counts"], "params": {}},
    {"about": "ties", "rows": 300, "kinds": ["ties"] * 4, "labels": "few", "params": {}},
    {"about": "ties with fractions", "rows": 60, "kinds": ["ties"] * 5, "params": {"maxIter": 6}},
    {"about": "symmetric ties", "rows": 40, "kinds": ["binary"] * 6, "labels": "few", "params": {"maxIter": 10}},
    {"about": "columns that repeat others", "rows": 1200, "labels": "fractions",
     "kinds": ["continuous", "copy", "ties", "mirror", "counts", "copy", "mirror"], "params": {"maxIter": 8}},
    {"about": "constant columns", "kinds": ["constant", "counts", "constant", "nominal"], "params": {}},
    {"about": "only constant columns", "rows": 50, "kinds": ["constant"] * 2, "params": {}},
    {"about": "one category", "rows": 80, "kinds": ["single", "continuous"], "params": {}},
    {"about": "only binary", "kinds": ["binary"] * 9, "params": {"maxDepth": 7}},
    {"about": "only nominal", "kinds": ["nominal"] * 4, "arities": [5, 12, 30], "params": {}},
    {"about": "30 categories and fractional labels", "rows": 2000, "kinds": ["nominal", "nominal", "continuous"],
     "arities": [30], "labels": "fractions", "params": {"maxIter": 6}},
    {"about": "constant label", "rows": 200, "labels": "constant", "params": {}},
    {"about": "label 0.1 throughout", "rows": 30, "labels": "tenth", "params": {}},
    {"about": "large labels", "labels": "large", "params": {}},
    {"about": "negative labels", "rows": 700, "kinds": ["continuous", "counts", "negative", "nominal"], "labels": "negative",
     "params": {"maxIter": 8}},
    {"about": "labels that the first tree learns whole", "rows": 700, "kinds": ["binary", "ties"], "labels": "negative", "params": {}},
    {"about": "zeros and negatives", "kinds": ["zeros", "zeros", "negative", "continuous"], "params": {}},
    {"about": "sparse vectors", "rows": 1500, "kinds": ["mostly_zero"] * 6 + ["binary"] * 4, "is_sparse": True, "params": {}},
    {"about": "9,990 rows", "rows": 9990, "params": {"maxDepth": 5, "maxIter": 12, "stepSize": 0.2}},
]
KINDS = ["continuous", "counts", "ties", "zeros", "negative", "binary", "nominal", "constant"]


def random_setup(rng):
    params = {"maxDepth": rng.randrange(1, 11), "maxBins": rng.choice([8, 16, 33, 64, 300]),
              "minInstancesPerNode": rng.choice([1, 1, 5, 25]), "minInfoGain": rng.choice([0.0, 0.0, 0.001, 0.2]),
              "minWeightFractionPerNode": rng.choice([0.0, 0.0, 0.01]), "stepSize": rng.choice([0.05, 0.1, 0.3, 0.7]),
              "lossType": rng.choice(["squared", "squared", "absolute"])}
    return {"about": "drawn at random", "params": params, "arities": [2, 3, 5, 8],
            "weights": rng.choice([None, None, "whole", "fractions"]), "held_out": rng.choice([0.0, 0.0, 0.25])}


def make_column(kind, rows, rng, others):
    if kind == "continuous":
        return [rng.gauss(0, 100) for _ in range(rows)]
    if kind == "counts":
        return [float(rng.randrange(1, 23)) for _ in range(rows)]
    if kind == "ties":
        return [float(rng.randrange(0, 4)) for _ in range(rows)]
    if kind == "zeros":
        return [0.0 if rng.random() < 0.6 else rng.uniform(-5, 5) for _ in range(rows)]
    if kind == "mostly_zero":
        return [0.0 if rng.random() < 0.9 else rng.uniform(-5, 5) for _ in range(rows)]
    if kind == "negative":
        return [float(rng.randrange(-30, 1)) for _ in range(rows)]
    # The same order of rows by other numbers: every split of one is a split of the other.
    if kind == "copy":
        return [value * 3.5 + 1.0 for value in rng.choice(others)]
    if kind == "mirror":
        return [-value for value in rng.choice(others)]
    return [rng.choice([0.0, 4.5])] * rows


def make_label(kind, signal, noise, rng):
    if kind == "few":
        return float(rng.randrange(3))
    if kind == "constant":
        return 7.5
    if kind == "tenth":
        return 0.1
    if kind == "large":
        return 1e9 + signal * 1e4
    if kind == "negative":
        return round(signal * 3 - 50, 2)
    digits = {"whole": 0, "fractions": 6}.get(kind)
    return round(signal * 3 + rng.gauss(0, noise), rng.choice([0, 1, 6]) if digits is None else digits)


def make_case(position, seed):
    if position < len(SETUPS):
        setup = SETUPS[position]
        rng = random.Random(f"{seed}:{setup['about']}")
    else:
        rng = random.Random(f"{seed}:{position - len(SETUPS)}")
        setup = random_setup(rng)
    rows = setup.get("rows") or rng.randrange(400, 2000)
    kinds = setup.get("kinds") or [rng.choice(KINDS) for _ in range(rng.randrange(3, 11))]
    columns, attributes = [], []
    for kind in kinds:
        arity = {"binary": 2, "single": 1, "nominal": rng.choice(setup.get("arities", [2, 3, 4, 8]))}.get(kind)
        if arity is None:
            columns.append(make_column(kind, rows, rng, columns))
            attributes.append({"kind": "numeric"})
            continue
        # One category in four is left out, so that some are absent everywhere.
        present = [c for c in range(arity) if arity < 3 or rng.random() < 0.75] or [0]
        columns.append([float(rng.choice(present)) for _ in range(rows)])
        attributes.append({"kind": "binary"} if kind == "binary" else {"kind": "nominal", "num_values": arity})
    effects = [rng.gauss(0, 1) for _ in kinds]
    features = [list(row) for row in zip(*columns)]
    labels = []
    for row in features:
        signal = sum(e * math.sin(v) if a["kind"] != "numeric" else e * math.atan(v / 20)
                     for e, v, a in zip(effects, row, attributes))
        labels.append(make_label(setup.get("labels"), signal, setup.get("noise", 1.0), rng))
    # New rows: other numbers, and values that are no category.
    probes = []
    for _ in range(20):
        row = list(rng.choice(features))
        for i, attribute in enumerate(attributes):
            if rng.random() < 0.4:
                row[i] = rng.choice([0.5, -1.0, 99.0, 1e9] if attribute["kind"] != "numeric" else [row[i] * 1.7 - 3, 0.0, -1e6, 1e6])
        probes.append(row)
    case = {"about": setup["about"], "is_sparse": setup.get("is_sparse", False), "labels": labels, "features": features,
            "probes": probes, "attributes": attributes, "params": {"maxIter": 5, **setup["params"]}}
    if setup.get("weights"):
        case["weights"] = [float(rng.randrange(0, 5)) if setup["weights"] == "whole" else
                           0.0 if rng.random() < 0.05 else rng.uniform(0.1, 3.0) for _ in range(rows)]
        case["params"]["weightCol"] = WEIGHT_COLUMN
    if setup.get("held_out"):
        case["held_out"] = [rng.random() < setup["held_out"] for _ in range(rows)]
        case["params"]["validationIndicatorCol"] = HELD_OUT_COLUMN
    return case


def attribute_group(attributes):
    """The ml_attr metadata that makes Spark see the same kinds of feature."""
    groups = {}
    for i, attribute in enumerate(attributes):
        entry = {"idx": i, "name": f"f{i}"}
        if attribute["kind"] == "nominal":
            entry["num_vals"] = attribute["num_values"]
        groups.setdefault(attribute["kind"], []).append(entry)
    return {"ml_attr": {"attrs": groups, "num_attrs": len(attributes)}}
