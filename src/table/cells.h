#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace firesteel {

/// How the values of one feature fall into bins.
struct FeatureBins {
  /// Present: categorical; the bin is the value truncated to a whole number, 0 to arity - 1.
  std::optional<std::int32_t> arity = {};
  /// Continuous: ascending; bin i holds thresholds[i - 1] < value <= thresholds[i].
  std::vector<double> thresholds = {};

  std::size_t num_bins() const {
    return arity ? static_cast<std::size_t>(*arity) : thresholds.size() + 1;
  }
  /// The bin of a value. Not NaN; a category is in range: 0 <= value < arity.
  std::uint16_t BinOf(double value) const {
    if (arity) return static_cast<std::uint16_t>(value);
    return static_cast<std::uint16_t>(
        std::lower_bound(thresholds.begin(), thresholds.end(), value) - thresholds.begin());
  }
};

/// The most bins that a feature can have in Cells.
inline constexpr std::size_t kMaxCellBins = 65536;

/// One value of a feature together with the row weight it occurs with.
struct WeightedValue {
  double value = 0.0;  // NaN stands for null too; -0.0 is 0.0.
  double weight = 1.0;
  std::int64_t count = 0;  // Rows.

  bool operator==(const WeightedValue&) const = default;
};

/// Rows that share the bins of all features, the label and the weight, counted: all that a tree
/// learner sees of its rows. Cell c has the bins at bins[c * num_features ...]. Cells are sorted by
/// bins, then label, then weight, and no two are equal, so they depend on the multiset of rows
/// alone.
struct Cells {
  std::size_t num_features = 0;      // d
  std::vector<std::uint16_t> bins;   // Shape (n, d), row-major.
  std::vector<double> labels;        // Shape (n).
  std::vector<double> weights;       // Shape (n); 1 without a weight column.
  std::vector<std::int64_t> counts;  // Shape (n).

  std::size_t size() const { return labels.size(); }
};

}  // namespace firesteel
