#include "sql/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "sql/function_table.h"
#include "sql/ml_functions.h"
#include "sql/spark_text.h"

namespace firesteel::sql {
namespace {

std::string TypeName(DataType type, Dialect dialect) {
  if (dialect == Dialect::kDuckDb) {
    switch (type.kind) {
      case TypeKind::kInt:
        return "INTEGER";
      case TypeKind::kString:
        return "VARCHAR";
      case TypeKind::kTimestamp:
        return "TIMESTAMP WITH TIME ZONE";
      case TypeKind::kVector:
        return "STRUCT(\"type\" TINYINT, size INTEGER, indices INTEGER[], \"values\" DOUBLE[])";
      default:
        break;
    }
  }
  std::string name = type.ToString();
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

// Shortest digits with an exponent: a double in both dialects, and the same bits when read back.
std::string FormatDoubleLiteral(double value, Dialect dialect) {
  if (std::isnan(value) || std::isinf(value)) {
    std::string_view text = "NaN";
    if (std::isinf(value)) text = value > 0 ? "Infinity" : "-Infinity";
    return fmt::format("CAST('{}' AS {})", text, TypeName(kDoubleType, dialect));
  }
  char digits[40];
  const auto end =
      std::to_chars(digits, digits + sizeof(digits), value, std::chars_format::scientific);
  std::string text(digits, end.ptr);
  const std::size_t exponent = text.find('e');
  const int power = std::stoi(text.substr(exponent + 1));
  text = fmt::format("{}e{}", text.substr(0, exponent), power);
  return std::signbit(value) ? fmt::format("({})", text) : text;
}

bool CastCanFail(DataType from, DataType to) {
  if (from == kStringType) return to != kStringType;
  if (from.kind == TypeKind::kDecimal) return to.IsIntegral();
  if (from == kDoubleType || from == kFloatType) return to.IsIntegral();
  return from.IsIntegral() && to.IsIntegral() && to.kind < from.kind;
}

// Whether a row may end in an error; then DuckDB must be kept from computing it where Spark does
// not.
bool CanFail(const Expression& node) {
  if (node.kind == Expression::Kind::kCast && !node.is_try &&
      CastCanFail(node.args[0]->type, node.type)) {
    return true;
  }
  if (node.kind == Expression::Kind::kCall) {
    const Function* function = FindFunction(node.name);
    const bool floats_only =
        !function->duckdb_floating.empty() && (node.type == kDoubleType || node.type == kFloatType);
    if (function->can_fail && !floats_only) return true;
  }
  return std::any_of(node.args.begin(), node.args.end(),
                     [](const ExpressionPtr& argument) { return CanFail(*argument); });
}

// An empty array of Spark's that is known to be of doubles.
constexpr const char* kNoDoubles = "CAST(array() AS ARRAY<DOUBLE>)";

class Printer {
 public:
  explicit Printer(Dialect dialect) : dialect_(dialect) {}

  std::string Print(const Expression& node) const {
    switch (node.kind) {
      case Expression::Kind::kLiteral:
        return PrintLiteral(node);
      case Expression::Kind::kColumn:
        return QuoteIdentifier(node.name, dialect_);
      case Expression::Kind::kCast:
        return dialect_ == Dialect::kDuckDb ? PrintDuckDbCast(node) : PrintSparkCast(node);
      case Expression::Kind::kCase:
        return PrintCase(node);
      case Expression::Kind::kIn:
        return PrintIn(node);
      case Expression::Kind::kCall:
        return PrintCall(node);
    }
    throw Error(ErrorKind::kInternal, "an expression of an unknown kind");
  }

 private:
  std::string PrintLiteral(const Expression& node) const {
    if (const auto* flag = std::get_if<bool>(&node.value)) return *flag ? "TRUE" : "FALSE";
    if (const auto* number = std::get_if<std::int32_t>(&node.value)) {
      return PrintWhole(*number, kIntType, *number == INT32_MIN);
    }
    if (const auto* number = std::get_if<std::int64_t>(&node.value)) {
      // Below this size a dialect would take the digits for an int.
      return PrintWhole(*number, kLongType, true);
    }
    if (const auto* number = std::get_if<double>(&node.value)) {
      return FormatDoubleLiteral(*number, dialect_);
    }
    if (const auto* text = std::get_if<std::string>(&node.value)) {
      if (node.type == kDateType) return PrintDate(*text);
      return QuoteString(*text, dialect_);
    }
    if (const auto* list = std::get_if<std::vector<double>>(&node.value)) return PrintList(*list);
    if (std::holds_alternative<std::monostate>(node.value)) return "NULL";
    throw Error(ErrorKind::kInternal, "a literal of a kind that expressions do not have");
  }

  std::string PrintDate(const std::string& text) const {
    const std::optional<std::int32_t> days = ParseDate(text);
    if (!days) throw Error(ErrorKind::kInternal, "a date literal that is not a date");
    if (text.size() == 10) return fmt::format("DATE '{}'", text);
    return dialect_ == Dialect::kDuckDb ? fmt::format("fs_string_to_date('{}')", text)
                                        : fmt::format("CAST('{}' AS DATE)", text);
  }

  std::string PrintWhole(std::int64_t number, DataType type, bool with_type) const {
    if (with_type) {
      if (dialect_ == Dialect::kSpark && type == kLongType) {
        return number < 0 ? fmt::format("({}L)", number) : fmt::format("{}L", number);
      }
      return fmt::format("CAST({} AS {})", number, TypeName(type, dialect_));
    }
    return number < 0 ? fmt::format("({})", number) : fmt::format("{}", number);
  }

  std::string PrintList(const std::vector<double>& list) const {
    std::string items;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i > 0) items += ", ";
      items += FormatDoubleLiteral(list[i], dialect_);
    }
    if (dialect_ == Dialect::kDuckDb) return fmt::format("[{}]::DOUBLE[]", items);
    return list.empty() ? kNoDoubles : fmt::format("array({})", items);
  }

  std::string PrintSparkCast(const Expression& node) const {
    return fmt::format("{}({} AS {})", node.is_try ? "TRY_CAST" : "CAST", Print(*node.args[0]),
                       TypeName(node.type, dialect_));
  }

  std::string PrintDuckDbCast(const Expression& node) const {
    const DataType from = node.args[0]->type;
    const DataType to = node.type;
    const std::string input = Print(*node.args[0]);
    const auto native = [&](bool is_try = false) {
      return fmt::format("{}({} AS {})", is_try ? "TRY_CAST" : "CAST", input,
                         TypeName(to, dialect_));
    };
    if (from == kNullType || from == to) return native();
    const auto call = [&](DataType type, std::string_view value) {
      return fmt::format("fs_{}{}_to_{}({})", node.is_try ? "try_" : "", type.ToString(),
                         to.ToString(), value);
    };
    const bool from_floating = from == kDoubleType || from == kFloatType;
    if (to == kBooleanType && from.IsNumeric()) {
      return fmt::format("({} <> {})", input, from_floating ? "0e0" : "0");
    }
    if (from.kind == TypeKind::kDecimal) {
      const std::string text = fmt::format("CAST({} AS VARCHAR)", input);
      if (to == kStringType) return text;
      if (to == kDoubleType) return call(kStringType, text);
      return call(kStringType, fmt::format("split_part({}, '.', 1)", text));
    }
    if (from == kStringType) return call(kStringType, input);
    if (from_floating && to.IsIntegral()) {
      return call(kDoubleType,
                  from == kFloatType ? fmt::format("CAST({} AS DOUBLE)", input) : input);
    }
    if (from == kDoubleType && to == kFloatType) {
      return fmt::format("fs_double_to_float({})", input);
    }
    if (to == kStringType && (from_floating || from == kDateType)) {
      return fmt::format("fs_{}_to_string({})", from.ToString(), input);
    }
    if (from.IsIntegral() && to.IsIntegral() && to.kind < from.kind) {
      if (node.is_try) return native(true);
      return fmt::format("fs_bigint_to_{}({})", to.ToString(),
                         from == kLongType ? input : fmt::format("CAST({} AS BIGINT)", input));
    }
    return native();
  }

  std::string PrintCase(const Expression& node) const {
    std::string text = "CASE";
    for (std::size_t i = 0; i + 1 < node.args.size(); i += 2) {
      text += fmt::format(" WHEN {} THEN {}", Print(*node.args[i]), Print(*node.args[i + 1]));
    }
    return text + fmt::format(" ELSE {} END", Print(*node.args.back()));
  }

  std::string PrintIn(const Expression& node) const {
    const std::string value = Print(*node.args[0]);
    std::vector<std::string> list;
    bool can_fail = false;
    for (std::size_t i = 1; i < node.args.size(); ++i) {
      list.push_back(Print(*node.args[i]));
      can_fail = can_fail || CanFail(*node.args[i]);
    }
    if (dialect_ == Dialect::kDuckDb && can_fail) {
      std::string found;
      std::string unknown;
      for (const std::string& item : list) {
        found += fmt::format(" WHEN {} = {} THEN TRUE", value, item);
        unknown += fmt::format(" WHEN {} IS NULL THEN NULL", item);
      }
      return fmt::format("CASE WHEN {} IS NULL THEN NULL{}{} ELSE FALSE END", value, found,
                         unknown);
    }
    return fmt::format("({} IN ({}))", value, fmt::join(list, ", "));
  }

  // The operands of a chain of ANDs or ORs, from left to right.
  static void Flatten(const Expression& node, std::string_view name,
                      std::vector<const Expression*>& operands) {
    if (node.kind == Expression::Kind::kCall && node.name == name) {
      for (const ExpressionPtr& argument : node.args) Flatten(*argument, name, operands);
    } else {
      operands.push_back(&node);
    }
  }

  // DuckDB computes both sides of AND and OR for every row, Spark the right one only where the left
  // does not decide.
  std::string PrintLazily(const Expression& node) const {
    std::vector<const Expression*> operands;
    Flatten(node, node.name, operands);
    const bool is_and = node.name == "and";
    std::string decided;
    std::string unknown;
    for (const Expression* operand : operands) {
      const std::string text = Print(*operand);
      decided +=
          fmt::format(" WHEN {}{} THEN {}", is_and ? "NOT " : "", text, is_and ? "FALSE" : "TRUE");
      if (operand->nullable) unknown += fmt::format(" WHEN {} IS NULL THEN NULL", text);
    }
    return fmt::format("CASE{}{} ELSE {} END", decided, unknown, is_and ? "TRUE" : "FALSE");
  }

  std::string PrintStringIndex(const Expression& node) const {
    if (node.args.size() == 1) return "CAST(NULL AS DOUBLE)";
    std::vector<std::string> labels;
    for (std::size_t i = 1; i < node.args.size(); ++i) labels.push_back(Print(*node.args[i]));
    return fmt::format("CAST(enum_code(TRY_CAST({} AS ENUM({}))) AS DOUBLE)", Print(*node.args[0]),
                       fmt::join(labels, ", "));
  }

  // The ML functions over arrays of doubles, since Spark's SQL text can't name its vectors.
  std::string PrintOverArrays(const Expression& node) const {
    const auto arg = [&](std::size_t i) { return Print(*node.args[i]); };
    if (node.name == kStringIndex) {
      if (node.args.size() == 1) return "CAST(NULL AS DOUBLE)";
      std::string labels;
      for (std::size_t i = 1; i < node.args.size(); ++i) {
        labels += fmt::format("{}{}", i == 1 ? "" : ", ", arg(i));
      }
      return fmt::format("CAST(nullif(array_position(array({}), {}), 0) - 1 AS DOUBLE)", labels,
                         arg(0));
    }
    if (node.name == kOneHot) {
      const std::int32_t size = std::get<std::int32_t>(node.args[1]->value);
      const std::string index = arg(0);
      if (size == 0) {
        return fmt::format("CASE WHEN {} IS NOT NULL THEN {} END", index, kNoDoubles);
      }
      // Everything that is cut to 0 has its place in the first slot.
      return fmt::format(
          "CASE WHEN {0} IS NOT NULL THEN transform(sequence(0, {1}), k -> IF({0} < k + 1 AND ({0} "
          ">= k OR (k = 0 AND {0} > -1)), 1e0, 0e0)) END",
          index, size - 1);
    }
    if (node.name == kAssemble) return PrintAssembled(node);
    if (node.name == kConstantVector) {
      return fmt::format("array_repeat({}, {})", arg(0), arg(1));
    }
    if (node.name == kStandardScale) {
      const bool with_mean = std::get<bool>(node.args[3]->value);
      return fmt::format("transform({}, (x, k) -> {} * element_at({}, k + 1))", arg(0),
                         with_mean ? fmt::format("(x - element_at({}, k + 1))", arg(1)) : "x",
                         arg(2));
    }
    if (node.name == kMinMaxScale) {
      return fmt::format(
          "transform({0}, (x, k) -> CASE WHEN isnan(x) THEN x WHEN element_at({2}, k + 1) = 0 THEN "
          "element_at({3}, k + 1) ELSE (x - element_at({1}, k + 1)) * element_at({2}, k + 1) + {4} "
          "END)",
          arg(0), arg(1), arg(2), arg(3), arg(4));
    }
    if (node.name == kFirstSlot) {
      return fmt::format(
          "CAST(nullif(array_position(transform({}, x -> x <> 0), TRUE), 0) - 1 AS INT)", arg(0));
    }
    throw Error(ErrorKind::kInternal, fmt::format("no text over arrays for {}", node.name));
  }

  std::string PrintAssembled(const Expression& node) const {
    std::string parts, numbers, guard;
    const auto end_numbers = [&] {
      if (numbers.empty()) return;
      parts += fmt::format("{}array({})", parts.empty() ? "" : ", ", numbers);
      numbers.clear();
    };
    for (const ExpressionPtr& argument : node.args) {
      const std::string text = Print(*argument);
      if (argument->nullable) {
        guard += fmt::format("{}{} IS NOT NULL", guard.empty() ? "" : " AND ", text);
      }
      if (argument->type == kVectorType) {
        end_numbers();
        parts += fmt::format("{}{}", parts.empty() ? "" : ", ", text);
      } else {
        numbers += fmt::format("{}{}", numbers.empty() ? "" : ", ", text);
      }
    }
    end_numbers();
    const std::string whole = fmt::format("concat({})", parts);
    return guard.empty() ? whole : fmt::format("CASE WHEN {} THEN {} END", guard, whole);
  }

  std::string PrintCall(const Expression& node) const {
    const Function* function = FindFunction(node.name);
    if (function == nullptr) {
      throw Error(ErrorKind::kInternal, fmt::format("no function {}", node.name));
    }
    const bool is_duckdb = dialect_ == Dialect::kDuckDb;
    if (function->group == FunctionGroup::kMl && !is_duckdb) return PrintOverArrays(node);
    if (function->name == kStringIndex) return PrintStringIndex(node);
    if (is_duckdb && (node.name == "and" || node.name == "or") && CanFail(*node.args[1])) {
      return PrintLazily(node);
    }
    const DataType type = node.args[0]->type;
    const bool is_floating = type == kDoubleType || type == kFloatType;
    std::string_view pattern = function->spark;
    if (is_duckdb) {
      pattern = is_floating && !function->duckdb_floating.empty() ? function->duckdb_floating
                                                                  : function->duckdb;
    }
    const std::string text = Expand(pattern, node, type);
    return is_duckdb ? WithNullGuard(text, node, *function) : text;
  }

  // Spark looks at the arguments of most functions one after the other and computes none behind the
  // first that is null; DuckDB computes them all. That shows where a later one ends in an error.
  std::string WithNullGuard(const std::string& text, const Expression& node,
                            const Function& function) const {
    const bool is_strict =
        function.rule == TypeRule::kSlots || function.rule == TypeRule::kNumeric ||
        (function.rule == TypeRule::kCompare && function.nulls != NullRule::kNever);
    if (!is_strict || function.name == "and" || function.name == "or" ||
        function.group == FunctionGroup::kMl) {
      return text;
    }
    std::vector<const Expression*> order;
    for (const ExpressionPtr& argument : node.args) order.push_back(argument.get());
    const bool divisor_first = function.name == "/" || function.name == "%" ||
                               function.name == "div" || function.name == "pmod";
    if (divisor_first) std::reverse(order.begin(), order.end());
    while (!order.empty() && !CanFail(*order.back())) order.pop_back();
    if (!order.empty()) order.pop_back();
    std::string guard;
    for (const Expression* argument : order) {
      if (argument->nullable) guard += fmt::format(" WHEN {} IS NULL THEN NULL", Print(*argument));
    }
    return guard.empty() ? text : fmt::format("CASE{} ELSE {} END", guard, text);
  }

  std::string Expand(std::string_view pattern, const Expression& node, DataType type) const {
    std::string text;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] != '$') {
        text += pattern[i];
        continue;
      }
      const char what = pattern[++i];
      if (what == 't') {
        text += type.ToString();
      } else if (what == '*' || what == '|') {
        if (what == '|') ++i;
        for (std::size_t k = 0; k < node.args.size(); ++k) {
          if (k > 0) text += what == '*' ? ", " : " || ";
          text += Print(*node.args[k]);
        }
      } else {
        text += Print(*node.args.at(static_cast<std::size_t>(what - '1')));
      }
    }
    return text;
  }

  Dialect dialect_;
};

}  // namespace

std::string QuoteIdentifier(std::string_view name, Dialect dialect) {
  const char quote = dialect == Dialect::kDuckDb ? '"' : '`';
  std::string text(1, quote);
  for (const char c : name) {
    if (c == quote) text += quote;
    text += c;
  }
  return text + quote;
}

std::string QuoteString(std::string_view value, Dialect dialect) {
  std::string text = "'";
  for (const char c : value) {
    if (dialect == Dialect::kDuckDb) {
      if (c == '\'') text += '\'';
      text += c;
    } else if (c == '\'' || c == '\\') {
      text += '\\';
      text += c;
    } else if (c == '$') {
      // Spark replaces ${…} in SQL text by configuration values.
      text += "\\u0024";
    } else {
      text += c;
    }
  }
  return text + "'";
}

std::string Print(const Expression& expression, Dialect dialect) {
  return Printer(dialect).Print(expression);
}

std::string Print(const ResolvedSelect& select, Dialect dialect, std::string_view source) {
  const Printer printer(dialect);
  std::string text = "SELECT ";
  for (std::size_t i = 0; i < select.columns.size(); ++i) {
    if (i > 0) text += ", ";
    const std::string& name = select.schema.fields()[i].name;
    const Expression& column = *select.columns[i];
    text += printer.Print(column);
    if (column.kind != Expression::Kind::kColumn || column.name != name) {
      text += " AS " + QuoteIdentifier(name, dialect);
    }
  }
  text += fmt::format(" FROM {}", source);
  if (select.where != nullptr) text += " WHERE " + printer.Print(*select.where);
  return text;
}

}  // namespace firesteel::sql
