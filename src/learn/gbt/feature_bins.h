#pragma once

#include <cstddef>
#include <vector>

#include "learn/training_source.h"

namespace firesteel {

/// Decides how each feature falls into bins, and with it what is categorical: what the attributes
/// say, never the values. There are no more bins than rows. Source: spec A.3 to A.5.
/// Throws Error(kInvalidArgument), naming the feature: nominal without its number of categories,
/// more categories than bins, no feature at all; Error(kUnsupported) for more bins than cells can
/// have.
std::vector<FeatureBins> ChooseBins(TrainingSource& source, int max_bins);

/// The bins that Spark reserves for a feature; `possible_bins` is the smaller of maxBins and the
/// number of rows. A feature of one category gets all it can, of which one is ever used.
std::size_t ReservedBins(const FeatureBins& bins, std::size_t possible_bins);

}  // namespace firesteel
