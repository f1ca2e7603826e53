#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sparkml/model_directory.h"

namespace firesteel {

/// What firesteel.json keeps of a model beside Spark's files (docs/format/spark_ml.md, "Model").
inline constexpr const char* kModelDescriptionFile = "firesteel.json";

nlohmann::ordered_json DescriptionToJson(const SavedModel& model);

/// Takes attributes, label and facts from the text of a firesteel.json that belongs to `model`.
/// Throws Error(kInvalidArgument) for what does not fit the model or is no such file,
/// Error(kUnsupported) for a later version.
void ApplyDescription(const std::string& text, SavedModel* model);

/// One feature: {"name", "type": "numeric" | "nominal" | "binary", "values", "num_values"}.
nlohmann::ordered_json AttributeToJson(const Attribute& attribute);

}  // namespace firesteel
