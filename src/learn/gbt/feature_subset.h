#pragma once

#include <cstddef>
#include <string>

namespace firesteel {

/// Whether Spark takes `text` for a featureSubsetStrategy and can train with it: one of auto, all,
/// onethird, sqrt, log2 in lower case, a whole number from 1, or a share above 0 up to 1.
/// Source: spec A.12.
bool IsFeatureSubsetStrategy(const std::string& text);

/// How many of `num_features` features (at least 1) a node tries. "1" means one, "1.0" all.
std::size_t FeatureSubsetSize(const std::string& strategy, std::size_t num_features);

}  // namespace firesteel
