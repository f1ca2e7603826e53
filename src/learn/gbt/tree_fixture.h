#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "learn/memory_source.h"
#include "model/tree_ensemble.h"

namespace firesteel {

// What tests of tree trainers share: rows, attributes, nodes as they must be.

struct Row {
  double label;
  std::vector<double> features;
};

inline Attribute Continuous() { return {}; }

inline Attribute Nominal(std::int32_t arity) {
  Attribute attribute;
  attribute.kind = Attribute::Kind::kNominal;
  attribute.num_values = arity;
  return attribute;
}

inline Attribute Binary() {
  Attribute attribute;
  attribute.kind = Attribute::Kind::kBinary;
  return attribute;
}

inline MemoryRows ToMemory(const std::vector<Row>& rows, std::vector<Attribute> attributes) {
  MemoryRows memory = {.attributes = std::move(attributes), .features = {}, .labels = {}};
  for (const Row& row : rows) {
    memory.labels.push_back(row.label);
    memory.features.insert(memory.features.end(), row.features.begin(), row.features.end());
  }
  return memory;
}

inline std::vector<double> PredictAll(const TreeEnsemble& model, const std::vector<Row>& rows) {
  const MemoryRows memory = ToMemory(rows, {});
  std::vector<double> out(rows.size());
  model.Predict({memory.features.data(), rows.size(), model.num_features()}, out);
  return out;
}

inline void ExpectNode(const TreeNode& node, double prediction, double impurity,
                       std::array<double, 3> stats, double gain) {
  EXPECT_EQ(node.prediction, prediction);
  EXPECT_EQ(node.impurity, impurity);
  EXPECT_EQ(node.stats, stats);
  EXPECT_EQ(node.num_rows, static_cast<std::int64_t>(stats[0]));
  EXPECT_EQ(node.gain, gain);
}

inline void ExpectLeaf(const TreeNode& node, double prediction, double impurity,
                       std::array<double, 3> stats) {
  ExpectNode(node, prediction, impurity, stats, -1.0);
  EXPECT_TRUE(node.is_leaf());
  EXPECT_EQ(node.feature, -1);
}

/// Worked examples of spec I.2 that both trainers are held to, each with the rows and the nodes of
/// its one tree: labels that are equal but for rounding, features Continuous(), maxDepth 1.
inline std::vector<Row> EqualRows() { return {{0.1, {1}}, {0.1, {2}}, {0.1, {3}}}; }

inline void ExpectASplitByRounding(const std::vector<TreeNode>& nodes) {
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_EQ(nodes[0].prediction, 0.10000000000000002);
  EXPECT_EQ(nodes[0].impurity, -1.1564823173178713e-18);
  EXPECT_EQ(nodes[0].gain, 5.782411586589358e-19);
  EXPECT_EQ(nodes[0].threshold, 2.5);
  EXPECT_EQ(nodes[1].prediction, 0.1);
  EXPECT_EQ(nodes[1].impurity, 0.0);
  EXPECT_EQ(nodes[2].prediction, 0.10000000000000003);
  EXPECT_EQ(nodes[2].impurity, -5.204170427930421e-18);
}

/// Leaves that predict the same are pruned: features Continuous() twice, maxDepth 3.
inline std::vector<Row> PrunableRows() {
  return {{1, {0, 0}}, {3, {0, 1}}, {2, {1, 0}}, {2, {1, 0}}, {9, {0, 0}}, {9, {0, 1}}};
}

inline void ExpectThePrunedTree(const std::vector<TreeNode>& nodes) {
  ASSERT_EQ(nodes.size(), 5u);
  EXPECT_EQ(nodes[0].feature, 0);
  EXPECT_EQ(nodes[0].threshold, 0.5);
  EXPECT_EQ(nodes[0].gain, 2.7222222222222214);
  EXPECT_EQ(nodes[1].feature, 1);
  EXPECT_EQ(nodes[1].gain, 0.25);
  EXPECT_EQ(nodes[2].prediction, 5.0);
  EXPECT_EQ(nodes[2].impurity, -1.0);
  EXPECT_EQ(nodes[3].prediction, 6.0);
  EXPECT_EQ(nodes[3].impurity, -1.0);
  EXPECT_TRUE(nodes[4].is_leaf());
  EXPECT_EQ(nodes[4].prediction, 2.0);
}

/// The rows of spec I.3, whose features are Nominal(3) and Continuous().
inline std::vector<Row> EightRows() {
  return {{3, {0, 1}}, {5, {1, 2}}, {4, {0, 3}}, {9, {2, 4}},
          {8, {2, 1}}, {6, {1, 4}}, {1, {0, 0}}, {7, {1, 5}}};
}

/// What Spark 4.3.0 makes of EightRows() with two trees, depth 2 and a step size of 0.1: spec I.3,
/// G1.
inline void ExpectTheTwoTrees(const TreeEnsemble& model) {
  using ::testing::ElementsAre;
  EXPECT_THAT(model.weights(), ElementsAre(1.0, 0.1));

  const auto& first = model.trees()[0].nodes;
  ASSERT_EQ(first.size(), 7u);
  ExpectNode(first[0], 5.375, 6.234375, {8, 43, 281}, 4.401041666666666);
  EXPECT_EQ(first[0].feature, 0);
  EXPECT_THAT(first[0].left_categories, ElementsAre(0));
  ExpectNode(first[1], 2.6666666666666665, 1.555555555555556, {3, 8, 26}, 1.3888888888888893);
  EXPECT_EQ(first[1].feature, 1);
  EXPECT_EQ(first[1].threshold, 0.5);
  ExpectLeaf(first[2], 1.0, 0.0, {1, 1, 1});
  ExpectLeaf(first[3], 3.5, 0.25, {2, 7, 25});
  ExpectNode(first[4], 7.0, 2.0, {5, 35, 255}, 1.5);
  EXPECT_THAT(first[4].left_categories, ElementsAre(1));
  ExpectLeaf(first[5], 6.0, 0.6666666666666666, {3, 18, 110});
  ExpectLeaf(first[6], 8.5, 0.25, {2, 17, 145});

  const auto& second = model.trees()[1].nodes;
  ASSERT_EQ(second.size(), 7u);
  ExpectNode(second[0], 0.0, 1.5, {8, 0, 12}, 1.0);
  EXPECT_EQ(second[0].threshold, 2.5);
  ExpectNode(second[1], -1.0, 0.5, {4, -4, 6}, 0.3333333333333333);
  EXPECT_THAT(second[1].left_categories, ElementsAre(1));
  ExpectLeaf(second[2], -2.0, 0.0, {1, -2, 4});
  ExpectLeaf(second[3], -0.6666666666666666, 0.22222222222222224, {3, -2, 2});
  ExpectNode(second[4], 1.0, 0.5, {4, 4, 6}, 0.3333333333333333);
  EXPECT_EQ(second[4].threshold, 4.5);
  ExpectLeaf(second[5], 0.6666666666666666, 0.22222222222222224, {3, 2, 2});
  ExpectLeaf(second[6], 2.0, 0.0, {1, 2, 4});

  EXPECT_THAT(PredictAll(model, EightRows()),
              ElementsAre(3.433333333333333, 5.8, 3.566666666666667, 8.566666666666666,
                          8.433333333333334, 6.066666666666666, 0.9333333333333333, 6.2));
}

}  // namespace firesteel
