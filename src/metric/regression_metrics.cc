#include "metric/regression_metrics.h"

#include <cmath>
#include <cstddef>

#include "base/error.h"

namespace firesteel {

void RegressionMetricsAccumulator::Add(std::span<const double> labels,
                                       std::span<const double> predictions) {
  if (labels.size() != predictions.size()) {
    throw Error(ErrorKind::kInternal,
                "regression metrics: as many labels as predictions are needed");
  }
  for (std::size_t row = 0; row < labels.size(); ++row) Add(labels[row], predictions[row], 1);
}

void RegressionMetricsAccumulator::Add(double label, double prediction, std::int64_t count) {
  const double error =
      static_cast<double>(static_cast<float>(prediction)) - static_cast<float>(label);
  sum_absolute_.Add(std::fabs(error), count);
  sum_squared_.Add(error * error, count);
  num_rows_ += count;
}

RegressionMetrics RegressionMetricsAccumulator::Result() const {
  if (num_rows_ == 0) {
    throw Error(
        ErrorKind::kInvalidArgument,
        "regression metrics: there is no row to judge; check that the data set is not empty");
  }
  const double n = static_cast<double>(num_rows_);
  // Spark keeps the norm of the errors and squares it again, which moves the last digit.
  const double norm = std::sqrt(sum_squared_.Result());
  return {.mean_absolute_error = sum_absolute_.Result() / n, .mean_squared_error = norm * norm / n};
}

double RoundPrediction(double value) { return std::round(value) + 0.0; }

}  // namespace firesteel
