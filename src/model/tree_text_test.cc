#include "model/tree_text.h"

#include <gtest/gtest.h>

#include "model/feature_importances.h"

namespace firesteel {
namespace {

TreeNode Leaf(double prediction, std::int64_t rows) {
  TreeNode node;
  node.prediction = prediction;
  node.num_rows = rows;
  node.stats = {static_cast<double>(rows), 0.0, 0.0};
  return node;
}

TreeNode Split(std::int32_t feature, double gain, std::int64_t rows, std::int32_t left,
               std::int32_t right) {
  TreeNode node = Leaf(14.4321, rows);
  node.feature = feature;
  node.gain = gain;
  node.left = left;
  node.right = right;
  return node;
}

// On days, then on colour.
Tree Sample() {
  TreeNode root = Split(0, 0.5, 9005, 1, 4);
  root.threshold = 12.5;
  TreeNode colour = Split(1, 1.0, 4000, 2, 3);
  colour.arity = 3;
  colour.left_categories = {0, 2};
  return {{root, colour, Leaf(1.0 / 3.0, 3999), Leaf(2.0, 1), Leaf(20.0, 5005)}};
}

Attribute Numeric(const std::string& name) {
  Attribute attribute;
  attribute.name = name;
  return attribute;
}

Attribute Nominal(const std::string& name, std::vector<std::string> values) {
  Attribute attribute = Numeric(name);
  attribute.kind = Attribute::Kind::kNominal;
  attribute.values = std::move(values);
  return attribute;
}

const std::vector<Attribute> kFeatures = {Numeric("days"),
                                          Nominal("colour", {"red", "green", "blue"})};

TEST(TreeText, SaysEachNodeInWords) {
  EXPECT_EQ(TreeToText(Sample(), kFeatures),
            "if days <= 12.5: (9,005 rows, mean 14.4321, gain 0.5)\n"
            "  if colour in {red, blue}: (4,000 rows, mean 14.4321, gain 1)\n"
            "    predict 0.333333 (3,999 rows)\n"
            "  else:\n"
            "    predict 2 (1 row)\n"
            "else:\n"
            "  predict 20 (5,005 rows)\n");
}

TEST(TreeText, CategoriesWithoutLabelsAreNumbers) {
  EXPECT_EQ(SplitToText(Sample().nodes[1], {}), "f1 in {0, 2}");
}

TEST(TreeText, AThresholdIsWrittenWhole) {
  TreeNode node = Split(0, 1.0, 2, 1, 2);
  node.threshold = 0.1 + 0.2;
  EXPECT_EQ(SplitToText(node, kFeatures), "days <= 0.30000000000000004");
}

TEST(FeatureImportances, AreGainTimesRowsOverTheTotal) {
  // days: 0.5 * 9005 = 4502.5 in the first tree; colour: 1.0 * 4000. The second tree's lone leaf
  // adds nothing, and the weights of the trees do not matter.
  const TreeEnsemble ensemble({Sample(), Tree{{Leaf(1.0, 3)}}}, {1.0, 0.1}, 3);
  const std::vector<double> importances = FeatureImportances(ensemble);
  ASSERT_EQ(importances.size(), 3u);
  EXPECT_DOUBLE_EQ(importances[0], 4502.5 / 8502.5);
  EXPECT_DOUBLE_EQ(importances[1], 4000.0 / 8502.5);
  EXPECT_EQ(importances[2], 0.0);
}

TEST(FeatureImportances, OfLeavesAloneAreZero) {
  const TreeEnsemble ensemble({Tree{{Leaf(1.0, 3)}}}, {1.0}, 2);
  EXPECT_EQ(FeatureImportances(ensemble), std::vector<double>(2, 0.0));
}

TEST(FeatureImportances, SizesCountNodesLeavesAndLevels) {
  const ForestSize size = SizeOf(TreeEnsemble({Sample(), Tree{{Leaf(1.0, 3)}}}, {1.0, 0.1}, 3));
  EXPECT_EQ(size.num_trees, 2u);
  EXPECT_EQ(size.num_nodes, 6u);
  EXPECT_EQ(size.num_leaves, 4u);
  EXPECT_EQ(size.max_depth, 2);
}

}  // namespace
}  // namespace firesteel
