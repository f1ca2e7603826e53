"""Data sets and parameter sets for the comparison of factorization machines with Spark, made from a seed.

A case is a dict: "about", "features" (rows of numbers), "labels", "probes" (rows that nobody trains on), "params".
"""

import random

# What each set is about, what its features are, its number of rows, and FMRegressor's parameters.
SETUPS = [
    ("untrained", "mixed", 60, {"maxIter": 0, "seed": 42}),
    ("one iteration", "mixed", 60, {"maxIter": 1, "seed": -5}),
    ("defaults", "mixed", 120, {"seed": 7}),
    ("small steps", "numbers", 150, {"stepSize": 0.01, "maxIter": 60, "seed": 1}),
    ("gd", "small", 150, {"solver": "gd", "stepSize": 0.05, "maxIter": 60, "seed": 3}),
    ("gd that diverges", "numbers", 80, {"solver": "gd", "maxIter": 40, "seed": 3}),
    ("gd that diverges on wide rows", "wide", 60, {"solver": "gd", "stepSize": 1e4, "maxIter": 15, "seed": 3}),
    ("no intercept", "mixed", 100, {"fitIntercept": False, "stepSize": 0.1, "maxIter": 40, "seed": 11}),
    ("no linear terms", "mixed", 100, {"fitLinear": False, "stepSize": 0.1, "maxIter": 40, "seed": 12}),
    ("factors alone", "small", 100, {"fitLinear": False, "fitIntercept": False, "stepSize": 0.1, "maxIter": 40, "seed": 13}),
    ("regParam, adamW", "small", 100, {"regParam": 0.01, "stepSize": 0.05, "maxIter": 50, "seed": 14}),
    ("regParam, gd", "small", 100, {"regParam": 0.1, "solver": "gd", "stepSize": 0.05, "maxIter": 50, "seed": 15}),
    ("most rows a batch", "mixed", 130, {"miniBatchFraction": 0.7, "stepSize": 0.1, "maxIter": 30, "seed": 16}),
    ("few rows a batch", "small", 300, {"miniBatchFraction": 0.05, "stepSize": 0.05, "maxIter": 30, "seed": 17}),
    ("batches that are empty", "small", 12, {"miniBatchFraction": 0.04, "solver": "gd", "stepSize": 0.05, "maxIter": 25, "seed": 18}),
    ("tol ends it", "small", 120, {"tol": 0.02, "stepSize": 0.02, "seed": 19}),
    ("tol ends gd", "small", 120, {"tol": 0.01, "solver": "gd", "stepSize": 0.05, "seed": 20}),
    ("one factor", "mixed", 90, {"factorSize": 1, "initStd": 0.3, "stepSize": 0.05, "maxIter": 40, "seed": 21}),
    ("many factors", "mixed", 90, {"factorSize": 21, "initStd": 0.1, "stepSize": 0.02, "maxIter": 40, "seed": 22}),
    ("wide rows", "wide", 90, {"stepSize": 0.05, "maxIter": 30, "seed": 23}),
    ("one feature", "single", 40, {"stepSize": 0.1, "maxIter": 40, "seed": 24}),
    ("all converged", "small", 100, {"stepSize": 0.05, "maxIter": 400, "tol": 0.0, "initStd": 0.1, "seed": 25}),
    ("repeated rows", "repeated", 400, {"stepSize": 0.2, "maxIter": 60, "seed": 26}),
    ("large numbers", "large", 60, {"maxIter": 100, "seed": 27}),
]


def draw_row(rng, kind):
    if kind == "single":
        return [rng.uniform(-2.0, 2.0)]
    if kind == "small":
        return [rng.choice([0.0, 0.0, 0.25, 0.5, 1.0]) for _ in range(6)]
    if kind == "numbers":
        return [rng.gauss(0.0, 3.0), rng.uniform(0.0, 20.0), rng.gauss(1.0, 1.0)]
    if kind == "large":
        return [rng.uniform(0.0, 1e6), float(rng.randrange(1000)), rng.gauss(0.0, 1e-3), rng.choice([0.0, 1.0])]
    if kind == "wide":
        row = [0.0] * 70
        for slot in rng.sample(range(70), rng.choice([1, 3, 8, 60])):
            row[slot] = rng.choice([1.0, 1.0, rng.gauss(0.0, 1.0)])
        return row
    colour, place = rng.randrange(4), rng.randrange(3)
    one_hot = [float(colour == i) for i in range(3)] + [float(place == i) for i in range(3)]
    if kind == "repeated":
        return one_hot + [float(rng.randrange(5)), 0.5 * rng.randrange(4)]
    return one_hot + [float(rng.randrange(2)), rng.uniform(50.0, 300.0), float(rng.randrange(3, 22))]


def label_of(rng, row):
    pairs = sum(a * b for a, b in zip(row, row[1:])) / (1.0 + max(map(abs, row)))
    return round(3.0 + sum(value * (i % 3 - 0.5) for i, value in enumerate(row)) / len(row) + pairs + rng.gauss(0.0, 0.5), 3)


def make_case(number, seed):
    about, kind, num_rows, params = SETUPS[number % len(SETUPS)]
    rng = random.Random(f"{seed} {number}")
    features = [draw_row(rng, kind) for _ in range(num_rows)]
    params = dict(params)
    if number >= len(SETUPS):
        params["seed"] = rng.randrange(-2**62, 2**62)
    return {"about": about, "features": features, "labels": [label_of(rng, row) for row in features],
            "probes": [draw_row(rng, kind) for _ in range(20)], "params": params}
