#include "metric/metric.h"

#include <cmath>
#include <limits>

#include "base/error.h"

namespace firesteel {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double Only(std::span<const double> aggregates) { return aggregates[0]; }
double Root(std::span<const double> aggregates) { return std::sqrt(aggregates[0]); }
// Of the squared error and the variance of the label.
double Explained(std::span<const double> aggregates) {
  return aggregates[1] > 0.0 ? 1.0 - aggregates[0] / aggregates[1] : kNaN;
}

}  // namespace

std::span<const Metric> RegressionMetricTable() {
  using enum RowTerm;
  using enum Aggregate::Kind;
  static const std::vector<Metric> metrics = {
      {"mean_absolute_error", "The mean of |prediction - label|.", {{kMean, kAbsoluteError}}, Only},
      {"mean_squared_error", "The mean of (prediction - label)².", {{kMean, kSquaredError}}, Only},
      {"root_mean_squared_error",
       "The root of the mean squared error, in the unit of the label.",
       {{kMean, kSquaredError}},
       Root},
      {"r2",
       "The share of the label's variance that is explained: 1 is perfect, 0 is no better than the "
       "mean of these labels.",
       {{kMean, kSquaredError}, {kVariance, kLabel}},
       Explained},
      {"median_absolute_error",
       "Half of the rows have an error of at most this.",
       {{kQuantile, kAbsoluteError, 0.5}},
       Only},
      {"absolute_error_90_percent",
       "Nine tenths of the rows have an error of at most this.",
       {{kQuantile, kAbsoluteError, 0.9}},
       Only},
      {"share_within_one",
       "The share of rows with an error of at most one unit of the label.",
       {{kMean, kIsWithinOne}},
       Only},
  };
  return metrics;
}

void ErrorAccumulator::Add(double label, double prediction, std::int64_t count) {
  const double error = prediction - label;
  num_rows_ += count;
  sum_label_.Add(label, count);
  sum_squared_label_.Add(label * label, count);
  sum_absolute_error_.Add(std::fabs(error), count);
  sum_squared_error_.Add(error * error, count);
  absolute_errors_.Add(std::fabs(error), count);
  if (std::fabs(error) <= 1.0) num_within_one_ += count;
}

double ErrorAccumulator::Value(const Aggregate& aggregate) const {
  if (num_rows_ == 0) return kNaN;
  if (aggregate.kind == Aggregate::Kind::kQuantile) {
    if (aggregate.term == RowTerm::kAbsoluteError) {
      return absolute_errors_.Quantile(aggregate.probability);
    }
  } else {
    const double n = static_cast<double>(num_rows_);
    const bool is_mean = aggregate.kind == Aggregate::Kind::kMean;
    if (is_mean && aggregate.term == RowTerm::kAbsoluteError)
      return sum_absolute_error_.Result() / n;
    if (is_mean && aggregate.term == RowTerm::kSquaredError) return sum_squared_error_.Result() / n;
    if (is_mean && aggregate.term == RowTerm::kIsWithinOne) {
      const bool has_nan = std::isnan(sum_absolute_error_.Result());
      return has_nan ? kNaN : static_cast<double>(num_within_one_) / n;
    }
    if (aggregate.term == RowTerm::kLabel) {
      const double mean = sum_label_.Result() / n;
      return is_mean ? mean : sum_squared_label_.Result() / n - mean * mean;
    }
  }
  throw Error(ErrorKind::kInternal, "metrics: an aggregate that is not gathered");
}

double ErrorAccumulator::Value(const Metric& metric) const {
  std::vector<double> values;
  for (const Aggregate& aggregate : metric.aggregates) values.push_back(Value(aggregate));
  return metric.finish(values);
}

}  // namespace firesteel
