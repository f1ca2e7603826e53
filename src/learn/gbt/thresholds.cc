#include "learn/gbt/thresholds.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace firesteel {
namespace {

struct Weighed {
  double value = 0.0;
  double weight = 0.0;
};

}  // namespace

std::vector<double> FindThresholds(std::span<const WeightedValue> values, std::size_t max_bins) {
  std::vector<Weighed> distinct;  // Without zero.
  double total = 0.0;
  double total_without_zeros = 0.0;
  double rows_without_zeros = 0.0;
  for (std::size_t i = 0; i < values.size();) {
    Weighed entry = {.value = values[i].value};
    double rows = 0.0;
    for (; i < values.size() && values[i].value == entry.value; ++i) {
      const auto count = static_cast<double>(values[i].count);
      entry.weight += values[i].weight * count;
      rows += count;
    }
    total += entry.weight;
    if (entry.value == 0.0) continue;
    total_without_zeros += entry.weight;
    rows_without_zeros += rows;
    distinct.push_back(entry);
  }
  if (distinct.empty()) return {};
  const double tolerance = std::numeric_limits<double>::epsilon() * rows_without_zeros * 100.0;
  if (total - total_without_zeros > tolerance) {
    const auto place = std::find_if(distinct.begin(), distinct.end(),
                                    [](const Weighed& entry) { return entry.value > 0.0; });
    distinct.insert(place, {.value = 0.0, .weight = total - total_without_zeros});
  }

  std::vector<double> thresholds;
  const auto midpoint_before = [&](std::size_t i) {
    return (distinct[i - 1].value + distinct[i].value) / 2.0;
  };
  if (distinct.size() <= max_bins) {
    for (std::size_t i = 1; i < distinct.size(); ++i) thresholds.push_back(midpoint_before(i));
    return thresholds;
  }
  // Each threshold is where the weight below comes nearest to the next multiple of stride.
  const double stride = total / static_cast<double>(max_bins);
  double target = stride;
  double below = distinct[0].weight;
  for (std::size_t i = 1; i < distinct.size(); ++i) {
    const double before = below;
    below += distinct[i].weight;
    if (std::fabs(before - target) < std::fabs(below - target)) {
      thresholds.push_back(midpoint_before(i));
      target += stride;
    }
  }
  return thresholds;
}

}  // namespace firesteel
