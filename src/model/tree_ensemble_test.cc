#include "model/tree_ensemble.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"

namespace firesteel {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TreeNode LeafNode(double prediction) {
  TreeNode node;
  node.prediction = prediction;
  return node;
}

TreeNode ContinuousSplit(std::int32_t feature, double threshold, std::int32_t left,
                         std::int32_t right) {
  TreeNode node;
  node.feature = feature;
  node.threshold = threshold;
  node.left = left;
  node.right = right;
  return node;
}

TreeNode CategoricalSplit(std::int32_t feature, std::int32_t arity,
                          std::vector<std::int32_t> left_categories) {
  TreeNode node;
  node.feature = feature;
  node.arity = arity;
  node.left_categories = std::move(left_categories);
  node.left = 1;
  node.right = 2;
  return node;
}

// One split with leaves 1 (left) and 2 (right).
double PredictOne(const TreeNode& root, double value) {
  const TreeEnsemble model({Tree{{root, LeafNode(1), LeafNode(2)}}}, {1.0}, 1);
  double out = 0.0;
  model.Predict(MatrixView<const double>(&value, 1, 1), std::span(&out, 1));
  // The tree alone must agree with the packed form that the ensemble predicts with.
  EXPECT_EQ(model.trees()[0].nodes[model.trees()[0].Leaf(std::span(&value, 1))].prediction, out);
  return out;
}

std::string MessageOf(const std::vector<Tree>& trees, const std::vector<double>& weights) {
  try {
    TreeEnsemble model(trees, weights, 2);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    return error.what();
  }
  return "no error";
}

TEST(TreeEnsemble, ThresholdBelongsToTheLeft) {
  const TreeNode root = ContinuousSplit(0, 2.5, 1, 2);
  EXPECT_EQ(PredictOne(root, 2.5), 1.0);
  EXPECT_EQ(PredictOne(root, std::nextafter(2.5, 3.0)), 2.0);
}

TEST(TreeEnsemble, NanGoesRightOfAThreshold) {
  EXPECT_EQ(PredictOne(ContinuousSplit(0, 2.5, 1, 2), kNan), 2.0);
}

TEST(TreeEnsemble, UnknownCategoryGoesRightIfTheLeftSideIsTheSmaller) {
  // Arity 5, half of it is 2, so a left set of 2 is still the one that is tested.
  const TreeNode root = CategoricalSplit(0, 5, {1, 3});
  EXPECT_EQ(PredictOne(root, 1), 1.0);
  EXPECT_EQ(PredictOne(root, 3), 1.0);
  EXPECT_EQ(PredictOne(root, 4), 2.0);
  for (const double unknown : {-1.0, 0.5, 5.0, 1e9, -1e300, kNan}) {
    EXPECT_EQ(PredictOne(root, unknown), 2.0) << unknown;
  }
}

TEST(TreeEnsemble, UnknownCategoryGoesLeftIfTheRightSideIsTheSmaller) {
  // Source: spec I.2: arity 3, left {0, 1}; 3, -1, 0.5, 1e9 and NaN go left.
  const TreeNode root = CategoricalSplit(0, 3, {0, 1});
  EXPECT_EQ(PredictOne(root, 0), 1.0);
  EXPECT_EQ(PredictOne(root, 1), 1.0);
  EXPECT_EQ(PredictOne(root, 2), 2.0);
  for (const double unknown : {3.0, -1.0, 0.5, 1e9, kNan}) {
    EXPECT_EQ(PredictOne(root, unknown), 1.0) << unknown;
  }
}

TEST(TreeEnsemble, MinusZeroIsCategoryZero) {
  EXPECT_EQ(PredictOne(CategoricalSplit(0, 3, {0}), -0.0), 1.0);
}

TEST(TreeEnsemble, AddsWeightedLeavesInTheOrderOfTheTrees) {
  // ((0 + 1e16) + 1) - 1e16 loses the 1; any other order would keep it.
  const TreeEnsemble model({Tree{{LeafNode(1e16)}}, Tree{{LeafNode(2.0)}}, Tree{{LeafNode(-1e16)}}},
                           {1.0, 0.5, 1.0}, 0);
  double out = 7.0;
  model.Predict(MatrixView<const double>(nullptr, 1, 0), std::span(&out, 1));
  EXPECT_EQ(out, 0.0);
}

TEST(TreeEnsemble, PredictsEveryRowOfSeveralBlocks) {
  const Tree deep{{ContinuousSplit(1, 50.5, 1, 4), ContinuousSplit(0, 20.5, 2, 3), LeafNode(1),
                   LeafNode(2), LeafNode(3)}};
  const TreeEnsemble model({deep, deep}, {1.0, 0.1}, 2);
  std::vector<double> rows;
  for (int i = 0; i < 200; ++i) {
    rows.push_back(i % 40);
    rows.push_back(i);
  }
  std::vector<double> out(200);
  model.Predict(MatrixView<const double>(rows.data(), 200, 2), out);
  for (int i = 0; i < 200; ++i) {
    const double leaf = i > 50 ? 3.0 : i % 40 <= 20 ? 1.0 : 2.0;
    EXPECT_EQ(out[static_cast<std::size_t>(i)], leaf + leaf * 0.1) << i;
  }
}

TEST(TreeEnsemble, RefusesWrongShapesBeforeWriting) {
  const TreeEnsemble model({Tree{{LeafNode(1)}}}, {1.0}, 2);
  const std::vector<double> rows = {1, 2, 3};
  std::vector<double> out = {9};
  EXPECT_THROW(model.Predict(MatrixView<const double>(rows.data(), 1, 3), out), Error);
  EXPECT_THROW(model.Predict(MatrixView<const double>(rows.data(), 0, 2), out), Error);
  EXPECT_EQ(out[0], 9.0);
}

TEST(TreeEnsemble, RefusesForestsThatCannotBeWalked) {
  const TreeNode leaf = LeafNode(0);
  EXPECT_EQ(MessageOf({}, {}), "tree ensemble: there is no tree; at least one is needed");
  EXPECT_EQ(MessageOf({Tree{{leaf}}}, {1.0, 0.1}),
            "tree ensemble: 1 trees but 2 weights; each tree needs one");
  EXPECT_EQ(MessageOf({Tree{}}, {1.0}),
            "tree ensemble: tree 0 has no node; a tree has at least a leaf");
  EXPECT_EQ(MessageOf({Tree{{ContinuousSplit(0, 1, 0, 2), leaf, leaf}}}, {1.0}),
            "tree ensemble: tree 0, node 0: child 0 must be a later node of the tree's 3");
  EXPECT_EQ(MessageOf({Tree{{ContinuousSplit(0, 1, 1, 3), leaf, leaf}}}, {1.0}),
            "tree ensemble: tree 0, node 0: child 3 must be a later node of the tree's 3");
  EXPECT_EQ(MessageOf({Tree{{ContinuousSplit(2, 1, 1, 2), leaf, leaf}}}, {1.0}),
            "tree ensemble: tree 0, node 0: it splits on feature 2, but a row has 2 features");
  EXPECT_EQ(MessageOf({Tree{{CategoricalSplit(0, 2, {2}), leaf, leaf}}}, {1.0}),
            "tree ensemble: tree 0, node 0: category 2 is not in ascending order or not below the "
            "arity 2");
}

}  // namespace
}  // namespace firesteel
