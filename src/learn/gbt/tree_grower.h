#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "learn/binned_cells.h"
#include "learn/gbt/split_search.h"
#include "model/tree_ensemble.h"

namespace firesteel {

struct TreeOptions {
  int max_depth = 5;
  SplitLimits limits = {};
  /// Features that a node tries; below the number of all, they are drawn at random.
  std::size_t features_per_node = 0;
  std::size_t max_memory_bytes = 0;  // Decides which nodes draw together (spec A.12).
  std::size_t possible_bins = 0;     // The smaller of maxBins and the number of rows.
};

/// Grows variance trees, one after another, on the same cells. A tree depends on no thread: a bin's
/// sum always runs over the groups in their order.
/// Source: Spark's GBTRegressor 4.3.0, spec A.8 to A.12. Differs: sums run over groups of cells
/// where Spark's run over rows; sums of whole numbers are the same, others may round differently.
class TreeGrower {
 public:
  /// All three outlive the grower.
  TreeGrower(const BinnedCells& cells, const std::vector<FeatureBins>& features,
             const TreeOptions& options, ThreadPool& pool);

  /// Says what a group amounts to under the targets of the next tree.
  /// Threads: any number at once, for different groups.
  void SetGroup(std::size_t group, const Stats& stats);
  /// Every group was set. `exact` promises that sums and differences of them are free of rounding.
  /// `seed` is of the draws.
  Tree Grow(bool exact, std::int64_t seed);

  /// What the last tree predicts for each group that it was grown on.
  std::span<const double> leaf_predictions() const { return leaf_predictions_; }
  /// What the last tree predicts for the bins of some row.
  double Predict(std::span<const std::uint16_t> bins) const;

 private:
  // A node of the tree that grows; children come after parents.
  struct Node {
    Stats stats;
    double impurity = 0.0;
    int depth = 0;
    std::size_t begin = 0;  // Its groups: order_[begin, end).
    std::size_t end = 0;
    std::int32_t left = -1;  // Positions in nodes_; -1 for a leaf.
    std::int32_t right = -1;
    std::int32_t sibling = -1;
    std::int32_t parent_slot = -1;  // Of its parent in the histograms of the level above.
    std::int32_t slot = -1;         // In the histograms of this level.
    Split split;

    std::size_t num_groups() const { return end - begin; }
  };
  using Positions = std::vector<std::int32_t>;
  // The features that a node tries, in the order in which they are tried.
  using FeatureList = std::vector<std::size_t>;

  bool draws_features() const { return options_.features_per_node < features_.size(); }
  std::byte* record(std::size_t group) const { return first_record_ + group * record_bytes_; }
  Stats group_stats(std::size_t group) const;
  void GrowByLevel();
  void GrowWithSubsets(std::int64_t seed);
  // Finds the split of each node; `lists` has the features of each, or is empty: all of them.
  // Returns whether the histograms of all of them are kept in histograms_.
  bool FindSplits(const Positions& positions, std::span<const FeatureList> lists);
  void FindSplitsOfSome(std::span<const std::int32_t> positions,
                        std::span<const FeatureList> lists);
  void FillHistograms(std::span<const std::int32_t> positions, std::span<const FeatureList> lists);
  void AddRows(const Node& node, std::span<const std::size_t> features, Stats* histogram) const;
  void FindSplit(Node& node, const FeatureList& list, SplitSearch& search) const;
  // Divides each node that is worth it and returns the children to be searched, in order.
  Positions DivideNodes(const Positions& positions);
  std::int32_t AddChild(std::int32_t parent, const Stats& stats);
  std::size_t Partition(const Node& node);
  bool GoesLeft(const Split& split, std::uint16_t bin) const;
  void RecordLeafPredictions();
  // Appends the node and all below it in preorder, pruned, and returns its position.
  std::int32_t Emit(std::int32_t position, Tree& tree) const;
  void ForSome(std::size_t num_tasks, std::size_t work,
               const std::function<void(std::size_t)>& task);

  const BinnedCells& cells_;
  const std::vector<FeatureBins>& features_;
  TreeOptions options_;
  ThreadPool& pool_;
  FeatureList all_features_;
  std::vector<std::size_t> first_bin_;  // Of each feature in a histogram.
  std::size_t num_bins_ = 0;            // Of all features.

  // Per group its statistics and then its bins, so that both come with one cache line.
  std::vector<std::byte> records_;
  std::size_t record_bytes_ = 0;
  std::byte* first_record_ = nullptr;  // The first place in records_ that a cache line begins at.
  bool exact_ = false;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> order_;  // Groups, so that those of a node are adjacent, ascending.
  std::vector<std::uint32_t> right_groups_;  // Of use while a node is divided.
  std::vector<Stats> histograms_;            // One after another, by slot.
  std::vector<Stats> parent_histograms_;     // Of the level above; empty if they are not kept.
  std::vector<double> leaf_predictions_;
};

}  // namespace firesteel
