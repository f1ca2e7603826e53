"""Tests the walk of two forests without Spark: what is a tie is proved to be one, and what is none is reported.

usage: forest_walk_test.py GBT_TOOL
"""

import copy
import sys
import unittest

import gbt_cases
from forest_walk import Walk, predict
from gbt_sides import Tool


def walked(case, ours, theirs):
    walk = Walk(case, ours, theirs, TOOL.train)
    walk.run()
    return walk


def case_of(labels, features, kinds, **params):
    return {"labels": labels, "features": features, "probes": [], "attributes": [{"kind": kind} for kind in kinds],
            "params": {"maxIter": 2, **params}}


def swapped(forest):
    """The forest with the names of features 0 and 1 exchanged."""
    other = copy.deepcopy(forest)
    for tree in other["trees"]:
        for node in tree:
            if node["left"] >= 0:
                node["feature"] = 1 - node["feature"]
    return other


class WalkTest(unittest.TestCase):
    def test_a_forest_is_like_itself(self):
        for position in (0, 16, 17, 22, 40):
            case = gbt_cases.make_case(position, 7)
            forest = TOOL.train(case)
            walk = walked(case, forest, copy.deepcopy(forest))
            self.assertEqual((walk.differences, walk.ties), ([], []))
            self.assertEqual(walk.num_nodes, sum(map(len, forest["trees"])))

    def test_another_number_in_a_node_is_a_difference(self):
        case = gbt_cases.make_case(0, 7)
        forest = TOOL.train(case)
        for field, change in (("prediction", 1e-7), ("gain", 1e-6), ("impurity", 1e-6)):
            other = copy.deepcopy(forest)
            other["trees"][1][0][field] += change
            self.assertIn(field, walked(case, other, forest).differences[0])
        other = copy.deepcopy(forest)
        other["trees"][1][0]["num_rows"] += 1
        self.assertIn("number of rows", walked(case, other, forest).differences[0])

    def test_another_number_of_trees_is_a_difference(self):
        case = gbt_cases.make_case(0, 7)
        forest = TOOL.train(case)
        fewer = {**forest, "weights": forest["weights"][:-1], "trees": forest["trees"][:-1]}
        self.assertIn("weights", walked(case, fewer, forest).differences[0])

    def test_a_worse_split_is_a_difference(self):
        # The gain is 4 at 2.5, and 4 - 3/4 * 32/9 = 4/3 at 1.5.
        case = case_of([0.0, 0.0, 4.0, 4.0], [[1.0], [2.0], [3.0], [4.0]], ["numeric"], maxDepth=1, maxIter=1)
        forest = TOOL.train(case)
        self.assertEqual(forest["trees"][0][0]["split"], [2.5])
        other = copy.deepcopy(forest)
        other["trees"][0][0]["split"] = [1.5]
        self.assertIn("gains", walked(case, other, forest).differences[0])

    def test_candidates_that_separate_the_same_rows_tie(self):
        # Feature 1 is feature 0 negated: left and right change places.
        case = case_of([0.0, 0.0, 4.0, 5.5], [[1.0, -1.0], [2.0, -2.0], [3.0, -3.0], [4.0, -4.0]], ["numeric"] * 2, maxDepth=2)
        forest = TOOL.train(case)
        mirrored = [[row[1], row[0]] for row in case["features"]]
        other = swapped(TOOL.train({**case, "features": mirrored}))
        walk = walked(case, other, forest)
        self.assertEqual(walk.differences, [])
        self.assertEqual({tie.kind for tie in walk.ties}, {"same rows"})
        self.assertEqual(walk.ties[0].rows, 4)

    def test_equal_gains_tie_and_the_walk_goes_on_below(self):
        # Either feature explains half of 0, 1, 1, 2: gain 1/4 for both.
        case = case_of([0.0, 1.0, 1.0, 2.0], [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["binary"] * 2, maxDepth=2)
        forest = TOOL.train(case)
        other = swapped(TOOL.train({**case, "features": [[row[1], row[0]] for row in case["features"]]}))
        self.assertEqual((other["trees"][0][0]["feature"], forest["trees"][0][0]["feature"]), (1, 0))
        walk = walked(case, other, forest)
        self.assertEqual(walk.differences, [])
        self.assertEqual([(tie.kind, tie.node, tie.gain) for tie in walk.ties if tie.tree == 0], [("equal gain", 0, 0.25)])
        # Both parts below the root and the second tree.
        self.assertEqual(walk.num_replayed, 3)
        self.assertEqual(walk.num_nodes, sum(map(len, forest["trees"])))
        self.assertEqual(list(predict(forest["trees"], forest["weights"], walk.rows.features, walk.leaf_values)), [0.0, 1.0, 1.0, 2.0])

    def test_a_split_that_gains_something_is_no_tie_with_a_leaf(self):
        case = case_of([0.0, 0.0, 4.0, 4.0], [[1.0], [2.0], [3.0], [4.0]], ["numeric"], maxDepth=1, maxIter=1)
        forest = TOOL.train(case)
        leaf = TOOL.train({**case, "params": {**case["params"], "minInfoGain": 5.0}})
        leaf["trees"][0][0]["impurity"] = forest["trees"][0][0]["impurity"]
        self.assertIn("split 'a leaf'", walked(case, leaf, forest).differences[0])


if __name__ == "__main__":
    TOOL = Tool(sys.argv.pop(1))
    result = unittest.main(exit=False).result
    TOOL.close()
    sys.exit(not result.wasSuccessful())
