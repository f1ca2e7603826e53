#include "engine/spark/spark_schema.h"

#include <fmt/format.h>

#include <optional>

#include "base/error.h"

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

}  // namespace firesteel
