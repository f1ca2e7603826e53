#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "learn/gbt/stats.h"
#include "table/cells.h"

namespace firesteel {

/// The gain of a split that may not be made: worse than any that may.
inline constexpr double kInvalidGain = std::numeric_limits<double>::lowest();

/// What a split must have.
struct SplitLimits {
  double min_rows = 1.0;    // On each side.
  double min_weight = 0.0;  // On each side.
  double min_gain = 0.0;
};

/// How a node is divided in two.
struct Split {
  double gain = kInvalidGain;
  std::size_t feature = 0;
  std::size_t last_left_bin = 0;              // Continuous: bins up to this one go left.
  std::vector<std::int32_t> left_categories;  // Categorical: ascending.
  Stats left;
  Stats right;

  bool is_valid() const { return gain > kInvalidGain; }
};

/// Finds the best split of a node, one feature after another; the first of the best stays.
/// Source: spec A.8 and A.9.
class SplitSearch {
 public:
  explicit SplitSearch(const SplitLimits& limits) : limits_(limits) {}

  /// What the two sides of the first candidate add up to: the statistics of a root.
  Stats NodeStats(const FeatureBins& feature, std::span<const Stats> bins);

  /// Looks at all splits of one feature, of two bins at least, and puts the best into `best` if its
  /// gain is greater than that of what is there. `bins` has the statistics of each bin.
  void Improve(std::size_t feature, const FeatureBins& feature_bins, std::span<const Stats> bins,
               double node_impurity, Split& best);

 private:
  // Fills order_ (of categories) and totals_.
  void AddUp(const FeatureBins& feature, std::span<const Stats> bins);
  double Gain(double impurity, const Stats& left, const Stats& right) const;

  SplitLimits limits_;
  std::vector<std::int32_t> order_;
  std::vector<double> keys_;
  std::vector<Stats> totals_;  // totals_[i]: of the first i + 1 bins in order.
};

}  // namespace firesteel
