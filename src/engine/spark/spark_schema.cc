#include "engine/spark/spark_schema.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace firesteel {
namespace {

using Kind = ::spark::connect::DataType::KindCase;

std::optional<DataType> TypeOf(const ::spark::connect::DataType& type) {
  switch (type.kind_case()) {
    case Kind::kBoolean:
      return kBooleanType;
    case Kind::kByte:
      return kByteType;
    case Kind::kShort:
      return kShortType;
    case Kind::kInteger:
      return kIntType;
    case Kind::kLong:
      return kLongType;
    case Kind::kFloat:
      return kFloatType;
    case Kind::kDouble:
      return kDoubleType;
    case Kind::kDecimal:
      return DataType{TypeKind::kDecimal, type.decimal().precision(), type.decimal().scale()};
    case Kind::kString:
      return kStringType;
    case Kind::kDate:
      return kDateType;
    case Kind::kTimestamp:
      return kTimestampType;
    case Kind::kNull:
      return kNullType;
    case Kind::kUdt:
      if (type.udt().jvm_class() == "org.apache.spark.ml.linalg.VectorUDT") return kVectorType;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

Schema SchemaOf(const ::spark::connect::DataType& type) {
  Schema schema;
  for (const auto& field : type.struct_().fields()) {
    const std::optional<DataType> known = TypeOf(field.data_type());
    if (!known) {
      throw Error(
          ErrorKind::kUnsupported,
          fmt::format("column '{}' is of a type of Spark's that no column here has", field.name()));
    }
    schema.Add({field.name(), *known, field.nullable()});
  }
  return schema;
}

bool SaysVector(std::string_view schema_json, std::string_view column) {
  const nlohmann::json json = nlohmann::json::parse(schema_json, nullptr, false);
  if (!json.is_object() || !json.contains("fields")) return false;
  for (const nlohmann::json& field : json["fields"]) {
    if (!EqualsIgnoringCase(field.value("name", ""), column)) continue;
    const auto type = field.find("type");
    return type != field.end() && type->is_object() && type->value("type", "") == "udt";
  }
  return false;
}

std::string ArrayOfVectorStruct(const std::string& column) {
  return fmt::format(
      "CASE WHEN {0}.type = 1 THEN {0}.values WHEN {0}.size = 0 THEN CAST(array() AS "
      "ARRAY<DOUBLE>) "
      "ELSE transform(sequence(0, {0}.size - 1), k -> coalesce(get({0}.values, "
      "CAST(array_position({0}.indices, k) AS INT) - 1), 0e0)) END",
      column);
}

}  // namespace firesteel
