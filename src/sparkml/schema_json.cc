#include "sparkml/schema_json.h"

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "sparkml/metadata.h"
#include "sparkml/vector_udt.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

// Beyond this a number of slots in a footer is taken for damage rather than allocated.
constexpr std::int64_t kMaxSlots = 10'000'000;
constexpr std::int64_t kMaxUnlistedSlots = 1'000'000;

// The keys of an attribute in the order in which Spark 4.3 writes them. `place` is what comes last:
// the type of a column's attribute, the index of a slot.
Json AttributeToJson(const Attribute& attribute) {
  Json json = Json::object();
  if (attribute.is_ordinal) json["ord"] = *attribute.is_ordinal;
  if (attribute.std_dev) json["std"] = *attribute.std_dev;
  if (attribute.min) json["min"] = *attribute.min;
  if (attribute.max) json["max"] = *attribute.max;
  // A nominal attribute that was fitted on no row has an empty list, unlike one whose labels are
  // not known.
  if (!attribute.values.empty() ||
      (attribute.kind == Attribute::Kind::kNominal && !attribute.num_values)) {
    json["vals"] = attribute.values;
  }
  if (attribute.num_values) json["num_vals"] = *attribute.num_values;
  if (attribute.name) json["name"] = *attribute.name;
  if (attribute.sparsity) json["sparsity"] = *attribute.sparsity;
  return json;
}

const char* KindName(Attribute::Kind kind) {
  switch (kind) {
    case Attribute::Kind::kNumeric:
      return "numeric";
    case Attribute::Kind::kNominal:
      return "nominal";
    case Attribute::Kind::kBinary:
      return "binary";
  }
  return "numeric";
}

Json GroupToJson(const AttributeGroup& group) {
  Json json = Json::object();
  json["num_attrs"] = group.size;
  if (!group.slots) return json;
  json["attrs"] = Json::object();
  for (const Attribute::Kind kind :
       {Attribute::Kind::kNominal, Attribute::Kind::kBinary, Attribute::Kind::kNumeric}) {
    Json list = Json::array();
    for (std::size_t i = 0; i < group.slots->size(); ++i) {
      const Attribute& slot = (*group.slots)[i];
      if (slot.kind != kind) continue;
      Json item = AttributeToJson(slot);
      item["idx"] = i;
      list.push_back(std::move(item));
    }
    if (!list.empty()) json["attrs"][KindName(kind)] = std::move(list);
  }
  return json;
}

Json MetadataJson(const ColumnAttributes& attributes) {
  Json json = Json::object();
  if (const auto* attribute = std::get_if<Attribute>(&attributes)) {
    json["ml_attr"] = AttributeToJson(*attribute);
    json["ml_attr"]["type"] = KindName(attribute->kind);
  } else if (const auto* group = std::get_if<AttributeGroup>(&attributes)) {
    json["ml_attr"] = GroupToJson(*group);
  }
  return json;
}

std::optional<Attribute::Kind> KindFromName(const std::string& name) {
  if (name == "numeric") return Attribute::Kind::kNumeric;
  if (name == "nominal") return Attribute::Kind::kNominal;
  if (name == "binary") return Attribute::Kind::kBinary;
  return std::nullopt;
}

// Throws nlohmann's exceptions for keys of the wrong type; the caller drops such metadata.
Attribute AttributeFromJson(const Json& json, Attribute::Kind kind) {
  Attribute attribute;
  attribute.kind = kind;
  const auto read = [&json](const char* key, auto* target) {
    if (const auto found = json.find(key); found != json.end()) found->get_to(*target);
  };
  const auto read_optional = [&json](const char* key, auto* target) {
    using T = typename std::remove_pointer_t<decltype(target)>::value_type;
    if (const auto found = json.find(key); found != json.end()) *target = found->template get<T>();
  };
  read("vals", &attribute.values);
  read_optional("name", &attribute.name);
  read_optional("num_vals", &attribute.num_values);
  read_optional("ord", &attribute.is_ordinal);
  read_optional("min", &attribute.min);
  read_optional("max", &attribute.max);
  read_optional("std", &attribute.std_dev);
  read_optional("sparsity", &attribute.sparsity);
  return attribute;
}

std::optional<AttributeGroup> GroupFromJson(const Json& json) {
  std::int64_t size = -1;
  if (const auto found = json.find("num_attrs"); found != json.end()) {
    size = found->get<std::int64_t>();
  }
  const auto attrs = json.find("attrs");
  if (attrs == json.end()) {
    if (size < 0 || size > kMaxSlots) return std::nullopt;
    return AttributeGroup{static_cast<std::size_t>(size), std::nullopt};
  }
  std::int64_t num_listed = 0;
  for (const auto& list : *attrs) num_listed += static_cast<std::int64_t>(list.size());
  if (size < 0) size = num_listed;
  // Slots that no list names are numeric without a name; that many of them are damage.
  if (num_listed > size || size - num_listed > kMaxUnlistedSlots) return std::nullopt;
  AttributeGroup group;
  group.size = static_cast<std::size_t>(size);
  group.slots.emplace(group.size);
  for (const auto& [kind_name, list] : attrs->items()) {
    const std::optional<Attribute::Kind> kind = KindFromName(kind_name);
    if (!kind) return std::nullopt;
    for (const Json& item : list) {
      const auto index = item.at("idx").get<std::int64_t>();
      if (index < 0 || index >= size) return std::nullopt;
      (*group.slots)[static_cast<std::size_t>(index)] = AttributeFromJson(item, *kind);
    }
  }
  return group;
}

ColumnAttributes AttributesFromJson(const Json& metadata, const DataType& type) {
  const auto found = metadata.find("ml_attr");
  if (found == metadata.end() || !found->is_object()) return std::monostate();
  try {
    if (type == kVectorType) {
      std::optional<AttributeGroup> group = GroupFromJson(*found);
      return group ? ColumnAttributes(std::move(*group)) : std::monostate();
    }
    const std::optional<Attribute::Kind> kind = KindFromName(found->value("type", "numeric"));
    return kind ? ColumnAttributes(AttributeFromJson(*found, *kind)) : std::monostate();
  } catch (const nlohmann::json::exception&) {
    return std::monostate();
  }
}

bool IsComplete(const Json& field) {
  if (!field.is_object()) return false;
  const auto name = field.find("name");
  const auto type = field.find("type");
  const auto nullable = field.find("nullable");
  if (name == field.end() || !name->is_string() || type == field.end() || nullable == field.end() ||
      !nullable->is_boolean()) {
    return false;
  }
  if (type->is_string()) return true;
  if (!type->is_object()) return false;
  const auto kind = type->find("type");
  if (kind == type->end() || !kind->is_string()) return false;
  return *kind != "udt" ||
         (type->contains("class") && type->contains("pyClass") && type->contains("sqlType"));
}

}  // namespace

std::string SchemaToJson(const Schema& schema) {
  std::string text = R"({"type":"struct","fields":[)";
  for (std::size_t i = 0; i < schema.num_fields(); ++i) {
    const Field& field = schema.fields()[i];
    if (i > 0) text += ',';
    text += fmt::format(R"({{"name":{},"type":{},"nullable":{},"metadata":{}}})",
                        ToSparkJson(field.name),
                        field.type == kVectorType ? std::string(kVectorUdtJson)
                                                  : ToSparkJson(field.type.ToJsonName()),
                        field.nullable, ToSparkJson(MetadataJson(field.attributes)));
  }
  return text + "]}";
}

bool ApplySchemaJson(std::string_view json_text, Schema* schema) {
  const Json json = Json::parse(json_text, nullptr, false);
  if (!json.is_object() || json.find("type") == json.end() || json["type"] != "struct") {
    return false;
  }
  const auto fields = json.find("fields");
  if (fields == json.end() || !fields->is_array()) return false;
  for (const Json& field : *fields) {
    if (!IsComplete(field)) return false;
  }
  for (const Json& field : *fields) {
    const std::optional<std::size_t> position = schema->Find(field["name"].get<std::string>());
    if (!position) continue;
    Field& column = schema->at(*position);
    column.nullable = field["nullable"].get<bool>();
    const auto metadata = field.find("metadata");
    if (metadata != field.end() && metadata->is_object()) {
      column.attributes = AttributesFromJson(*metadata, column.type);
    }
  }
  return true;
}

}  // namespace firesteel
