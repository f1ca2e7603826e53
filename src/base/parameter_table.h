#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace firesteel {

enum class ParameterType {
  kInt,
  kLong,
  kDouble,
  kBool,
  kString,
  kIntList,
  kDoubleList,
  kStringList,
  kAny  // A value of any type, which `accepts` judges.
};

/// One row of the table from which a stage's or a model's help, validation and docs are made. Names
/// are Spark's.
struct ParameterSpec {
  std::string name;
  ParameterType type;
  std::string default_json;  // JSON text; empty: no default, the parameter is unset unless given.
  std::string range;         // For people: "0 to 30", "one of error, skip, keep".
  std::string sentence;      // What it does.
  /// Returns whether a value of the right type is in range; empty: any value is.
  std::function<bool(const nlohmann::ordered_json&)> accepts = {};
  bool required = false;
  bool null_is_unset = false;  // None leaves it out, instead of reading as 0 or false.
};

/// Checks `given` (an object) against the table and converts numbers as PySpark's type converters
/// do (5.0 is an int, 5 a double, true is no number; spec G). Returns what was given, converted, in
/// the order of the table. `where` starts every message: "--model-params", "workflow.yaml line 12".
/// Throws Error(kUsage): unknown key (with did-you-mean), wrong type, out of range, missing.
nlohmann::ordered_json CheckParameters(std::span<const ParameterSpec> table,
                                       const nlohmann::ordered_json& given, std::string_view where);

/// The defaults of the table as an object, without those that have none.
nlohmann::ordered_json DefaultParameters(std::span<const ParameterSpec> table);

}  // namespace firesteel
