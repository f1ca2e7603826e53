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
/// the row's. A set of leaves is a word, one a tree, so a row costs one AND of a few vectors per
/// feature; features of few bins are looked up together.
/// `Word` has as many bits as a tree may have leaves, `Sum` is what leaves are added up in.
///
/// Source: Lucchese et al., "QuickScorer: A Fast Algorithm to Rank Documents with Additive
/// Ensembles of Regression Trees", SIGIR 2015. Differs: masks are tabulated by bin, not merged
/// split by split. Threads: const members may run on any number of threads at once.
template <typename Word, typename Sum>
class LeafMasksOf {
 public:
  /// Nothing for a forest that this does not suit: a tree of more leaves than a word has bits, a
  /// feature that is split both by threshold and by category, or tables that would not stay in the
  /// cache.
  static std::optional<LeafMasksOf> Make(std::span<const Tree> trees,
                                         std::span<const double> weights, Sum start = 0);

  /// `start` and, in order, weight times leaf of each tree, added up for each row: the same bits as
  /// walking gives. Shapes are right.
  void Predict(MatrixView<const double> rows, std::span<double> out) const;

 private:
  // How one feature's values become bins.
  struct Feature {
    std::size_t column = 0;
    std::int32_t arity = -1;  // -1: by threshold. Else bins are categories, then unknown.
    std::vector<double> thresholds = {};  // Ascending; bin i holds the values above i of them.
    bool has_nan_bin = false;             // By threshold: a last bin for NaN.
    std::uint32_t stride = 1;             // What a bin adds to the row of its table.
    std::size_t num_bins() const {
      if (arity >= 0) return static_cast<std::size_t>(arity) + 1;
      return thresholds.size() + (has_nan_bin ? 2 : 1);
    }
  };
  // Features that are looked up together, and the words of each combination of their bins.
  struct Table {
    std::vector<Feature> features;
    std::vector<Word> words;  // Shape (combinations, num_words_).
  };

  // A split as its feature sees it.
  struct Split {
    const TreeNode* node;
    std::size_t tree;
    Word left_leaves;
  };

  LeafMasksOf() = default;

  static std::optional<Feature> MakeFeature(std::size_t column, std::span<const Split> splits);
  static bool GoesLeft(const Feature& feature, const TreeNode& node, std::size_t bin);
  // The words of each bin of a feature, shape (bins, num_words_).
  std::vector<Word> Tabulate(const Feature& feature, std::span<const Split> splits) const;
  // Puts a feature's words into the last table if both are small, else into one of its own.
  void AddTable(Feature feature, std::vector<Word> words);

  std::size_t num_trees_ = 0;
  std::size_t num_words_ = 0;  // Trees, filled up to whole vectors.
  std::vector<Table> tables_;
  std::vector<Sum> leaves_;  // Shape (num_trees_, bits): weight times leaf, from left to right.
  Sum start_ = 0;
};

}  // namespace firesteel
