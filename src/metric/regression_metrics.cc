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
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const double label = static_cast<float>(labels[row]);
    const double prediction = static_cast<float>(predictions[row]);
    const double error = prediction - label;
    sum_absolute_.Add(std::fabs(error));
    sum_squared_.Add(error * error);
  }
  num_rows_ += static_cast<std::int64_t>(labels.size());
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
