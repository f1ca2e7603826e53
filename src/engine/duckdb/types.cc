#include "engine/duckdb/types.h"

#include <fmt/format.h>

#include <array>

namespace firesteel::duckdb {
namespace {

bool IsIntegral(duckdb_type id) {
  switch (id) {
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_UTINYINT:
      return true;
    default:
      return false;
  }
}

LogicalType ChildOf(const LogicalType& list) {
  return LogicalType(duckdb_list_type_child_type(list.get()));
}

// The shape of VectorUDT, with the liberties that Spark's reader takes too. `exact` tells whether
// it is kVectorSqlType to the letter.
bool HasVectorShape(const LogicalType& type, bool* exact) {
  static constexpr std::array kNames = {"type", "size", "indices", "values"};
  if (IdOf(type) != DUCKDB_TYPE_STRUCT ||
      duckdb_struct_type_child_count(type.get()) != kNames.size()) {
    return false;
  }
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (TakeString(duckdb_struct_type_child_name(type.get(), i)) != kNames[i]) return false;
  }
  const auto child = [&](idx_t i) {
    return LogicalType(duckdb_struct_type_child_type(type.get(), i));
  };
  const LogicalType kind = child(0), size = child(1), indices = child(2), values = child(3);
  if (!IsIntegral(IdOf(kind)) || !IsIntegral(IdOf(size))) return false;
  if (IdOf(indices) != DUCKDB_TYPE_LIST || IdOf(values) != DUCKDB_TYPE_LIST) return false;
  const duckdb_type index = IdOf(ChildOf(indices));
  const duckdb_type value = IdOf(ChildOf(values));
  if (!IsIntegral(index) || (value != DUCKDB_TYPE_DOUBLE && value != DUCKDB_TYPE_FLOAT))
    return false;
  *exact = IdOf(kind) == DUCKDB_TYPE_TINYINT && IdOf(size) == DUCKDB_TYPE_INTEGER &&
           index == DUCKDB_TYPE_INTEGER && value == DUCKDB_TYPE_DOUBLE;
  return true;
}

}  // namespace

std::string SqlType(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kNull:
      return "INTEGER";
    case TypeKind::kBoolean:
      return "BOOLEAN";
    case TypeKind::kByte:
      return "TINYINT";
    case TypeKind::kShort:
      return "SMALLINT";
    case TypeKind::kInt:
      return "INTEGER";
    case TypeKind::kLong:
      return "BIGINT";
    case TypeKind::kFloat:
      return "FLOAT";
    case TypeKind::kDouble:
      return "DOUBLE";
    case TypeKind::kDecimal:
      return fmt::format("DECIMAL({}, {})", type.precision, type.scale);
    case TypeKind::kString:
      return "VARCHAR";
    case TypeKind::kDate:
      return "DATE";
    case TypeKind::kTimestamp:
      return "TIMESTAMP WITH TIME ZONE";
    case TypeKind::kVector:
      return kVectorSqlType;
  }
  throw Error(ErrorKind::kInternal, "a data type of no known kind");
}

std::optional<ColumnMapping> MapType(const LogicalType& type) {
  switch (IdOf(type)) {
    case DUCKDB_TYPE_BOOLEAN:
      return ColumnMapping{kBooleanType};
    case DUCKDB_TYPE_TINYINT:
      return ColumnMapping{kByteType};
    case DUCKDB_TYPE_SMALLINT:
      return ColumnMapping{kShortType};
    case DUCKDB_TYPE_INTEGER:
      return ColumnMapping{kIntType};
    case DUCKDB_TYPE_BIGINT:
      return ColumnMapping{kLongType};
    case DUCKDB_TYPE_FLOAT:
      return ColumnMapping{kFloatType};
    case DUCKDB_TYPE_DOUBLE:
      return ColumnMapping{kDoubleType};
    case DUCKDB_TYPE_DECIMAL:
      return ColumnMapping{DataType{TypeKind::kDecimal, duckdb_decimal_width(type.get()),
                                    duckdb_decimal_scale(type.get())}};
    case DUCKDB_TYPE_VARCHAR:
      return ColumnMapping{kStringType};
    case DUCKDB_TYPE_DATE:
      return ColumnMapping{kDateType};
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return ColumnMapping{kTimestampType};
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
      return ColumnMapping{kTimestampType, true};
    case DUCKDB_TYPE_LIST:
      return ColumnMapping{kNullType};
    case DUCKDB_TYPE_STRUCT: {
      bool exact = false;
      if (!HasVectorShape(type, &exact)) return std::nullopt;
      return ColumnMapping{kVectorType, !exact};
    }
    default:
      return std::nullopt;
  }
}

std::string TypeName(const LogicalType& type) {
  switch (IdOf(type)) {
    case DUCKDB_TYPE_UTINYINT:
      return "unsigned 8-bit integer";
    case DUCKDB_TYPE_USMALLINT:
      return "unsigned 16-bit integer";
    case DUCKDB_TYPE_UINTEGER:
      return "unsigned 32-bit integer";
    case DUCKDB_TYPE_UBIGINT:
      return "unsigned 64-bit integer";
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
      return "128-bit integer";
    case DUCKDB_TYPE_BLOB:
      return "binary";
    case DUCKDB_TYPE_TIME:
    case DUCKDB_TYPE_TIME_TZ:
    case DUCKDB_TYPE_TIME_NS:
      return "time of day";
    case DUCKDB_TYPE_INTERVAL:
      return "interval";
    case DUCKDB_TYPE_STRUCT:
      return "struct";
    case DUCKDB_TYPE_MAP:
      return "map";
    case DUCKDB_TYPE_LIST:
      return "list";
    case DUCKDB_TYPE_UUID:
      return "UUID";
    case DUCKDB_TYPE_ENUM:
      return "enumeration";
    default:
      return fmt::format("number {} of DuckDB's types", static_cast<int>(IdOf(type)));
  }
}

LogicalType MakeVectorType() {
  const LogicalType kind(DUCKDB_TYPE_TINYINT), size(DUCKDB_TYPE_INTEGER), value(DUCKDB_TYPE_DOUBLE);
  const LogicalType indices(duckdb_create_list_type(size.get()));
  const LogicalType values(duckdb_create_list_type(value.get()));
  std::array<duckdb_logical_type, 4> types = {kind.get(), size.get(), indices.get(), values.get()};
  std::array<const char*, 4> names = {"type", "size", "indices", "values"};
  return LogicalType(duckdb_create_struct_type(types.data(), names.data(), types.size()));
}

}  // namespace firesteel::duckdb
