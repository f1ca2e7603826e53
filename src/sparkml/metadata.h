#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "storage/location.h"

namespace firesteel {

/// The Spark release whose files we write. Spark 3.5 and 4.x load them (a reader wants some release
/// of at least 3.0 here); tests/spark/stages_on_spark.py shows it.
inline constexpr std::string_view kSparkVersion = "4.3.0";

/// The metadata of a saved Spark ML stage or model: one line of JSON (spec D.1).
struct StageMetadata {
  std::string class_name;
  std::int64_t timestamp_ms = 0;
  std::string uid;
  nlohmann::ordered_json params = nlohmann::ordered_json::object();
  nlohmann::ordered_json default_params = nlohmann::ordered_json::object();
  nlohmann::ordered_json extra = nlohmann::ordered_json::object();  // Further keys of the class.
};

/// JSON as Spark writes it: doubles with a point or exponent as Java prints them, "NaN", "Inf" and
/// "-Inf" as text.
std::string ToSparkJson(const nlohmann::ordered_json& value);

/// The line of a metadata file, without the line end; parameters sorted by name, as Spark 4 does.
std::string MetadataToJson(const StageMetadata& metadata);

/// Reads the line of a metadata file. Throws Error(kInvalidArgument) saying which key is missing or
/// wrong, Error(kUnsupported) for a Spark before 3.0.
StageMetadata MetadataFromJson(std::string_view line);

/// Reads `stage`/metadata: the first line of its first file. Throws Error(kNotFound) if there is
/// none, and as MetadataFromJson does, naming the file.
StageMetadata ReadMetadata(const Location& stage);

/// Writes `directory`/metadata with its _SUCCESS. `directory` exists; `uuid` becomes part of the
/// file's name.
void WriteMetadata(const StageMetadata& metadata, const std::string& directory,
                   const std::string& uuid);

}  // namespace firesteel
