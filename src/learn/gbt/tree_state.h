#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "learn/training_state.h"
#include "model/tree_ensemble.h"
#include "table/cells.h"

namespace firesteel {

/// Writes a grown tree with all bits of its nodes.
void AddTree(const Tree& tree, StateWriter* writer);

/// Reads a tree that AddTree wrote; its shape is not looked at. Whether it could be read tells the
/// reader's is_good().
Tree ReadTree(StateReader* reader);

/// A grown tree, asked by bins instead of values.
class TreeOnBins {
 public:
  /// Nothing unless the tree could have been grown on these bins: children follow parents, features
  /// exist, thresholds and categories are theirs.
  static std::optional<TreeOnBins> Make(const Tree& tree, std::span<const FeatureBins> features);

  /// The prediction of the leaf that a row with such bins reaches.
  double Predict(std::span<const std::uint16_t> bins) const;

 private:
  struct Node {
    double prediction = 0.0;
    std::int32_t left = -1;  // -1 for a leaf.
    std::int32_t right = -1;
    std::size_t feature = 0;
    std::size_t last_left_bin = 0;
    const std::vector<std::int32_t>* left_categories = nullptr;  // Of the tree; null: continuous.
  };

  std::vector<Node> nodes_;
};

}  // namespace firesteel
