#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/tree_ensemble.h"
#include "table/matrix_view.h"

namespace firesteel {

/// Predicts with a forest of small trees without walking them. Each feature's values fall into bins
/// between the thresholds that the forest has for it. A bin rules out leaves in every tree: those
/// on the left of each split that it fails. What is left after all features, the leftmost leaf, is
/// the row's. The sets of leaves are 32 bits, one word a tree, so a row costs one AND of a few
/// vectors per feature; features of few bins are looked up together.
///
/// Source: Lucchese et al., "QuickScorer: A Fast Algorithm to Rank Documents with Additive
/// Ensembles of Regression Trees", SIGIR 2015. Differs: masks are tabulated by bin, not merged
/// split by split. Threads: const members may run on any number of threads at once.
class LeafMasks {
 public:
  /// Nothing for a forest that this does not suit: a tree of more than 32 leaves, a feature that is
  /// split both by threshold and by category, or tables that would not stay in the cache.
  static std::optional<LeafMasks> Make(std::span<const Tree> trees,
                                       std::span<const double> weights);

  /// The sum over trees, in order, of weight times leaf, for each row: the same bits as walking
  /// gives. Shapes are right.
  void Predict(MatrixView<const double> rows, std::span<double> out) const;

 private:
  // How one feature's values become bins.
  struct Feature {
    std::size_t column = 0;
    std::int32_t arity = -1;  // -1: by threshold. Else bins are categories, then unknown.
    std::vector<double> thresholds = {};  // Ascending; bin i holds the values above i of them.
    std::uint32_t stride = 1;             // What a bin adds to the row of its table.
    std::size_t num_bins() const {
      return arity >= 0 ? static_cast<std::size_t>(arity) + 1 : thresholds.size() + 1;
    }
  };
  // Features that are looked up together, and the words of each combination of their bins.
  struct Table {
    std::vector<Feature> features;
    std::vector<std::uint32_t> words;  // Shape (combinations, num_words_).
  };

  // A split as its feature sees it.
  struct Split {
    const TreeNode* node;
    std::size_t tree;
    std::uint32_t left_leaves;
  };

  LeafMasks() = default;

  static std::optional<Feature> MakeFeature(std::size_t column, std::span<const Split> splits);
  static bool GoesLeft(const Feature& feature, const TreeNode& node, std::size_t bin);
  // The words of each bin of a feature, shape (bins, num_words_).
  std::vector<std::uint32_t> Tabulate(const Feature& feature, std::span<const Split> splits) const;
  // Puts a feature's words into the last table if both are small, else into one of its own.
  void AddTable(Feature feature, std::vector<std::uint32_t> words);

  std::size_t num_trees_ = 0;
  std::size_t num_words_ = 0;  // Trees, filled up to whole vectors.
  std::vector<Table> tables_;
  std::vector<double> leaves_;  // Shape (num_trees_, 32): weight times leaf, from left to right.
};

}  // namespace firesteel
