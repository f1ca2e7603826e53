#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "learn/gbt/gbt_parameters.h"
#include "learn/memory_source.h"
#include "model/tree_ensemble.h"

namespace firesteel {

/// Candidate thresholds of a continuous feature, ascending (spec A.5). At most max_bins - 1. A
/// weight per value.
std::vector<double> FindThresholdsPlainly(std::span<const double> values,
                                          std::span<const double> weights, std::size_t max_bins);

/// Trains gradient-boosted trees row by row, on one thread: short and obvious, and therefore what
/// the trainer of learn/gbt is compared with. Sums run in row order, so it gives the trees that
/// Spark gives for one partition with the same order, bit for bit. Rows are not held out, and
/// nothing is drawn at random, whatever `rows` and `parameters` say.
/// Source: Spark's GBTRegressor 4.3.0, spec A.2 to A.14. Differs: thresholds always come from all
/// rows (A.6 samples above max(maxBins², 10,000) rows). Throws Error(kInvalidArgument): no row, no
/// feature, a nominal feature without its number of values, more categories than bins, a category
/// value out of range.
TreeEnsemble TrainGbtPlain(const MemoryRows& rows, const GbtParameters& parameters);

}  // namespace firesteel
