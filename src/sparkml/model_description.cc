#include "sparkml/model_description.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "sparkml/model_verification.h"
#include "storage/local_copy.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 2;
constexpr std::pair<Attribute::Kind, const char*> kKinds[] = {
    {Attribute::Kind::kNumeric, "numeric"},
    {Attribute::Kind::kNominal, "nominal"},
    {Attribute::Kind::kBinary, "binary"},
};

[[noreturn]] void Refuse(const std::string& problem) {
  throw Error(ErrorKind::kInvalidArgument, problem);
}

const Json& Require(const Json& object, const char* key, bool (Json::*is_right)() const noexcept,
                    const char* type) {
  const auto found = object.find(key);
  if (found == object.end()) Refuse(fmt::format("the key '{}' is missing", key));
  if (!((*found).*is_right)()) Refuse(fmt::format("the key '{}' must be {}", key, type));
  return *found;
}

Attribute AttributeFromJson(const Json& json) {
  if (!json.is_object()) Refuse("a feature must be an object");
  Attribute attribute;
  attribute.name = Require(json, "name", &Json::is_string, "text").get<std::string>();
  const auto type = Require(json, "type", &Json::is_string, "text").get<std::string>();
  bool known = false;
  for (const auto& [kind, name] : kKinds) {
    if (type != name) continue;
    attribute.kind = kind;
    known = true;
  }
  if (!known) {
    Refuse(fmt::format("feature '{}': the type '{}' is not numeric, nominal or binary",
                       *attribute.name, type));
  }
  if (json.contains("values")) {
    for (const Json& value : Require(json, "values", &Json::is_array, "a list")) {
      if (!value.is_string()) Refuse("the key 'values' must be a list of texts");
      attribute.values.push_back(value.get<std::string>());
    }
  }
  if (json.contains("num_values")) {
    attribute.num_values =
        Require(json, "num_values", &Json::is_number_integer, "a whole number").get<std::int32_t>();
  }
  return attribute;
}

}  // namespace

Json AttributeToJson(const Attribute& attribute) {
  Json json;
  json["name"] = attribute.name.value_or("");
  for (const auto& [kind, name] : kKinds) {
    if (attribute.kind == kind) json["type"] = name;
  }
  if (!attribute.values.empty()) json["values"] = attribute.values;
  if (attribute.num_values) json["num_values"] = *attribute.num_values;
  return json;
}

Json DescriptionToJson(const SavedModel& model, const std::map<std::string, std::string>& files,
                       std::string_view seed) {
  Json features = Json::array();
  for (std::size_t i = 0; i < model.attributes.size(); ++i) {
    features.push_back(AttributeToJson(model.attributes[i]));
    if (model.ranges.empty()) continue;
    features.back()["min"] = NumberToJson(model.ranges[i].min);
    features.back()["max"] = NumberToJson(model.ranges[i].max);
  }
  Json columns = Json::array();
  for (const ModelColumn& column : model.columns) {
    columns.push_back({{"name", column.name}, {"type", column.type.ToString()}});
    if (column.type == kVectorType) columns.back()["size"] = column.width;
  }
  Json json = {{"version", kVersion},
               {"kind", model.kind},
               {"label", model.label_column},
               {"columns", std::move(columns)},
               {"features", std::move(features)},
               {"parameters", model.params},
               {"resolved_parameters", model.resolved},
               {"facts", model.facts}};
  json.update(model.origin);
  if (!model.workflow_text.empty()) json["workflow"] = model.workflow_text;
  json["files"] = files;
  if (!model.ranges.empty()) {
    json["verification"] = VerificationToJson(
        MakeVerificationRows(*model.model, model.attributes, model.ranges, seed));
  }
  return json;
}

namespace {

Json Parse(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) Refuse("it must hold one JSON object");
  const auto version =
      Require(json, "version", &Json::is_number_integer, "a whole number").get<std::int64_t>();
  if (version != kVersion) {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("it is of version {}, and this release of firesteel reads version {}; "
                            "{}, or remove the file: a model in Spark ML's format loads without it",
                            version, kVersion,
                            version > kVersion ? "use a later release" : "train the model again"));
  }
  Require(json, "kind", &Json::is_string, "text");
  return json;
}

}  // namespace

std::optional<Json> ReadDescription(const Location& location) {
  const Location file = location / kModelDescriptionFile;
  if (!file.Exists()) return std::nullopt;
  try {
    return Parse(ReadTextFile(LocalCopy(file).path()));
  } catch (const Error& error) {
    throw error.Within(file.path());
  }
}

std::string WorkflowTextOf(const Json& description) {
  if (!description.contains("workflow")) return "";
  return Require(description, "workflow", &Json::is_string, "text").get<std::string>();
}

void ApplyDescription(const Json& json, const std::map<std::string, std::string>& files,
                      SavedModel* model) {
  const auto kind = json["kind"].get<std::string>();
  if (kind != model->kind) {
    Refuse(fmt::format("it describes a model of kind '{}', but the model is of kind '{}'", kind,
                       model->kind));
  }
  model->label_column = Require(json, "label", &Json::is_string, "text").get<std::string>();
  const Json& features = Require(json, "features", &Json::is_array, "a list");
  const std::size_t num_features = model->model->num_features();
  if (features.size() != num_features) {
    Refuse(fmt::format("it describes {} features, but the model has {}", features.size(),
                       num_features));
  }
  model->attributes.clear();
  for (const Json& feature : features) {
    model->attributes.push_back(AttributeFromJson(feature));
    if (!feature.contains("min") || !feature.contains("max")) continue;
    model->ranges.push_back({NumberFromJson(feature["min"]), NumberFromJson(feature["max"])});
  }
  if (model->ranges.size() != num_features) model->ranges.clear();
  for (const Json& column : Require(json, "columns", &Json::is_array, "a list")) {
    if (!column.is_object()) Refuse("a column must be an object");
    const auto type = Require(column, "type", &Json::is_string, "text").get<std::string>();
    ModelColumn known{Require(column, "name", &Json::is_string, "text").get<std::string>(),
                      type == kVectorType.ToString() ? kVectorType : DataType::Parse(type)};
    if (column.contains("size")) {
      known.width =
          Require(column, "size", &Json::is_number_unsigned, "a whole number").get<std::size_t>();
    }
    model->columns.push_back(std::move(known));
  }
  // What Spark's own metadata tells is taken from there.
  for (const auto& [key, params] : {std::pair{"parameters", &model->params},
                                    std::pair{"resolved_parameters", &model->resolved}}) {
    for (const auto& [name, value] : Require(json, key, &Json::is_object, "an object").items()) {
      if (!params->contains(name)) (*params)[name] = value;
    }
  }
  model->facts = Require(json, "facts", &Json::is_object, "an object");
  for (const char* key : {"created_by", "inputs"}) {
    if (json.contains(key)) model->origin[key] = json[key];
  }
  model->workflow_text = WorkflowTextOf(json);
  std::map<std::string, std::string> expected;
  for (const auto& [path, hash] : Require(json, "files", &Json::is_object, "an object").items()) {
    if (!hash.is_string()) Refuse("the key 'files' must hold texts");
    expected[path] = hash.get<std::string>();
  }
  CheckFiles(expected, files);
  if (json.contains("verification")) {
    CheckPredictions(*model->model, VerificationFromJson(json["verification"], num_features));
  }
}

}  // namespace firesteel
