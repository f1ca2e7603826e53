#include "learn/xgboost/float_bins.h"

#include "model/xgboost_file.h"

namespace firesteel {
namespace {

struct FloatValue {
  float value;
  double weight;
};

std::vector<FloatValue> Round(std::span<const WeightedValue> values) {
  std::vector<FloatValue> rounded;
  for (const WeightedValue& value : values) {
    const auto number = static_cast<float>(value.value);
    const double weight = value.weight * static_cast<double>(value.count);
    if (!rounded.empty() && rounded.back().value == number) {
      rounded.back().weight += weight;
    } else {
      rounded.push_back({number, weight});
    }
  }
  return rounded;
}

}  // namespace

FloatBins MakeFloatBins(std::span<const WeightedValue> values, std::size_t max_bins) {
  const std::vector<FloatValue> rounded = Round(values);
  FloatBins made;
  made.is_exact = rounded.size() <= max_bins;
  double weight_left = 0.0;
  for (const FloatValue& value : rounded) weight_left += value.weight;
  double weight_here = 0.0;
  for (const FloatValue& value : rounded) {
    const std::size_t bins_left = max_bins - made.representatives.size();  // After this one.
    // The bin ends before this value if that comes nearer to its share of what is left.
    const double share = (weight_left + weight_here) / static_cast<double>(bins_left + 1);
    const bool is_full = bins_left > 0 && weight_here + value.weight / 2.0 > share;
    if (made.representatives.empty() || made.is_exact || is_full) {
      if (!made.representatives.empty()) {
        made.bins.thresholds.push_back(LargestBelow(value.value));
      }
      made.representatives.push_back(value.value);
      weight_here = 0.0;
    }
    weight_here += value.weight;
    weight_left -= value.weight;
  }
  return made;
}

}  // namespace firesteel
