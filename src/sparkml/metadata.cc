#include "sparkml/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "sql/spark_text.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

std::string QuoteJson(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string DoubleToJson(double value) {
  if (std::isnan(value)) return R"("NaN")";
  if (std::isinf(value)) return value > 0 ? R"("Inf")" : R"("-Inf")";
  return sql::FormatDouble(value);
}

std::string SortedObject(const Json& object) {
  std::map<std::string, Json> sorted;
  for (const auto& [name, value] : object.items()) sorted[name] = value;
  std::string text = "{";
  for (const auto& [name, value] : sorted) {
    if (text.size() > 1) text += ',';
    text += QuoteJson(name) + ':' + ToSparkJson(value);
  }
  return text + '}';
}

const Json& Require(const Json& object, const char* key, bool (Json::*is_right)() const noexcept,
                    std::string_view type) {
  const auto found = object.find(key);
  if (found == object.end()) {
    throw Error(ErrorKind::kInvalidArgument, fmt::format("the key '{}' is missing", key));
  }
  if (!((*found).*is_right)()) {
    throw Error(ErrorKind::kInvalidArgument, fmt::format("the key '{}' must be {}", key, type));
  }
  return *found;
}

void CheckVersion(const std::string& version) {
  int major = 0;
  const char* end = version.data() + version.size();
  const auto [next, code] = std::from_chars(version.data(), end, major);
  if (code != std::errc() || next == end || *next != '.') {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("sparkVersion '{}' is not a version", version));
  }
  if (major < 3) {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("it was saved by Spark {}; load it in Spark 3 or 4 and save it again",
                            version));
  }
}

}  // namespace

std::string ToSparkJson(const Json& value) {
  if (value.is_number_float()) return DoubleToJson(value.get<double>());
  if (value.is_object()) {
    std::string text = "{";
    for (const auto& [name, item] : value.items()) {
      if (text.size() > 1) text += ',';
      text += QuoteJson(name) + ':' + ToSparkJson(item);
    }
    return text + '}';
  }
  if (value.is_array()) {
    std::string text = "[";
    for (const Json& item : value) {
      if (text.size() > 1) text += ',';
      text += ToSparkJson(item);
    }
    return text + ']';
  }
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string MetadataToJson(const StageMetadata& metadata) {
  std::string text = fmt::format(
      R"({{"class":{},"timestamp":{},"sparkVersion":"{}","uid":{},"paramMap":{},)"
      R"("defaultParamMap":{})",
      QuoteJson(metadata.class_name), metadata.timestamp_ms, kSparkVersion, QuoteJson(metadata.uid),
      SortedObject(metadata.params), SortedObject(metadata.default_params));
  for (const auto& [name, value] : metadata.extra.items()) {
    text += ',' + QuoteJson(name) + ':' + ToSparkJson(value);
  }
  return text + '}';
}

StageMetadata MetadataFromJson(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) {
    throw Error(ErrorKind::kInvalidArgument,
                "it must be one line that holds one JSON object (Spark ML's metadata)");
  }
  StageMetadata metadata;
  metadata.class_name = Require(json, "class", &Json::is_string, "text").get<std::string>();
  metadata.timestamp_ms =
      Require(json, "timestamp", &Json::is_number_integer, "a whole number").get<std::int64_t>();
  CheckVersion(Require(json, "sparkVersion", &Json::is_string, "text").get<std::string>());
  metadata.uid = Require(json, "uid", &Json::is_string, "text").get<std::string>();
  metadata.params = Require(json, "paramMap", &Json::is_object, "an object");
  metadata.default_params = Require(json, "defaultParamMap", &Json::is_object, "an object");
  for (const auto& [name, value] : json.items()) {
    static const std::vector<std::string> standard = {"class", "timestamp", "sparkVersion",
                                                      "uid",   "paramMap",  "defaultParamMap"};
    if (std::find(standard.begin(), standard.end(), name) == standard.end()) {
      metadata.extra[name] = value;
    }
  }
  return metadata;
}

StageMetadata ReadMetadata(const Location& stage) {
  for (const std::string& file : ListDataFiles(stage / "metadata")) {
    const std::string text = ReadTextFile(file);
    // Spark reads the first line there is; a writer with several partitions leaves empty files.
    if (text.empty()) continue;
    try {
      return MetadataFromJson(std::string_view(text).substr(0, text.find('\n')));
    } catch (const Error& error) {
      throw error.Within(file);
    }
  }
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("{}: all its files are empty", (stage / "metadata").path()));
}

void WriteMetadata(const StageMetadata& metadata, const std::string& directory,
                   const std::string& uuid) {
  const std::filesystem::path folder = std::filesystem::path(directory) / "metadata";
  std::error_code error;
  std::filesystem::create_directory(folder, error);
  if (error) {
    throw Error(ErrorKind::kIo,
                fmt::format("can't make folder '{}': {}", folder.string(), error.message()));
  }
  WriteTextFile((folder / fmt::format("part-00000-{}-c000.txt", uuid)).string(),
                MetadataToJson(metadata) + '\n');
  WriteTextFile((folder / "_SUCCESS").string(), "");
}

}  // namespace firesteel
