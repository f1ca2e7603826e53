#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "table/cells.h"

namespace firesteel {

/// The bins of one feature as XGBoost can tell them apart: it rounds values to 32 bits and asks
/// whether they are below a cut.
struct FloatBins {
  FeatureBins bins;                    // Continuous; each holds all values of its representative.
  std::vector<float> representatives;  // The smallest 32-bit value that was seen in each bin.
  bool is_exact = true;                // Each bin holds one 32-bit value.
};

/// A bin for every 32-bit value among `values` (sorted by value), or, if these are more than
/// `max_bins`, as many bins of about equal weight. Values are finite, also in 32 bits.
FloatBins MakeFloatBins(std::span<const WeightedValue> values, std::size_t max_bins);

}  // namespace firesteel
