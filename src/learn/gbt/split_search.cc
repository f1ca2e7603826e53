#include "learn/gbt/split_search.h"

#include <algorithm>
#include <numeric>

namespace firesteel {

void SplitSearch::AddUp(const FeatureBins& feature, std::span<const Stats> bins) {
  totals_.resize(bins.size());
  if (!feature.arity) {
    totals_[0] = bins[0];
    for (std::size_t i = 1; i < bins.size(); ++i) totals_[i] = bins[i] + totals_[i - 1];
    return;
  }
  // Categories by ascending mean, those without rows last.
  order_.resize(bins.size());
  keys_.resize(bins.size());
  std::iota(order_.begin(), order_.end(), 0);
  for (std::size_t bin = 0; bin < bins.size(); ++bin) {
    keys_[bin] = bins[bin].count == 0.0 ? std::numeric_limits<double>::max() : bins[bin].Mean();
  }
  const auto by_key = [this](std::int32_t a, std::int32_t b) {
    return keys_[static_cast<std::size_t>(a)] < keys_[static_cast<std::size_t>(b)];
  };
  if (bins.size() == 2) {
    if (keys_[1] < keys_[0]) std::swap(order_[0], order_[1]);
  } else {
    std::stable_sort(order_.begin(), order_.end(), by_key);
  }
  totals_[0] = bins[static_cast<std::size_t>(order_[0])];
  for (std::size_t i = 1; i < bins.size(); ++i) {
    totals_[i] = bins[static_cast<std::size_t>(order_[i])] + totals_[i - 1];
  }
}

double SplitSearch::Gain(double impurity, const Stats& left, const Stats& right) const {
  if (left.rows < limits_.min_rows || right.rows < limits_.min_rows) return kInvalidGain;
  if (left.count < limits_.min_weight || right.count < limits_.min_weight) return kInvalidGain;
  const double total = left.count + right.count;
  const double gain = (impurity - (left.count / total) * left.Impurity()) -
                      (right.count / total) * right.Impurity();
  return gain < limits_.min_gain ? kInvalidGain : gain;
}

Stats SplitSearch::NodeStats(const FeatureBins& feature, std::span<const Stats> bins) {
  AddUp(feature, bins);
  return totals_.front() + (totals_.back() - totals_.front());
}

void SplitSearch::Improve(std::size_t feature, const FeatureBins& feature_bins,
                          std::span<const Stats> bins, double node_impurity, Split& best) {
  AddUp(feature_bins, bins);
  const Stats& all = totals_.back();
  std::size_t best_candidate = bins.size();
  for (std::size_t i = 0; i + 1 < bins.size(); ++i) {
    const double gain = Gain(node_impurity, totals_[i], all - totals_[i]);
    if (gain > best.gain) {
      best.gain = gain;
      best_candidate = i;
    }
  }
  if (best_candidate == bins.size()) return;
  best.feature = feature;
  best.left = totals_[best_candidate];
  best.right = all - best.left;
  best.last_left_bin = best_candidate;
  best.left_categories.clear();
  if (feature_bins.arity) {
    best.left_categories.assign(order_.begin(),
                                order_.begin() + static_cast<std::ptrdiff_t>(best_candidate) + 1);
    std::sort(best.left_categories.begin(), best.left_categories.end());
  }
}

}  // namespace firesteel
