#pragma once

#include <cstdint>

namespace firesteel {

/// Sums doubles, and their squares, with twice their precision, so that the mean and the standard
/// deviation of a column are right to the last digits whatever the size and order of its values.
/// NaN and infinities give what plain sums give.
///
/// Source: Dekker, "A floating-point technique for extending the available precision", 1971.
class ExactSum {
 public:
  void Add(double value);

  std::int64_t count() const { return count_; }
  /// NaN if nothing was added.
  double Mean() const;
  /// The sample's standard deviation (n - 1); 0 for fewer than two values or equal ones.
  double StandardDeviation() const;

 private:
  struct Pair {
    double high = 0.0;
    double low = 0.0;

    void Add(double value);
  };

  std::int64_t count_ = 0;
  double plain_ = 0.0;
  double min_ = 0.0;
  double max_ = 0.0;
  Pair sum_;
  Pair squares_;
};

}  // namespace firesteel
