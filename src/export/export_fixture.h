#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "model/tree_ensemble.h"
#include "sparkml/model_directory.h"

/// Models for the tests of this folder.
namespace firesteel {

inline TreeNode TestLeaf(double prediction) {
  TreeNode node;
  node.prediction = prediction;
  return node;
}

inline TreeNode TestSplit(std::int32_t feature, double threshold, std::int32_t left,
                          std::int32_t right) {
  TreeNode node;
  node.feature = feature;
  node.threshold = threshold;
  node.left = left;
  node.right = right;
  return node;
}

inline TreeNode TestCategories(std::int32_t feature, std::int32_t arity,
                               std::vector<std::int32_t> left_categories, std::int32_t left,
                               std::int32_t right) {
  TreeNode node = TestSplit(feature, 0.0, left, right);
  node.arity = arity;
  node.left_categories = std::move(left_categories);
  return node;
}

inline Attribute TestFeature(std::string name, std::int32_t num_values = 0) {
  Attribute attribute;
  attribute.name = std::move(name);
  if (num_values > 0) {
    attribute.kind = Attribute::Kind::kNominal;
    attribute.num_values = num_values;
  }
  return attribute;
}

inline SavedModel TestModel(std::vector<Tree> trees, std::vector<double> weights,
                            std::vector<Attribute> features) {
  const std::size_t d = features.size();
  SavedModel saved{.kind = "gbt", .model = nullptr};
  saved.uid = "GBTRegressor_0123456789ab";
  saved.attributes = std::move(features);
  saved.model = std::make_shared<TreeEnsemble>(std::move(trees), std::move(weights), d);
  return saved;
}

/// Features "distance" and "weight"; leaves 1, 2 and 4, and 8 and 16 of weight 0.25.
inline SavedModel SmallModel() {
  return TestModel({Tree{{TestSplit(0, 2.5, 1, 2), TestLeaf(1.0), TestSplit(1, -0.1, 3, 4),
                          TestLeaf(2.0), TestLeaf(4.0)}},
                    Tree{{TestSplit(1, 7.0, 1, 2), TestLeaf(8.0), TestLeaf(16.0)}}},
                   {1.0, 0.25}, {TestFeature("distance"), TestFeature("weight")});
}

/// One split of "carrier", of five categories; leaves 1 (left) and 2 (right).
inline SavedModel CategoricalModel(std::vector<std::int32_t> left_categories) {
  return TestModel({Tree{{TestCategories(0, 5, std::move(left_categories), 1, 2), TestLeaf(1.0),
                          TestLeaf(2.0)}}},
                   {1.0}, {TestFeature("carrier", 5)});
}

/// Appends a subtree that is drawn: complete to `depth` levels, or, if it is deeper than six, a
/// chain of splits.
inline std::int32_t AddDrawnNodes(SplitMix64* random, int depth, bool is_chain, Tree* tree) {
  const auto position = static_cast<std::int32_t>(tree->nodes.size());
  if (depth == 0) {
    tree->nodes.push_back(TestLeaf(random->NextDouble() - 0.3));
    return position;
  }
  if (random->NextBelow(3) == 0) {
    std::vector<std::int32_t> left;
    for (std::int32_t category = 0; category < 40; ++category) {
      if (random->NextBelow(2) == 0) left.push_back(category);
    }
    tree->nodes.push_back(TestCategories(2, 40, std::move(left), 0, 0));
  } else {
    const auto feature = static_cast<std::int32_t>(random->NextBelow(2));
    tree->nodes.push_back(TestSplit(feature, random->NextDouble() * 10.0 - 5.0, 0, 0));
  }
  const bool left_ends = is_chain && random->NextBelow(2) == 0;
  const std::int32_t left = AddDrawnNodes(random, left_ends ? 0 : depth - 1, is_chain, tree);
  const bool right_ends = is_chain && !left_ends;
  const std::int32_t right = AddDrawnNodes(random, right_ends ? 0 : depth - 1, is_chain, tree);
  TreeNode& node = tree->nodes[static_cast<std::size_t>(position)];
  node.left = left;
  node.right = right;
  return position;
}

/// Features "a b", "c\"d`e" and "kind", of 40 categories.
inline SavedModel DrawnModel(std::size_t num_trees, int depth) {
  SplitMix64 random(num_trees);
  std::vector<Tree> trees(num_trees);
  std::vector<double> weights;
  for (Tree& tree : trees) {
    constexpr int kDeepestComplete = 6;
    AddDrawnNodes(&random, depth, depth > kDeepestComplete, &tree);
    weights.push_back(weights.empty() ? 1.0 : 0.1);
  }
  return TestModel(std::move(trees), std::move(weights),
                   {TestFeature("a b"), TestFeature("c\"d`e"), TestFeature("kind", 40)});
}

}  // namespace firesteel
