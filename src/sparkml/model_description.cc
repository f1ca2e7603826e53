#include "sparkml/model_description.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
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

Json DescriptionToJson(const SavedModel& model) {
  Json features = Json::array();
  for (const Attribute& attribute : model.attributes)
    features.push_back(AttributeToJson(attribute));
  return {{"version", kVersion},         {"kind", model.kind},
          {"label", model.label_column}, {"features", std::move(features)},
          {"parameters", model.params},  {"resolved_parameters", model.resolved},
          {"facts", model.facts}};
}

void ApplyDescription(const std::string& text, SavedModel* model) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) Refuse("it must hold one JSON object");
  const auto version =
      Require(json, "version", &Json::is_number_integer, "a whole number").get<std::int64_t>();
  if (version != kVersion) {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("it is of version {}, and this release of firesteel reads version {}; "
                            "use a later release, or remove the file: the model loads without it",
                            version, kVersion));
  }
  const auto kind = Require(json, "kind", &Json::is_string, "text").get<std::string>();
  if (kind != model->kind) {
    Refuse(fmt::format("it describes a model of kind '{}', but the model is of kind '{}'", kind,
                       model->kind));
  }
  model->label_column = Require(json, "label", &Json::is_string, "text").get<std::string>();
  const Json& features = Require(json, "features", &Json::is_array, "a list");
  if (features.size() != model->model->num_features()) {
    Refuse(fmt::format("it describes {} features, but the model has {}", features.size(),
                       model->model->num_features()));
  }
  model->attributes.clear();
  for (const Json& feature : features) model->attributes.push_back(AttributeFromJson(feature));
  model->facts = Require(json, "facts", &Json::is_object, "an object");
}

}  // namespace firesteel
