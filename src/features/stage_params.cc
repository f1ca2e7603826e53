#include "features/stage_params.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/parameter_ranges.h"
#include "base/text.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kNestedList = "splitsArray";

std::optional<double> NonFiniteFromText(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  const std::string text = AsciiLower(value.get<std::string>());
  if (text == "nan" || text == ".nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf" || text == "infinity" || text == ".inf") {
    return std::numeric_limits<double>::infinity();
  }
  if (text == "-inf" || text == "-infinity" || text == "-.inf") {
    return -std::numeric_limits<double>::infinity();
  }
  return std::nullopt;
}

// Puts numbers where text stands for one that JSON can't write.
Json WithNonFinite(const Json& value) {
  if (const std::optional<double> number = NonFiniteFromText(value)) return Json(*number);
  if (!value.is_array()) return value;
  Json list = Json::array();
  for (const Json& item : value) list.push_back(WithNonFinite(item));
  return list;
}

const ParameterSpec* FindSpec(std::span<const ParameterSpec> table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const ParameterSpec& spec) { return spec.name == name; });
  return found == table.end() ? nullptr : &*found;
}

bool HoldsDoubles(const ParameterSpec& spec) {
  return spec.type == ParameterType::kDouble || spec.type == ParameterType::kDoubleList;
}

Json CheckNestedLists(const ParameterSpec& spec, const Json& lists, std::string_view where) {
  if (!lists.is_array()) {
    throw Error(ErrorKind::kUsage, fmt::format("{}: parameter '{}' must be a list of lists of "
                                               "numbers, not {}",
                                               where, spec.name, lists.dump()));
  }
  Json checked = Json::array();
  for (const Json& list : lists) {
    const Json one = CheckParameters({&spec, 1}, Json{{spec.name, list}}, where);
    checked.push_back(one.at(spec.name));
  }
  return checked;
}

}  // namespace

Json CheckStageParameters(std::span<const ParameterSpec> table, const Json& given,
                          std::string_view where) {
  if (!given.is_object()) return CheckParameters(table, given, where);
  Json flat = Json::object();
  Json nested = Json::object();
  for (const auto& [name, value] : given.items()) {
    const ParameterSpec* spec = FindSpec(table, name);
    const Json converted = spec != nullptr && HoldsDoubles(*spec) ? WithNonFinite(value) : value;
    if (spec != nullptr && spec->name == kNestedList) {
      nested[name] = CheckNestedLists(*spec, converted, where);
    } else {
      flat[name] = converted;
    }
  }
  Json checked = CheckParameters(table, flat, where);
  checked.update(nested);
  return checked;
}

StageParams::StageParams(std::span<const ParameterSpec> table, std::string uid, Json set)
    : uid_(std::move(uid)), set_(std::move(set)), defaults_(DefaultParameters(table)) {
  for (auto& [name, value] : defaults_.items()) {
    if (HoldsDoubles(*FindSpec(table, name))) value = WithNonFinite(value);
  }
  if (FindSpec(table, "outputCol") != nullptr) defaults_["outputCol"] = uid_ + "__output";
}

StageParams StageParams::Load(std::span<const ParameterSpec> table, const StageRecord& record) {
  const std::string where = fmt::format("stage {}", record.uid);
  // A required parameter may stand in either map, so each is checked without that demand.
  std::vector<ParameterSpec> optional_table(table.begin(), table.end());
  for (ParameterSpec& spec : optional_table) spec.required = false;
  try {
    StageParams params(table, record.uid,
                       CheckStageParameters(optional_table, record.params, where));
    params.defaults_.update(CheckStageParameters(optional_table, record.default_params, where));
    return params;
  } catch (const Error& error) {
    throw Error(ErrorKind::kInvalidArgument, error.what());
  }
}

bool StageParams::Has(std::string_view name) const {
  return set_.contains(std::string(name)) || defaults_.contains(std::string(name));
}

const Json& StageParams::Get(std::string_view name) const {
  if (const auto found = set_.find(std::string(name)); found != set_.end()) return *found;
  if (const auto found = defaults_.find(std::string(name)); found != defaults_.end()) {
    return *found;
  }
  throw Error(ErrorKind::kUsage, fmt::format("parameter '{}' is missing: set it", name));
}

std::string StageParams::String(std::string_view name) const {
  return Get(name).get<std::string>();
}
double StageParams::Double(std::string_view name) const { return Get(name).get<double>(); }
bool StageParams::Bool(std::string_view name) const { return Get(name).get<bool>(); }
std::vector<std::string> StageParams::Strings(std::string_view name) const {
  return Get(name).get<std::vector<std::string>>();
}
std::vector<double> StageParams::Doubles(std::string_view name) const {
  return Get(name).get<std::vector<double>>();
}
std::vector<std::vector<double>> StageParams::DoubleLists(std::string_view name) const {
  return Get(name).get<std::vector<std::vector<double>>>();
}

std::vector<StageParams::ColumnPair> StageParams::Columns() const {
  if (IsSet("inputCol") && IsSet("inputCols")) {
    throw Error(ErrorKind::kUsage, "both inputCol and inputCols are set: keep one of them");
  }
  if (IsSet("inputCol")) {
    if (IsSet("outputCols")) {
      throw Error(ErrorKind::kUsage, "inputCol goes with outputCol, not with outputCols");
    }
    return {SingleColumn()};
  }
  if (!IsSet("inputCols")) {
    throw Error(ErrorKind::kUsage, "neither inputCol nor inputCols is set: name the input");
  }
  if (IsSet("outputCol")) {
    throw Error(ErrorKind::kUsage, "inputCols goes with outputCols, not with outputCol");
  }
  const std::vector<std::string> inputs = Strings("inputCols");
  const std::vector<std::string> outputs = Strings("outputCols");
  if (inputs.size() != outputs.size()) {
    throw Error(ErrorKind::kUsage,
                fmt::format("inputCols has {} names and outputCols {}: one output for each input",
                            inputs.size(), outputs.size()));
  }
  std::vector<ColumnPair> columns;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!seen.insert(AsciiLower(outputs[i])).second) {
      throw Error(ErrorKind::kUsage, fmt::format("outputCols names '{}' twice", outputs[i]));
    }
    columns.push_back({inputs[i], outputs[i]});
  }
  return columns;
}

StageParams::ColumnPair StageParams::SingleColumn() const {
  return {String("inputCol"), String("outputCol")};
}

StageRecord StageParams::ToRecord(std::string_view class_name) const {
  StageRecord record;
  record.class_name = class_name;
  record.uid = uid_;
  record.params = set_;
  record.default_params = defaults_;
  return record;
}

ParameterSpec InputColumnParameter() {
  return {"inputCol", ParameterType::kString, "", "a column", "The input column."};
}
ParameterSpec InputColumnsParameter() {
  return {"inputCols", ParameterType::kStringList, "", "columns", "The input columns."};
}
ParameterSpec OutputColumnParameter() {
  return {"outputCol", ParameterType::kString, "", "a new column; unset: <uid>__output",
          "The output column."};
}
ParameterSpec OutputColumnsParameter() {
  return {"outputCols", ParameterType::kStringList, "", "new columns, one for each input",
          "The output columns."};
}

ParameterSpec ChoiceParameter(std::string_view name, std::vector<std::string> choices,
                              std::string_view sentence) {
  ParameterSpec spec;
  spec.name = name;
  spec.type = ParameterType::kString;
  spec.default_json = Json(choices.front()).dump();
  spec.range = "one of " + Join(choices, ", ");
  spec.sentence = sentence;
  spec.accepts = AcceptOneOf(std::move(choices));
  return spec;
}

}  // namespace firesteel
