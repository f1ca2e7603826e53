#include "table/data_type.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>

#include "base/error.h"

namespace firesteel {
namespace {

struct TypeName {
  TypeKind kind;
  std::string_view name;       // As `cast` takes it.
  std::string_view json_name;  // In schema JSON; empty: never there.
};

constexpr TypeName kTypeNames[] = {
    {TypeKind::kBoolean, "boolean", "boolean"},
    {TypeKind::kByte, "tinyint", "byte"},
    {TypeKind::kShort, "smallint", "short"},
    {TypeKind::kInt, "int", "integer"},
    {TypeKind::kLong, "bigint", "long"},
    {TypeKind::kFloat, "float", "float"},
    {TypeKind::kDouble, "double", "double"},
    {TypeKind::kDecimal, "decimal", "decimal"},
    {TypeKind::kString, "string", "string"},
    {TypeKind::kDate, "date", "date"},
    {TypeKind::kTimestamp, "timestamp", "timestamp"},
    {TypeKind::kVector, "vector", ""},
    {TypeKind::kNull, "void", ""},
};

const TypeName& NameOf(TypeKind kind) {
  for (const TypeName& entry : kTypeNames) {
    if (entry.kind == kind) return entry;
  }
  throw Error(ErrorKind::kInternal,
              fmt::format("type kind {} has no name", static_cast<int>(kind)));
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

[[noreturn]] void ThrowUnknown(std::string_view name) {
  throw Error(
      ErrorKind::kInvalidArgument,
      fmt::format("unknown type '{}'; use one of boolean, tinyint, smallint, int, bigint, float, "
                  "double, decimal(precision,scale), string, date, timestamp, vector",
                  name));
}

// Reads a number and the character after it; returns false if either is not there.
bool ReadNumber(std::string_view& text, char after, int& number) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  if (text.empty() || text.front() != after) return false;
  text.remove_prefix(1);
  return true;
}

DataType ParseDecimal(std::string_view name, std::string_view rest) {
  DataType type{TypeKind::kDecimal, 10, 0};
  if (rest.empty()) return type;
  const bool has_scale = rest.find(',') != std::string_view::npos;
  rest.remove_prefix(1);
  const bool read = has_scale
                        ? ReadNumber(rest, ',', type.precision) && ReadNumber(rest, ')', type.scale)
                        : ReadNumber(rest, ')', type.precision);
  if (!read || !rest.empty()) ThrowUnknown(name);
  if (type.precision < 1 || type.precision > 38 || type.scale < 0 || type.scale > type.precision) {
    throw Error(
        ErrorKind::kInvalidArgument,
        fmt::format("type '{}': the precision must be 1 to 38 and the scale 0 to the precision",
                    name));
  }
  return type;
}

}  // namespace

bool DataType::IsNumeric() const { return kind >= TypeKind::kByte && kind <= TypeKind::kDecimal; }

bool DataType::IsIntegral() const { return kind >= TypeKind::kByte && kind <= TypeKind::kLong; }

std::string DataType::ToString() const {
  if (kind == TypeKind::kDecimal) return fmt::format("decimal({},{})", precision, scale);
  return std::string(NameOf(kind).name);
}

std::string DataType::ToJsonName() const {
  if (kind == TypeKind::kDecimal) return ToString();
  const std::string_view name = NameOf(kind).json_name;
  if (name.empty()) {
    throw Error(ErrorKind::kInternal,
                fmt::format("type {} has no name in Spark's schema JSON", ToString()));
  }
  return std::string(name);
}

DataType DataType::Parse(std::string_view name) {
  std::string lower = Lower(name);
  while (!lower.empty() && lower.back() == ' ') lower.pop_back();
  lower.erase(0, lower.find_first_not_of(' '));
  const std::size_t end = lower.find_first_of(" (");
  const std::string_view word = std::string_view(lower).substr(0, end);
  std::string_view rest =
      end == std::string::npos ? std::string_view() : std::string_view(lower).substr(end);
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  if (word == "decimal" || word == "dec" || word == "numeric") {
    if (!rest.empty() && rest.front() != '(') ThrowUnknown(name);
    return ParseDecimal(name, rest);
  }
  if (!rest.empty()) ThrowUnknown(name);
  if (word == "real") return kFloatType;
  for (const TypeName& entry : kTypeNames) {
    if (word == entry.name || (!entry.json_name.empty() && word == entry.json_name))
      return {entry.kind};
  }
  ThrowUnknown(name);
}

}  // namespace firesteel
