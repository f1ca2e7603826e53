#pragma once

#include <cstdint>
#include <span>

namespace firesteel {

struct RegressionMetrics {
  double mean_absolute_error = 0.0;
  double mean_squared_error = 0.0;
};

/// Gathers what Spark's RegressionMetrics gives for (label, prediction) pairs that were cast to
/// float32, as the reference does: order of Add calls matters in the last digit only. A NaN
/// anywhere makes the results NaN. Source: spec F.2.
class RegressionMetricsAccumulator {
 public:
  /// Both spans have the same length.
  void Add(std::span<const double> labels, std::span<const double> predictions);
  std::int64_t num_rows() const { return num_rows_; }
  /// Throws Error(kInvalidArgument) if no row was added.
  RegressionMetrics Result() const;

 private:
  std::int64_t num_rows_ = 0;
  double sum_absolute_ = 0.0;
  double sum_squared_ = 0.0;
};

/// Nearest integer, halves away from zero, never -0.0. Source: spec F.1 (Spark's `round`).
double RoundPrediction(double value);

}  // namespace firesteel
