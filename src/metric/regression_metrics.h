#pragma once

#include <cstdint>
#include <span>

#include "base/order_free_sum.h"

namespace firesteel {

struct RegressionMetrics {
  double mean_absolute_error = 0.0;
  double mean_squared_error = 0.0;
};

/// Gathers what Spark's RegressionMetrics gives for (label, prediction) pairs that were cast to
/// float32, as the reference does. A NaN anywhere makes the results NaN.
/// Source: spec F.2. Differs: Spark's sums depend on the order of rows in their last digit, these
/// do not.
class RegressionMetricsAccumulator {
 public:
  /// Both spans have the same length.
  void Add(std::span<const double> labels, std::span<const double> predictions);
  /// Adds `count` equal rows.
  void Add(double label, double prediction, std::int64_t count);
  std::int64_t num_rows() const { return num_rows_; }
  /// Throws Error(kInvalidArgument) if no row was added.
  RegressionMetrics Result() const;

 private:
  std::int64_t num_rows_ = 0;
  OrderFreeSum sum_absolute_;
  OrderFreeSum sum_squared_;
};

/// Nearest integer, halves away from zero, never -0.0. Source: spec F.1 (Spark's `round`).
double RoundPrediction(double value);

}  // namespace firesteel
