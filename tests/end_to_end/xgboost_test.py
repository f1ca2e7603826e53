"""`--model-type xgboost` beside XGBoost's own Python package: it loads our model.ubj and predicts what we predict, and trains
the same model from the same rows with the same parameters."""

import csv
import json
import shutil
import sys

import numpy
import pyarrow.compute as compute
import pyarrow.parquet as parquet
import xgboost

from harness import ROOT, EndToEndTest, main

sys.path.insert(0, str(ROOT / "bench"))
import trainers  # noqa: E402

LABEL = "actual_shipping_days"
ROUNDS = 12
LOG_LINK = ("count:poisson", "reg:gamma", "reg:tweedie")
# What firesteel is given, and what it makes of rows whose distances are whole tens; where it trains on rows, distances are as they
# are, all different.
CASES = (
    ({}, "rows"),
    ({}, "cells"),
    ({"max_depth": 3, "lambda": 0.0}, "cells"),
    ({"tree_method": "approx", "eta": 0.1}, "cells"),
    ({"tree_method": "exact", "gamma": 0.5, "alpha": 0.2}, "cells"),
    ({"objective": "count:poisson"}, "cells"),
    ({"objective": "reg:gamma", "min_child_weight": 3.0}, "rows"),
    ({"objective": "reg:tweedie", "tweedie_variance_power": 1.3, "lambda": 2.0}, "cells"),
    ({"objective": "reg:quantileerror", "quantile_alpha": 0.8}, "rows"),
    ({"objective": "reg:absoluteerror", "max_depth": 4}, "rows"),
    ({"objective": "reg:pseudohubererror", "huber_slope": 2.0, "base_score": 5.0}, "cells"),
    ({"objective": "reg:squaredlogerror", "max_depth": 2}, "rows"),
    ({"monotone_constraints": {"euclidean_distance": 1, "expected_shipping_days": 1}}, "rows"),
    ({"interaction_constraints": [[0, 1, 2, 3, 4, 5, 6], [7, 8, 9]]}, "rows"),
    ({"grow_policy": "lossguide", "max_leaves": 9, "max_depth": 0}, "rows"),
    ({"subsample": 0.7, "colsample_bytree": 0.6, "colsample_bynode": 0.8, "seed": 5, "num_parallel_tree": 2}, "rows"),
)


class XgboostTest(EndToEndTest):
    def make_features(self, rows):
        self.succeed("sample-data", "--output", "data", "--rows", rows, "-q")
        self.succeed("run", "--shipping-logs", "data/ShippingLogs.csv", "--product-description", "data/ProductDescriptions.csv",
                     "--output", "out", "--model-params", "{'maxIter': 1}", "-q")
        for part in ("training", "validation"):
            shutil.copytree(self.folder / "out/feature_engineering" / part / "dataframe", self.folder / "rows" / part)
            shutil.copytree(self.folder / "rows" / part, self.folder / "cells" / part)
            for file in (self.folder / "cells" / part).glob("part-*.parquet"):
                table = parquet.read_table(file)
                column = table.schema.get_field_index("euclidean_distance")
                rounded = compute.round(table.column(column), ndigits=-1)
                parquet.write_table(table.set_column(column, table.schema.field(column), rounded), file)
        return {frames: {part: trainers.read_rows(self.folder / frames / part, LABEL) for part in ("training", "validation")}
                for frames in ("rows", "cells")}

    def train(self, output, params, frames="rows"):
        self.succeed("model-training", "--training-dataset", f"{frames}/training", "--validation-dataset", f"{frames}/validation",
                     "--output", output, "--model-type", "xgboost", "--model-params", json.dumps(params), "--threads", "1", "-q")
        booster = xgboost.Booster({"nthread": 1}, model_file=str(self.folder / output / "model/model.ubj"))
        return booster, self.manifest(output)["trained"]

    def predictions(self, output, part):
        (file,) = (self.folder / output / part / "predictions.csv").glob("part-*.csv")
        with open(file, newline="") as rows:
            return numpy.array([row["raw_prediction"] for row in csv.DictReader(rows)], dtype=numpy.float64)

    def assert_close(self, ours, theirs, tolerance, what):
        error = numpy.abs(ours - theirs) / numpy.maximum(1, numpy.abs(theirs))
        self.assertLessEqual(error.max(), tolerance, what)

    def assert_same_tree(self, ours, theirs):
        self.assertEqual("leaf" in ours, "leaf" in theirs)
        if "leaf" in ours:
            self.assertAlmostEqual(ours["leaf"], theirs["leaf"], delta=1e-5)
            return
        self.assertEqual([ours[key] for key in ("split", "split_condition", "missing")],
                         [theirs[key] for key in ("split", "split_condition", "missing")])
        self.assertAlmostEqual(ours["gain"], theirs["gain"], delta=1e-4 * max(1, theirs["gain"]))
        for left, right in zip(ours["children"], theirs["children"], strict=True):
            self.assert_same_tree(left, right)

    def test_predictions_and_trees_are_those_of_the_python_package(self):
        features_of = self.make_features(3000)
        for number, (params, trained_on) in enumerate(CASES):
            with self.subTest(params=params, trained_on=trained_on):
                output = f"model{number}"
                booster, facts = self.train(output, {"n_estimators": ROUNDS, **params}, trained_on)
                self.assertEqual(facts["trained_on"], trained_on)
                names = booster.feature_names
                objective = params.get("objective", "reg:squarederror")
                matrices = {part: xgboost.DMatrix(features, labels, feature_names=names, feature_types=["float"] * len(names),
                                                  nthread=1)
                            for part, (features, labels) in features_of[trained_on].items()}
                for part, matrix in matrices.items():
                    theirs = booster.predict(matrix).astype(numpy.float64)
                    ours = self.predictions(output, part)
                    if objective in LOG_LINK:
                        self.assert_close(ours, theirs, 1e-6, part)
                    else:
                        numpy.testing.assert_array_equal(ours, theirs)

                own = {"objective": objective, "nthread": 1, "tree_method": "hist", **params}
                if "interaction_constraints" in own:
                    own["interaction_constraints"] = json.dumps(own["interaction_constraints"])
                if "monotone_constraints" in own:
                    own["monotone_constraints"] = tuple(own["monotone_constraints"].get(name, 0) for name in names)
                model = xgboost.train(own, matrices["training"], ROUNDS)
                self.assert_same_tree(*(json.loads(b.get_dump(dump_format="json", with_stats=True)[0]) for b in (booster, model)))
                for matrix in matrices.values():
                    self.assert_close(booster.predict(matrix), model.predict(matrix), 1e-5, "trained by Python")

    def test_early_stopping_keeps_the_iteration_that_python_keeps(self):
        features_of = self.make_features(2000)
        for params, frames in (({"eval_metric": ["rmse", "mae"]}, "cells"), ({"objective": "reg:absoluteerror"}, "rows")):
            with self.subTest(params=params):
                parts = features_of[frames]
                booster, facts = self.train(f"stopped_{frames}", {"n_estimators": 300, "early_stopping_rounds": 4, **params}, frames)
                training, validation = (xgboost.DMatrix(*parts[part], nthread=1) for part in ("training", "validation"))
                model = xgboost.train({"nthread": 1, "tree_method": "hist", **params}, training, 300,
                                      evals=[(validation, "validation")], early_stopping_rounds=4, verbose_eval=False)
                self.assertEqual(facts["best_iteration"], model.best_iteration)
                self.assertAlmostEqual(facts["best_score"], model.best_score, delta=1e-5)
                self.assertEqual(booster.num_boosted_rounds(), model.best_iteration + 1)
                self.assertEqual(booster.attr("best_iteration"), str(model.best_iteration))
                self.assertEqual(facts["num_watched_rows"], len(parts["validation"][1]))

    def test_the_model_is_described_with_its_importances(self):
        self.make_features(800)
        booster, _ = self.train("model", {"n_estimators": 3})
        described = json.loads(self.run_binary("describe", "model", "--json", "--trees").stdout)
        gains = booster.get_score(importance_type="total_gain")
        for feature in described["features"]:
            self.assertAlmostEqual(feature["importance"], gains.get(feature["name"], 0) / sum(gains.values()), places=5)
        self.assertEqual(len(described["trees"]), 3)
        told = self.run_binary("describe", "model", "--trees").stdout
        self.assertIn("\nImportances\n", told)
        self.assertIn("\nTree 3 of 3\n", told)

    def test_mistakes_are_named(self):
        self.make_features(800)
        self.train("model", {"n_estimators": 2})
        training = ("model-training", "--training-dataset", "rows/training", "--validation-dataset", "rows/validation", "--output",
                    "other", "--model-type", "xgboost", "--model-params")
        self.assertIn("did you mean 'max_depth'?", self.refusal(*training, "{'maxdepth': 3}", code=2))
        self.assertIn("are one parameter under two names", self.refusal(*training, "{'eta': 1, 'learning_rate': 2}", code=2))
        self.assertIn("there is no feature 'distance'", self.refusal(*training, "{'monotone_constraints': {'distance': 1}}", code=2))
        file = self.folder / "model/model/model.ubj"
        whole = file.read_bytes()
        for broken in (whole[: len(whole) // 2], whole.replace(b"gbtree", b"dart  "), b""):
            file.write_bytes(broken)
            self.assertIn("model.ubj", self.refusal("describe", "model"))


main()
