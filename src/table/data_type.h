#pragma once

#include <string>
#include <string_view>

namespace firesteel {

enum class TypeKind {
  kNull,  // The type of a bare NULL; no column of a file has it.
  kBoolean,
  kByte,
  kShort,
  kInt,
  kLong,
  kFloat,
  kDouble,
  kDecimal,
  kString,
  kDate,
  kTimestamp,  // An instant, microseconds; text forms are in UTC.
  kVector,     // Spark ML's vector: a struct of type, size, indices, values (VectorUDT).
};

/// The type of a column or expression, with Spark's meaning and names.
/// Source: Spark SQL's data types, 4.3.0.
struct DataType {
  TypeKind kind = TypeKind::kNull;
  int precision = 0;  // kDecimal only: 1 to 38.
  int scale = 0;      // kDecimal only: 0 to precision.

  bool operator==(const DataType&) const = default;

  /// True for byte to decimal.
  bool IsNumeric() const;
  /// True for byte, short, int and long.
  bool IsIntegral() const;
  /// Spark's short name, as `cast` takes it: "int", "bigint", "decimal(19,0)", "string", "vector".
  std::string ToString() const;
  /// The name in Spark's schema JSON: "integer", "long", "decimal(19,0)"; not for kVector and
  /// kNull.
  std::string ToJsonName() const;

  /// Reads either spelling ("int", "integer", "bigint", "long", …), any letter case.
  /// Throws Error(kInvalidArgument) that lists the names if it knows none.
  static DataType Parse(std::string_view name);
};

inline constexpr DataType kNullType{TypeKind::kNull};
inline constexpr DataType kBooleanType{TypeKind::kBoolean};
inline constexpr DataType kByteType{TypeKind::kByte};
inline constexpr DataType kShortType{TypeKind::kShort};
inline constexpr DataType kIntType{TypeKind::kInt};
inline constexpr DataType kLongType{TypeKind::kLong};
inline constexpr DataType kFloatType{TypeKind::kFloat};
inline constexpr DataType kDoubleType{TypeKind::kDouble};
inline constexpr DataType kStringType{TypeKind::kString};
inline constexpr DataType kDateType{TypeKind::kDate};
inline constexpr DataType kTimestampType{TypeKind::kTimestamp};
inline constexpr DataType kVectorType{TypeKind::kVector};

}  // namespace firesteel
