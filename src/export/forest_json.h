#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "export/exported_forest.h"
#include "sparkml/model_verification.h"

namespace firesteel {

/// The forest as JSON that docs/format/exported_json.md describes, with rows to try a reader with.
nlohmann::ordered_json ForestToJson(const ExportedForest& forest, const VerificationRows& rows);

/// Reads what decides predictions back: of a feature no more than its name, and no cut of 32 bits.
/// Throws Error(kInvalidArgument) for text that is no such file.
ExportedForest ForestFromJson(std::string_view text);

}  // namespace firesteel
