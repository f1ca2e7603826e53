#include "learn/gbt/thresholds.h"

#include <cmath>
#include <limits>

namespace firesteel {
namespace {

// Calls visit(value, weight, rows) for each distinct value, ascending.
template <typename Visitor>
void ForEachValue(std::span<const WeightedValue> values, const Visitor& visit) {
  for (std::size_t i = 0; i < values.size();) {
    const double value = values[i].value;
    double weight = 0.0;
    double rows = 0.0;
    for (; i < values.size() && values[i].value == value; ++i) {
      const auto count = static_cast<double>(values[i].count);
      weight += values[i].weight * count;
      rows += count;
    }
    visit(value, weight, rows);
  }
}

// What the values of a feature amount to.
struct Totals {
  double weight = 0.0;
  double weight_of_zeros = 0.0;  // 0: there are none.
  std::size_t num_values = 0;
};

Totals AddUp(std::span<const WeightedValue> values) {
  Totals totals;
  double weight_without_zeros = 0.0;
  double rows_without_zeros = 0.0;
  ForEachValue(values, [&](double value, double weight, double rows) {
    totals.weight += weight;
    if (value == 0.0) return;
    weight_without_zeros += weight;
    rows_without_zeros += rows;
    ++totals.num_values;
  });
  // Zeros are not counted: they are what is missing from the total, if that is more than rounding.
  const double missing = totals.weight - weight_without_zeros;
  const double tolerance = std::numeric_limits<double>::epsilon() * rows_without_zeros * 100.0;
  if (totals.num_values > 0 && missing > tolerance) {
    totals.weight_of_zeros = missing;
    ++totals.num_values;
  }
  return totals;
}

}  // namespace

std::vector<double> FindThresholds(std::span<const WeightedValue> values, std::size_t max_bins) {
  const Totals totals = AddUp(values);
  const bool takes_all = totals.num_values <= max_bins;
  // Each threshold is where the weight below comes nearest to the next multiple of stride.
  const double stride = totals.weight / static_cast<double>(max_bins);
  double target = stride;
  double below = 0.0;
  double previous = 0.0;
  bool is_first = true;
  std::vector<double> thresholds;
  const auto take = [&](double value, double weight) {
    const double before = below;
    below += weight;
    const bool is_nearest = std::fabs(before - target) < std::fabs(below - target);
    if (!is_first && (takes_all || is_nearest)) {
      thresholds.push_back((previous + value) / 2.0);
      target += stride;
    }
    previous = value;
    is_first = false;
  };
  bool zeros_to_come = totals.weight_of_zeros > 0.0;
  ForEachValue(values, [&](double value, double weight, double) {
    if (zeros_to_come && value >= 0.0) {
      take(0.0, totals.weight_of_zeros);
      zeros_to_come = false;
    }
    if (value != 0.0) take(value, weight);
  });
  return thresholds;
}

}  // namespace firesteel
