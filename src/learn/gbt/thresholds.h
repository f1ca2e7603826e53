#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "table/cells.h"

namespace firesteel {

/// The candidate thresholds of a continuous feature, ascending, max_bins - 1 at most: midpoints of
/// neighbouring values, all of them where they are few, else those nearest to equal shares of the
/// weight. `values` is sorted by value. Zeros weigh what the other values leave of the total, as in
/// Spark.
/// Source: spec A.5 with f = 1. Differs: Spark takes a sample of more than max(maxBins², 10,000)
/// rows (A.6), which depends on seed and partitions; all rows give steadier thresholds.
std::vector<double> FindThresholds(std::span<const WeightedValue> values, std::size_t max_bins);

}  // namespace firesteel
