#pragma once

#include "features/registry.h"

namespace firesteel {

/// StandardScaler: divides each slot of a vector by its sample standard deviation (withStd) after
/// taking off its mean (withMean; the result is dense then). A slot that does not vary becomes 0
/// under withStd. The attributes of the output are only its size.
///
/// Source: Spark ML's StandardScaler, 4.3.0; mean and deviation agree to 1e-12 relative.
StageKind StandardScalerKind();

}  // namespace firesteel
