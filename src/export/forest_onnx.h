#pragma once

#include <string>
#include <string_view>

#include "export/exported_forest.h"

namespace firesteel {

/// The forest as the bytes of an ONNX model: input "features", shape (N, d), output "prediction",
/// shape (N, 1), both of doubles, or of 32 bits if the model sums those. The trees are one
/// TreeEnsemble (ai.onnx.ml 5), since the older TreeEnsembleRegressor has no thresholds of 64 bits.
/// In front of it, categorical features that are no whole number become -1, which is in no set:
/// runtimes keep small sets as bits and would cut fractions off. Where the model's features,
/// kind and label are called what, the metadata says.
/// Source: onnx.proto of IR version 10. Throws Error(kUnsupported) for a feature that is tested
/// both by threshold and as a category.
std::string ForestToOnnx(const ExportedForest& forest);

/// Reads the trees, base and link back; of features no more than their number. Throws
/// Error(kInvalidArgument) for bytes that ForestToOnnx did not write.
ExportedForest ForestFromOnnx(std::string_view bytes);

}  // namespace firesteel
