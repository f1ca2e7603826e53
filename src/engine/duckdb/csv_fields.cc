#include "engine/duckdb/csv_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/error.h"
#include "engine/duckdb/csv_line.h"
#include "engine/duckdb/functions/scalar_udf.h"
#include "engine/duckdb/types.h"
#include "sql/spark_text.h"

namespace firesteel::duckdb {
namespace {

// A sign and digits, nothing else.
template <typename Integer>
std::optional<Integer> ParseInteger(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<float> ParseFloat(std::string_view text) {
  const std::optional<double> value = sql::ParseCsvDouble(text);
  if (!value) return std::nullopt;
  return static_cast<float>(*value);
}

std::optional<bool> ParseBoolean(std::string_view text) {
  if ((sql::ClassifyCsvField(text) & sql::kCsvBoolean) == 0) return std::nullopt;
  return text.size() == 4;  // "true", in any case; the other one is "false".
}

std::optional<udf::Date> ParseDate(std::string_view text) {
  if ((sql::ClassifyCsvField(text) & sql::kCsvDate) == 0) return std::nullopt;
  const std::optional<std::int32_t> days = sql::ParseDate(text);
  if (!days) return std::nullopt;
  return udf::Date{*days};
}

std::optional<udf::Timestamp> ParseTimestamp(std::string_view text) {
  const std::optional<std::int64_t> micros = sql::ParseCsvTimestamp(text);
  if (!micros) return std::nullopt;
  return udf::Timestamp{*micros};
}

bool FitsDecimal(std::string_view text, int precision, int scale) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string_view whole = text.substr(0, point);
  std::string_view fraction = text.substr(std::min(point + 1, text.size()));
  const auto all_digits = [](std::string_view part) {
    return std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (whole.size() + fraction.size() == 0 || !all_digits(whole) || !all_digits(fraction))
    return false;
  while (whole.starts_with('0')) whole.remove_prefix(1);
  while (fraction.ends_with('0')) fraction.remove_suffix(1);
  return static_cast<int>(whole.size()) <= precision - scale &&
         static_cast<int>(fraction.size()) <= scale;
}

template <typename T>
T ValueOrThrow(std::optional<T> value) {
  if (!value) throw Error(ErrorKind::kInvalidArgument, std::string(kCsvMisfit));
  return *value;
}

std::int8_t ToByte(std::string_view text) { return ValueOrThrow(ParseInteger<std::int8_t>(text)); }
std::int16_t ToShort(std::string_view text) {
  return ValueOrThrow(ParseInteger<std::int16_t>(text));
}
std::int32_t ToInt(std::string_view text) { return ValueOrThrow(ParseInteger<std::int32_t>(text)); }
std::int64_t ToLong(std::string_view text) {
  return ValueOrThrow(ParseInteger<std::int64_t>(text));
}
float ToFloat(std::string_view text) { return ValueOrThrow(ParseFloat(text)); }
double ToDouble(std::string_view text) { return ValueOrThrow(sql::ParseCsvDouble(text)); }
bool ToBoolean(std::string_view text) { return ValueOrThrow(ParseBoolean(text)); }
udf::Date ToDate(std::string_view text) { return ValueOrThrow(ParseDate(text)); }
udf::Timestamp ToTimestamp(std::string_view text) { return ValueOrThrow(ParseTimestamp(text)); }
std::string_view ToDecimalText(std::string_view text, std::int32_t precision, std::int32_t scale) {
  if (!FitsDecimal(text, precision, scale)) {
    throw Error(ErrorKind::kInvalidArgument, std::string(kCsvMisfit));
  }
  return text.starts_with('+') ? text.substr(1) : text;
}

// How many digits a whole number has, leading zeros aside; nothing for other fields.
std::optional<std::int32_t> NumDigits(std::string_view text) {
  if ((sql::ClassifyCsvField(text) & sql::kCsvDecimal) == 0) return std::nullopt;
  const std::size_t first = std::min(text.find_first_not_of("+-0"), text.size());
  return std::max(1, static_cast<int>(text.size() - first));
}

}  // namespace

bool CsvFieldFits(std::string_view text, const DataType& type) {
  switch (type.kind) {
    case TypeKind::kString:
      return true;
    case TypeKind::kByte:
      return ParseInteger<std::int8_t>(text).has_value();
    case TypeKind::kShort:
      return ParseInteger<std::int16_t>(text).has_value();
    case TypeKind::kInt:
      return ParseInteger<std::int32_t>(text).has_value();
    case TypeKind::kLong:
      return ParseInteger<std::int64_t>(text).has_value();
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      return sql::ParseCsvDouble(text).has_value();
    case TypeKind::kBoolean:
      return ParseBoolean(text).has_value();
    case TypeKind::kDate:
      return ParseDate(text).has_value();
    case TypeKind::kTimestamp:
      return ParseTimestamp(text).has_value();
    case TypeKind::kDecimal:
      return FitsDecimal(text, type.precision, type.scale);
    case TypeKind::kNull:
    case TypeKind::kVector:
      return false;
  }
  return false;
}

std::string CsvValueSql(const std::string& text_sql, const DataType& type) {
  switch (type.kind) {
    case TypeKind::kString:
      return text_sql;
    case TypeKind::kDecimal:
      return fmt::format("CAST(fs_csv_to_decimal({0}, {1}, {2}) AS DECIMAL({1}, {2}))", text_sql,
                         type.precision, type.scale);
    case TypeKind::kByte:
    case TypeKind::kShort:
    case TypeKind::kInt:
    case TypeKind::kLong:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kBoolean:
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
      return fmt::format("fs_csv_to_{}({})", type.ToString(), text_sql);
    case TypeKind::kNull:
    case TypeKind::kVector:
      break;
  }
  throw Error(ErrorKind::kUnsupported, fmt::format("CSV cannot hold the type {}", type.ToString()));
}

void RegisterCsvFunctions(const udf::Registrar& registrar) {
  const auto name = [](const DataType& type) { return "fs_csv_to_" + type.ToString(); };
  udf::Register<ToByte>(registrar, name(kByteType).c_str());
  udf::Register<ToShort>(registrar, name(kShortType).c_str());
  udf::Register<ToInt>(registrar, name(kIntType).c_str());
  udf::Register<ToLong>(registrar, name(kLongType).c_str());
  udf::Register<ToFloat>(registrar, name(kFloatType).c_str());
  udf::Register<ToDouble>(registrar, name(kDoubleType).c_str());
  udf::Register<ToBoolean>(registrar, name(kBooleanType).c_str());
  udf::Register<ToDate>(registrar, name(kDateType).c_str());
  udf::Register<ToTimestamp>(registrar, name(kTimestampType).c_str());
  udf::Register<ToDecimalText>(registrar, "fs_csv_to_decimal");
  udf::Register<NumDigits>(registrar, "fs_csv_num_digits");
  RegisterCsvLineFunction(registrar);
}

}  // namespace firesteel::duckdb
