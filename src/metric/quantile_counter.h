#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace firesteel {

/// Quantiles of many values in bounded memory: exact up to 65,536 distinct values, beyond from
/// buckets so narrow that a value is at most 0.05 % off. What comes out depends on the multiset of
/// values alone.
class QuantileCounter {
 public:
  /// Adds `value` as often as `count` says.
  void Add(double value, std::int64_t count);
  /// The value at (n - 1) * probability in the sorted order of all n, between two neighbours on the
  /// line through both, as NumPy's quantile and Spark's percentile have it. NaN without any value
  /// or if one was NaN. `probability` lies in [0, 1].
  double Quantile(double probability) const;
  bool is_exact() const;

 private:
  struct Counted {
    double value;
    std::int64_t count;
  };

  static bool IsLess(const Counted& left, const Counted& right) { return left.value < right.value; }

  // Sorts and adds up equal values; turns to buckets if there are too many.
  void Compact() const;
  // All values with their counts, sorted; those of buckets are their middles.
  std::vector<Counted> Sorted() const;

  mutable std::vector<Counted> values_;  // The first `num_sorted_` are sorted and distinct.
  mutable std::size_t num_sorted_ = 0;
  mutable bool is_exact_ = true;                                     // If not, `buckets_` has all.
  mutable std::unordered_map<std::uint64_t, std::int64_t> buckets_;  // Bits of the middle -> count.
  std::int64_t num_values_ = 0;
  bool has_nan_ = false;
};

}  // namespace firesteel
