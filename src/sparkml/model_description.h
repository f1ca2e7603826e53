#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "sparkml/model_directory.h"
#include "storage/location.h"

namespace firesteel {

/// What firesteel.json keeps of a model beside its files (docs/format/spark_ml.md,
/// "firesteel.json").
inline constexpr const char* kModelDescriptionFile = "firesteel.json";

/// `files`: the hashes of the model's files. `seed`: the rows to verify it with are drawn from it.
nlohmann::ordered_json DescriptionToJson(const SavedModel& model,
                                         const std::map<std::string, std::string>& files,
                                         std::string_view seed);

/// Reads the firesteel.json of the model at `location`; nothing if it has none. Throws, naming the
/// file, Error(kInvalidArgument) for what is no such file, Error(kUnsupported) for another version.
std::optional<nlohmann::ordered_json> ReadDescription(const Location& location);

/// The text of the workflow in a description; empty if it has none. Throws Error(kInvalidArgument)
/// for what is no text.
std::string WorkflowTextOf(const nlohmann::ordered_json& description);

/// Takes from a description what the model's own files do not tell, and checks that it is the model
/// that was described: `files` are the hashes of those found, and it must predict as it did.
/// Throws Error(kInvalidArgument) for what does not fit the model.
void ApplyDescription(const nlohmann::ordered_json& description,
                      const std::map<std::string, std::string>& files, SavedModel* model);

/// One feature: {"name", "type": "numeric" | "nominal" | "binary", "values", "num_values"}.
nlohmann::ordered_json AttributeToJson(const Attribute& attribute);

}  // namespace firesteel
