#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "learn/learner.h"
#include "model/tree_ensemble.h"

namespace firesteel {

/// The parameters of Spark's GBTRegressor that the plain trainer knows, with Spark's defaults and
/// ranges (spec A.1).
struct GbtParameters {
  int max_iter = 20;  // Trees in all.
  int max_depth = 5;
  int max_bins = 32;
  int min_instances_per_node = 1;
  double min_info_gain = 0.0;
  double step_size = 0.1;
};

/// Candidate thresholds of a continuous feature, ascending (spec A.5). At most max_bins - 1.
std::vector<double> FindThresholds(std::span<const double> values, std::size_t max_bins);

/// Trains gradient-boosted trees on rows, on one thread, squared loss: short and obvious, and
/// therefore what a faster trainer is compared with. Sums run in row order, so it gives the trees
/// Spark gives for one partition with the same order. Source: Spark's GBTRegressor 4.3.0, spec A.2
/// to A.14. Differs: thresholds always come from all rows (A.6 samples above max(maxBins², 10,000)
/// rows). Throws Error(kInvalidArgument): no row, no feature, a nominal feature without its number
/// of values, more categories than bins, a category value out of range.
TreeEnsemble TrainGbtPlain(const TrainingData& data, const GbtParameters& parameters);

}  // namespace firesteel
