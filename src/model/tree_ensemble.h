#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/regressor.h"

namespace firesteel {

/// One node of a regression tree, with all that Spark ML stores of it (spec D.5).
struct TreeNode {
  double prediction = 0.0;
  double impurity = 0.0;
  std::array<double, 3> stats = {};  // Count, sum and sum of squares of the targets.
  std::int64_t num_rows = 0;
  double gain = -1.0;      // -1 for a leaf.
  std::int32_t left = -1;  // Positions in Tree::nodes; -1 for a leaf.
  std::int32_t right = -1;
  std::int32_t feature = -1;   // -1 for a leaf.
  std::int32_t arity = -1;     // Categories of a categorical split; -1: continuous.
  double threshold = 0.0;      // Continuous: left if value <= threshold, so NaN goes right,
  bool nan_goes_left = false;  // but for this; Spark's never does.
  std::vector<std::int32_t> left_categories;  // Categorical: ascending.

  bool is_leaf() const { return left < 0; }
};

/// Nodes in preorder: root first, then the whole left subtree.
struct Tree {
  std::vector<TreeNode> nodes;

  /// The position of the leaf that a row reaches. Source: spec A.15 (unknown categories included).
  std::size_t Leaf(std::span<const double> row) const;
};

template <typename Word, typename Sum>
class LeafMasksOf;
/// For forests of Spark's.
using LeafMasks = LeafMasksOf<std::uint32_t, double>;

/// Gradient-boosted trees: sum over trees of weight times leaf.
/// Source: Spark's GBTRegressionModel; spec A.15. Differs: the sum runs over the trees in order,
/// without the lanes of a BLAS, so the last digit may be another than Spark's on a given machine.
class TreeEnsemble : public Regressor {
 public:
  /// Throws Error(kInvalidArgument), naming tree and node, if shapes disagree, a child does not
  /// come after its parent, a child, feature or category is out of range, or there is no tree.
  TreeEnsemble(std::vector<Tree> trees, std::vector<double> weights, std::size_t num_features);

  const std::vector<Tree>& trees() const { return trees_; }
  const std::vector<double>& weights() const { return weights_; }

  std::size_t num_features() const override { return num_features_; }
  void Predict(MatrixView<const double> rows, std::span<double> out) const override;

 private:
  // What prediction needs of a node, small enough that a forest stays in the cache.
  struct Step {
    double value = 0.0;         // Threshold, or the leaf's prediction.
    std::int32_t feature = -1;  // -1 for a leaf.
    std::int32_t left = -1;     // Positions in steps_.
    std::int32_t right = -1;
    std::int32_t arity = -1;     // -1: continuous; -2: that, and NaN goes left.
    std::size_t categories = 0;  // Where goes_left_ holds the split's arity + 1 answers.
  };

  double LeafValue(std::size_t root, std::span<const double> row) const;

  std::vector<Tree> trees_;
  std::vector<double> weights_;
  std::size_t num_features_;
  std::shared_ptr<const LeafMasks> masks_;  // The fast way; null for trees it does not suit.
  std::vector<Step> steps_;                 // All trees, one after another.
  std::vector<std::size_t> roots_;          // Position of each tree's root in steps_.
  std::vector<std::uint8_t>
      goes_left_;  // Per categorical split: category by category, then unknown.
};

}  // namespace firesteel
