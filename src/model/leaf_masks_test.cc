#include "model/leaf_masks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"

namespace firesteel {
namespace {

constexpr std::size_t kNumFeatures = 9;  // 0 to 4 by threshold, 5 to 8 by category.
constexpr std::int32_t kArities[] = {2, 3, 5, 8};

// Grows a tree whose splits, thresholds and leaves are drawn; few thresholds, so that some repeat.
std::int32_t Grow(SplitMix64* random, int depth, Tree* tree) {
  const auto position = static_cast<std::int32_t>(tree->nodes.size());
  tree->nodes.emplace_back();
  TreeNode node;
  node.prediction = random->NextDouble() - 0.5;
  if (depth > 0 && random->NextBelow(8) > 0) {
    node.feature = static_cast<std::int32_t>(random->NextBelow(kNumFeatures));
    if (node.feature < 5) {
      node.threshold = static_cast<double>(random->NextBelow(12)) / 4 - 1;
    } else {
      node.arity = kArities[node.feature - 5];
      for (std::int32_t category = 0; category < node.arity; ++category) {
        if (random->NextBelow(2) == 0) node.left_categories.push_back(category);
      }
    }
    node.left = Grow(random, depth - 1, tree);
    node.right = Grow(random, depth - 1, tree);
  }
  tree->nodes[static_cast<std::size_t>(position)] = node;
  return position;
}

double DrawValue(SplitMix64* random) {
  switch (random->NextBelow(10)) {
    case 0:
      return std::numeric_limits<double>::quiet_NaN();
    case 1:
      return std::numeric_limits<double>::infinity();
    case 2:
      return -0.0;
    case 3:
      return 0.3;
    default:  // Thresholds themselves, categories, and beyond both.
      return static_cast<double>(random->NextBelow(24)) / 4 - 2 +
             static_cast<double>(random->NextBelow(4));
  }
}

double Walk(const std::vector<Tree>& trees, const std::vector<double>& weights,
            std::span<const double> row) {
  double sum = 0.0;
  for (std::size_t t = 0; t < trees.size(); ++t) {
    sum += trees[t].nodes[trees[t].Leaf(row)].prediction * weights[t];
  }
  return sum;
}

TEST(LeafMasks, GivesTheBitsOfAWalkForDrawnForests) {
  SplitMix64 random(3);
  for (const std::size_t num_trees : {1, 15, 16, 33, 70}) {
    std::vector<Tree> trees(num_trees);
    std::vector<double> weights;
    for (Tree& tree : trees) {
      Grow(&random, static_cast<int>(random.NextBelow(6)), &tree);
      weights.push_back(random.NextDouble());
    }
    const std::optional<LeafMasks> masks = LeafMasks::Make(trees, weights);
    ASSERT_TRUE(masks.has_value());
    constexpr std::size_t kNumRows = 131;  // Whole blocks, whole lanes, and rows beyond.
    std::vector<double> values(kNumRows * kNumFeatures);
    for (double& value : values) value = DrawValue(&random);
    const MatrixView<const double> rows(values.data(), kNumRows, kNumFeatures);
    std::vector<double> out(kNumRows, 9.0);
    masks->Predict(rows, out);
    for (std::size_t row = 0; row < kNumRows; ++row) {
      EXPECT_EQ(out[row], Walk(trees, weights, rows.row(row)))
          << num_trees << " trees, row " << row;
    }
  }
}

TreeNode Split(std::int32_t feature, std::int32_t left, std::int32_t right) {
  TreeNode node;
  node.feature = feature;
  node.left = left;
  node.right = right;
  return node;
}

TEST(LeafMasks, TakesThirtyTwoLeavesAndNoMore) {
  // A chain to the right: split i has the leaf 2i + 1 on its left.
  const auto chain = [](int num_splits) {
    Tree tree;
    for (int i = 0; i < num_splits; ++i) {
      TreeNode split = Split(0, 2 * i + 1, 2 * i + 2);
      split.threshold = i;
      TreeNode leaf;
      leaf.prediction = i;
      tree.nodes.push_back(split);
      tree.nodes.push_back(leaf);
    }
    tree.nodes.emplace_back().prediction = num_splits;
    return tree;
  };
  const std::vector<double> weight = {1.0};
  const std::vector<Tree> whole = {chain(31)};
  const std::optional<LeafMasks> masks = LeafMasks::Make(whole, weight);
  ASSERT_TRUE(masks.has_value());
  const std::vector<double> values = {-5, 0, 0.5, 30, 31};
  std::vector<double> out(5);
  masks->Predict(MatrixView<const double>(values.data(), 5, 1), out);
  EXPECT_EQ(out, (std::vector<double>{0, 0, 1, 30, 31}));
  const std::vector<Tree> too_long = {chain(32)};
  EXPECT_FALSE(LeafMasks::Make(too_long, weight).has_value());
}

TEST(LeafMasks, LeavesWhatItCannotTabulateToTheWalk) {
  TreeNode by_category = Split(0, 1, 2);
  by_category.arity = 3;
  by_category.left_categories = {1};
  const TreeNode leaf;
  const std::vector<double> weights = {1.0, 1.0};
  const std::vector<Tree> mixed = {Tree{{Split(0, 1, 2), leaf, leaf}},
                                   Tree{{by_category, leaf, leaf}}};
  EXPECT_FALSE(LeafMasks::Make(mixed, weights).has_value());
  TreeNode no_number = Split(0, 1, 2);
  no_number.threshold = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Tree> odd = {Tree{{no_number, leaf, leaf}}, Tree{{leaf}}};
  EXPECT_FALSE(LeafMasks::Make(odd, weights).has_value());
  TreeNode huge = Split(0, 1, 2);
  huge.arity = 1 << 20;
  huge.left_categories = {1};
  const std::vector<Tree> wide = {Tree{{huge, leaf, leaf}}, Tree{{leaf}}};
  EXPECT_FALSE(LeafMasks::Make(wide, weights).has_value());
}

}  // namespace
}  // namespace firesteel
