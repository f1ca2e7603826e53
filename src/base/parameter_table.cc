#include "base/parameter_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

std::string_view TypeName(ParameterType type) {
  switch (type) {
    case ParameterType::kInt:
      return "a whole number";
    case ParameterType::kLong:
      return "a whole number of at most 64 bits";
    case ParameterType::kDouble:
      return "a number";
    case ParameterType::kBool:
      return "true or false";
    case ParameterType::kString:
      return "text";
    case ParameterType::kIntList:
      return "a list of whole numbers";
    case ParameterType::kDoubleList:
      return "a list of numbers";
    case ParameterType::kStringList:
      return "a list of texts";
    case ParameterType::kAny:
      return "a value";
  }
  return "";
}

std::optional<Json> ConvertWhole(const Json& value, std::int64_t low, std::int64_t high) {
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(high)) {
    return std::nullopt;
  }
  if (value.is_number_integer()) {
    const std::int64_t number = value.get<std::int64_t>();
    if (number < low || number > high) return std::nullopt;
    return Json(number);
  }
  if (!value.is_number_float()) return std::nullopt;
  const double number = value.get<double>();
  // The bounds of int64 are not doubles; 2^63 is the first that does not fit.
  if (number != std::floor(number) || number < static_cast<double>(low) ||
      number >= static_cast<double>(high) + 1.0) {
    return std::nullopt;
  }
  return Json(static_cast<std::int64_t>(number));
}

std::optional<Json> ConvertScalar(const Json& value, ParameterType type) {
  // PySpark hands None to the JVM, which reads it as 0 or false.
  if (value.is_null()) {
    if (type == ParameterType::kInt || type == ParameterType::kLong) return Json(0);
    if (type == ParameterType::kDouble) return Json(0.0);
    if (type == ParameterType::kBool) return Json(false);
    return std::nullopt;
  }
  switch (type) {
    case ParameterType::kInt:
      return ConvertWhole(value, std::numeric_limits<std::int32_t>::min(),
                          std::numeric_limits<std::int32_t>::max());
    case ParameterType::kLong:
      return ConvertWhole(value, std::numeric_limits<std::int64_t>::min(),
                          std::numeric_limits<std::int64_t>::max());
    case ParameterType::kDouble:
      return value.is_number() ? std::optional<Json>(value.get<double>()) : std::nullopt;
    case ParameterType::kBool:
      return value.is_boolean() ? std::optional<Json>(value) : std::nullopt;
    default:
      return value.is_string() ? std::optional<Json>(value) : std::nullopt;
  }
}

std::optional<Json> ConvertList(const Json& value, ParameterType element) {
  if (!value.is_array()) return std::nullopt;
  Json list = Json::array();
  for (const Json& item : value) {
    if (item.is_null()) return std::nullopt;
    std::optional<Json> converted = ConvertScalar(item, element);
    if (!converted) return std::nullopt;
    list.push_back(std::move(*converted));
  }
  return list;
}

std::optional<Json> Convert(const Json& value, ParameterType type) {
  switch (type) {
    case ParameterType::kIntList:
      return ConvertList(value, ParameterType::kInt);
    case ParameterType::kDoubleList:
      return ConvertList(value, ParameterType::kDouble);
    case ParameterType::kStringList:
      return ConvertList(value, ParameterType::kString);
    case ParameterType::kAny:
      return value;
    default:
      return ConvertScalar(value, type);
  }
}

Json CheckValue(const ParameterSpec& spec, const Json& value, std::string_view where) {
  std::optional<Json> converted = Convert(value, spec.type);
  if (!converted) {
    throw Error(ErrorKind::kUsage, fmt::format("{}: parameter '{}' must be {}, not {}", where,
                                               spec.name, TypeName(spec.type), value.dump()));
  }
  if (spec.accepts && !spec.accepts(*converted)) {
    throw Error(ErrorKind::kUsage, fmt::format("{}: parameter '{}' is {}; allowed: {}", where,
                                               spec.name, value.dump(), spec.range));
  }
  return std::move(*converted);
}

}  // namespace

Json CheckParameters(std::span<const ParameterSpec> table, const Json& given,
                     std::string_view where) {
  if (!given.is_object()) {
    throw Error(ErrorKind::kUsage, fmt::format("{}: parameters must be a mapping of names to "
                                               "values, not {}",
                                               where, given.dump()));
  }
  std::vector<std::string> names;
  for (const ParameterSpec& spec : table) names.push_back(spec.name);
  for (const auto& [name, value] : given.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw Error(
          ErrorKind::kUsage,
          fmt::format("{}: unknown parameter '{}'{}", where, name,
                      ClosestName(name, names) ? DidYouMean(name, names)
                                               : "; known are " + firesteel::Join(names, ", ")));
    }
  }
  Json checked = Json::object();
  for (const ParameterSpec& spec : table) {
    if (const auto found = given.find(spec.name);
        found != given.end() && !(spec.null_is_unset && found->is_null())) {
      checked[spec.name] = CheckValue(spec, *found, where);
    } else if (spec.required) {
      throw Error(ErrorKind::kUsage, fmt::format("{}: parameter '{}' is missing: {}", where,
                                                 spec.name, spec.sentence));
    }
  }
  return checked;
}

Json DefaultParameters(std::span<const ParameterSpec> table) {
  Json defaults = Json::object();
  for (const ParameterSpec& spec : table) {
    if (!spec.default_json.empty()) defaults[spec.name] = Json::parse(spec.default_json);
  }
  return defaults;
}

}  // namespace firesteel
