#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/order_free_sum.h"
#include "metric/quantile_counter.h"

namespace firesteel {

/// What a metric sees of a row that has a label and a prediction.
enum class RowTerm { kLabel, kAbsoluteError, kSquaredError, kIsWithinOne };

/// An aggregate of a term over rows. An engine that can't stream its rows may compute it itself:
/// all databases have these.
struct Aggregate {
  enum class Kind {
    kMean,
    kVariance,  // Of the population.
    kQuantile,  // With interpolation, as QuantileCounter has it.
  };

  Kind kind = Kind::kMean;
  RowTerm term = RowTerm::kAbsoluteError;
  double probability = 0.0;  // kQuantile only.
};

/// A metric: aggregates, and what is made of them.
struct Metric {
  std::string_view name;      // Key in evaluation.json.
  std::string_view sentence;  // For docs and help.
  std::vector<Aggregate> aggregates;
  double (*finish)(std::span<const double> aggregates);
};

/// All metrics of a regression, in the order in which they are shown. NaN where one has no meaning:
/// without rows, with a prediction that is NaN, R² of labels that are all the same.
std::span<const Metric> RegressionMetricTable();

/// Gathers the errors of rows and judges them. The results depend on the multiset of rows alone.
class ErrorAccumulator {
 public:
  /// Adds `count` equal rows.
  void Add(double label, double prediction, std::int64_t count);
  std::int64_t num_rows() const { return num_rows_; }
  double Value(const Aggregate& aggregate) const;
  double Value(const Metric& metric) const;
  /// Whether quantiles are exact; beyond 65,536 distinct errors they are at most 0.05 % off.
  bool has_exact_quantiles() const { return absolute_errors_.is_exact(); }

 private:
  std::int64_t num_rows_ = 0;
  OrderFreeSum sum_label_, sum_squared_label_, sum_absolute_error_, sum_squared_error_;
  std::int64_t num_within_one_ = 0;
  QuantileCounter absolute_errors_;
};

}  // namespace firesteel
