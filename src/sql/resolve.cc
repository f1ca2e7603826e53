#include "sql/resolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "sql/function_table.h"
#include "sql/ml_functions.h"
#include "sql/spark_text.h"

namespace firesteel::sql {
namespace {

[[noreturn]] void Fail(ErrorKind kind, const Expression& node, std::string_view message) {
  throw Error(kind, fmt::format("position {}: {}", node.position + 1, message));
}

bool IsFloating(DataType type) {
  return type.kind == TypeKind::kFloat || type.kind == TypeKind::kDouble;
}

bool IsOrdered(DataType type) { return type.kind != TypeKind::kVector; }

// Whether a value of `from` becomes one of `to` without an error and, but for bigint to double,
// without a loss.
bool Widens(DataType from, DataType to) {
  if (from == to || from == kNullType) return true;
  if (from.kind == TypeKind::kDecimal || to.kind == TypeKind::kDecimal) return false;
  if (from.IsIntegral()) return to.IsNumeric() && from.kind < to.kind && to != kFloatType;
  return from == kFloatType && to == kDoubleType;
}

// The type both sides of an operator become; nothing if there is no obvious one.
std::optional<DataType> Common(DataType left, DataType right) {
  if (Widens(left, right)) return right;
  if (Widens(right, left)) return left;
  // Spark: a whole number and a float meet as doubles, since a float holds neither int nor bigint.
  if ((left.IsIntegral() && right == kFloatType) || (right.IsIntegral() && left == kFloatType)) {
    return kDoubleType;
  }
  return std::nullopt;
}

bool CastIsAllowed(DataType from, DataType to) {
  if (from == to || from == kNullType) return to.kind != TypeKind::kVector || from == to;
  const auto is_plain_number = [](DataType type) {
    return type.IsNumeric() && type.kind != TypeKind::kDecimal;
  };
  switch (from.kind) {
    case TypeKind::kBoolean:
      return is_plain_number(to) || to == kStringType;
    case TypeKind::kByte:
    case TypeKind::kShort:
    case TypeKind::kInt:
    case TypeKind::kLong:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      return is_plain_number(to) || to == kStringType || to == kBooleanType;
    case TypeKind::kDecimal:
      return to == kDoubleType || to == kStringType || to == kIntType || to == kLongType;
    case TypeKind::kString:
      return is_plain_number(to) || to == kBooleanType || to == kDateType;
    case TypeKind::kDate:
      return to == kStringType;
    default:
      return false;
  }
}

// Whether a cast of a value that is not null may give null or, in Spark's eyes, might.
bool CastMayBeNull(DataType from, DataType to) {
  if (from == to) return false;
  if (from == kStringType) return true;
  return (IsFloating(from) || from.kind == TypeKind::kDecimal) && to.IsIntegral();
}

bool IsTruncUnit(std::string_view unit) {
  for (const std::string_view name :
       {"year", "yyyy", "yy", "quarter", "month", "mon", "mm", "week"}) {
    if (EqualsIgnoringCase(unit, name)) return true;
  }
  return false;
}

std::string WithType(const ExpressionPtr& argument) {
  return argument->type == kNullType ? "null" : argument->type.ToString();
}

class Resolver {
 public:
  explicit Resolver(const Schema& input) : input_(input) {}

  ExpressionPtr Resolve(const ExpressionPtr& node) {
    switch (node->kind) {
      case Expression::Kind::kLiteral:
        return ResolveLiteral(node);
      case Expression::Kind::kColumn:
        return ResolveColumn(*node);
      case Expression::Kind::kCast:
        return ResolveCast(*node);
      case Expression::Kind::kCase:
        return ResolveCase(*node, ResolveAll(node->args));
      case Expression::Kind::kIn:
        return ResolveIn(*node);
      case Expression::Kind::kCall:
        return ResolveCall(*node);
    }
    throw Error(ErrorKind::kInternal, "an expression of an unknown kind");
  }

 private:
  std::vector<ExpressionPtr> ResolveAll(const std::vector<ExpressionPtr>& args) {
    std::vector<ExpressionPtr> resolved;
    resolved.reserve(args.size());
    for (const ExpressionPtr& argument : args) resolved.push_back(Resolve(argument));
    return resolved;
  }

  static ExpressionPtr ResolveLiteral(const ExpressionPtr& node) {
    if (node->type == kDateType && !ParseDate(std::get<std::string>(node->value))) {
      Fail(ErrorKind::kInvalidArgument, *node,
           fmt::format("'{}' is not a date; write it as yyyy-MM-dd",
                       std::get<std::string>(node->value)));
    }
    return node;
  }

  ExpressionPtr ResolveColumn(const Expression& node) const {
    const Field* field = nullptr;
    for (const Field& candidate : input_.fields()) {
      if (!EqualsIgnoringCase(candidate.name, node.name)) continue;
      if (field != nullptr) {
        Fail(ErrorKind::kInvalidArgument, node,
             fmt::format("column '{}' is ambiguous: the input has '{}' and '{}'", node.name,
                         field->name, candidate.name));
      }
      field = &candidate;
    }
    if (field == nullptr) {
      try {
        field = &input_.Get(node.name);
      } catch (const Error& error) {
        Fail(error.kind(), node, error.what());
      }
    }
    auto column = std::make_shared<Expression>(node);
    column->name = field->name;
    column->type = field->type;
    column->nullable = field->nullable;
    return column;
  }

  // Writes the conversion of a resolved argument to `type` out. Literals are converted here.
  static ExpressionPtr Convert(const ExpressionPtr& argument, DataType type, bool is_try = false) {
    if (argument->type == type && !is_try) return argument;
    if (argument->kind == Expression::Kind::kLiteral) {
      if (ExpressionPtr literal = ConvertLiteral(*argument, type)) return literal;
    }
    auto cast = std::make_shared<Expression>();
    cast->kind = Expression::Kind::kCast;
    cast->type = type;
    cast->args = {argument};
    cast->is_try = is_try;
    cast->nullable = is_try || argument->nullable || CastMayBeNull(argument->type, type);
    cast->position = argument->position;
    return cast;
  }

  static ExpressionPtr ConvertLiteral(const Expression& literal, DataType type) {
    std::int64_t number;
    if (const auto* value = std::get_if<std::int32_t>(&literal.value)) {
      number = *value;
    } else if (const auto* wide = std::get_if<std::int64_t>(&literal.value)) {
      number = *wide;
    } else {
      return nullptr;
    }
    auto converted = std::make_shared<Expression>(literal);
    converted->type = type;
    if (type == kLongType) {
      converted->value = number;
    } else if (type == kDoubleType) {
      converted->value = static_cast<double>(number);
    } else {
      return nullptr;
    }
    return converted;
  }

  ExpressionPtr ResolveCast(const Expression& node) {
    const ExpressionPtr input = Resolve(node.args.at(0));
    if (!CastIsAllowed(input->type, node.type)) {
      std::string_view advice;
      if (node.type.kind == TypeKind::kDecimal) {
        advice = "; the language has no decimal arithmetic, cast to double";
      } else if (input->type == kTimestampType || node.type == kTimestampType) {
        advice = "; it would depend on the time zone of the session";
      } else if (input->type.kind == TypeKind::kDecimal) {
        advice = "; cast to double first";
      }
      Fail(ErrorKind::kUnsupported, node,
           fmt::format("a {} cannot be cast to {} here{}", WithType(input), node.type.ToString(),
                       advice));
    }
    return Convert(input, node.type, node.is_try);
  }

  // The common type of several arguments. String literals that are dates meet dates.
  static DataType CommonOfAll(const Expression& node, std::vector<ExpressionPtr>& args,
                              std::size_t first, std::size_t step, std::string_view what) {
    std::vector<std::size_t> members;
    for (std::size_t i = first; i < args.size(); i += step) members.push_back(i);
    return CommonOf(node, args, members, what);
  }

  static DataType CommonOf(const Expression& node, std::vector<ExpressionPtr>& args,
                           const std::vector<std::size_t>& members, std::string_view what) {
    const bool has_date = std::any_of(members.begin(), members.end(),
                                      [&](std::size_t i) { return args[i]->type == kDateType; });
    if (has_date) {
      for (const std::size_t i : members) args[i] = DateFromLiteral(args[i]);
    }
    DataType common = kNullType;
    for (const std::size_t i : members) {
      const std::optional<DataType> next = Common(common, args[i]->type);
      if (!next) FailMixed(*args[i], common, args[i]->type, what);
      common = *next;
    }
    for (const std::size_t i : members) args[i] = Convert(args[i], common);
    (void)node;
    return common;
  }

  static ExpressionPtr DateFromLiteral(const ExpressionPtr& argument) {
    if (argument->kind != Expression::Kind::kLiteral || argument->type != kStringType) {
      return argument;
    }
    const std::optional<std::int32_t> days = ParseDate(std::get<std::string>(argument->value));
    if (!days) return argument;
    auto date = std::make_shared<Expression>(*argument);
    date->type = kDateType;
    date->value = FormatDate(*days);
    return date;
  }

  [[noreturn]] static void FailMixed(const Expression& node, DataType left, DataType right,
                                     std::string_view what) {
    std::string advice;
    if (left.kind == TypeKind::kDecimal || right.kind == TypeKind::kDecimal) {
      advice = "cast the decimal: CAST(… AS DOUBLE)";
    } else if (left == kStringType || right == kStringType) {
      const DataType other = left == kStringType ? right : left;
      advice = fmt::format("write CAST(… AS {}), or compare texts",
                           other.kind == TypeKind::kDate ? "DATE" : AsciiUpper(other.ToString()));
    } else {
      advice = "cast one of them";
    }
    Fail(ErrorKind::kInvalidArgument, node,
         fmt::format("{} mixes {} and {}; {}", what, left.ToString(), right.ToString(), advice));
  }

  static std::string AsciiUpper(std::string text) {
    for (char& c : text) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
  }

  ExpressionPtr ResolveCase(const Expression& node, std::vector<ExpressionPtr> args) {
    if (args.size() < 3 || args.size() % 2 == 0) {
      throw Error(ErrorKind::kInternal, "a CASE needs conditions, values and an ELSE");
    }
    std::vector<std::size_t> values;
    for (std::size_t i = 0; i + 1 < args.size(); i += 2) {
      args[i] = ToSlot(args[i], kBooleanType, "a condition");
      values.push_back(i + 1);
    }
    values.push_back(args.size() - 1);
    auto resolved = std::make_shared<Expression>(node);
    resolved->kind = Expression::Kind::kCase;
    resolved->name.clear();
    resolved->type = CommonOf(node, args, values, "CASE");
    resolved->nullable =
        std::any_of(values.begin(), values.end(), [&](std::size_t i) { return args[i]->nullable; });
    resolved->args = std::move(args);
    return resolved;
  }

  ExpressionPtr ResolveIn(const Expression& node) {
    std::vector<ExpressionPtr> args = ResolveAll(node.args);
    auto resolved = std::make_shared<Expression>(node);
    RequireOrdered(CommonOfAll(node, args, 0, 1, "IN"), node, "IN");
    resolved->type = kBooleanType;
    resolved->nullable = AnyNullable(args);
    resolved->args = std::move(args);
    return resolved;
  }

  static bool AnyNullable(const std::vector<ExpressionPtr>& args) {
    return std::any_of(args.begin(), args.end(),
                       [](const ExpressionPtr& argument) { return argument->nullable; });
  }

  static void RequireOrdered(DataType type, const Expression& node, std::string_view what) {
    if (!IsOrdered(type)) {
      Fail(ErrorKind::kInvalidArgument, node, fmt::format("{} does not take vectors", what));
    }
  }

  // Converts an argument to what its place asks for, by a conversion that is always safe.
  static ExpressionPtr ToSlot(const ExpressionPtr& argument, DataType type, std::string_view what) {
    if (type == kDateType) {
      const ExpressionPtr date = DateFromLiteral(argument);
      if (date->type == kDateType) return date;
    }
    if (!Widens(argument->type, type)) {
      std::string advice;
      if (CastIsAllowed(argument->type, type)) {
        advice = fmt::format("; write CAST(… AS {})", AsciiUpper(type.ToString()));
      }
      Fail(ErrorKind::kInvalidArgument, *argument,
           fmt::format("{} must be {}, but is {}{}", what, type.ToString(), WithType(argument),
                       advice));
    }
    return Convert(argument, type);
  }

  static void CheckCount(const Expression& node, const Function& function, std::size_t count) {
    std::string_view slots = function.slots;
    const bool open = slots.ends_with('*');
    if (open) slots.remove_suffix(1);
    const std::size_t bracket = slots.find('[');
    const std::size_t least = bracket == std::string_view::npos ? slots.size() : bracket;
    const std::size_t most = bracket == std::string_view::npos ? slots.size() : slots.size() - 1;
    if (count >= least && (open || count <= most)) return;
    Fail(
        ErrorKind::kInvalidArgument, node,
        fmt::format("{} takes {}{} argument{}, but is given {}: {}", function.name,
                    open ? "at least " : "",
                    least == most ? fmt::format("{}", least) : fmt::format("{} or {}", least, most),
                    most == 1 ? "" : "s", count, function.signature));
  }

  ExpressionPtr ResolveCall(const Expression& node) {
    const Function* function = FindFunction(node.name);
    if (function == nullptr) {
      Fail(ErrorKind::kUnsupported, node,
           fmt::format("the function {} is not part of the expression language", node.name));
    }
    std::vector<ExpressionPtr> args;
    args.reserve(node.args.size());
    for (const ExpressionPtr& argument : node.args) args.push_back(Resolve(argument));
    if (function->name == kStringIndex) return ResolveStringIndex(node, *function, std::move(args));
    if (function->name == "log" && args.size() == 1) function = FindFunction("ln");
    CheckCount(node, *function, args.size());
    switch (function->rule) {
      case TypeRule::kSlots:
        return ResolveSlots(node, *function, std::move(args));
      case TypeRule::kNumeric:
        return ResolveNumeric(node, *function, std::move(args));
      case TypeRule::kCompare: {
        const DataType type = CommonOfAll(node, args, 0, 1, function->name);
        RequireOrdered(type, node, function->name);
        return Finish(node, *function, std::move(args), kBooleanType);
      }
      case TypeRule::kCommon: {
        const DataType type = CommonOfAll(node, args, 0, 1, function->name);
        RequireOrdered(type, node, function->name);
        return Finish(node, *function, std::move(args), type);
      }
      case TypeRule::kAnyType: {
        const DataType type = CommonOfAll(node, args, 0, 1, function->name);
        return Finish(node, *function, std::move(args), type);
      }
      case TypeRule::kOneOfAny:
        return Finish(node, *function, std::move(args), function->result);
      case TypeRule::kConcat:
        for (ExpressionPtr& argument : args) {
          if (argument->type != kNullType && !CastIsAllowed(argument->type, kStringType)) {
            Fail(ErrorKind::kInvalidArgument, *argument,
                 fmt::format("{} does not take a {}", function->name, WithType(argument)));
          }
          argument = Convert(argument, kStringType);
        }
        return Finish(node, *function, std::move(args), kStringType);
      case TypeRule::kInteger:
        if (args[0]->type.IsIntegral()) return Convert(args[0], kLongType);
        args[0] = ToSlot(args[0], kDoubleType, ArgumentName(*function, 0));
        return Finish(node, *function, std::move(args), kLongType);
      case TypeRule::kRound:
        return ResolveRound(node, *function, std::move(args));
      case TypeRule::kAssemble:
        for (std::size_t i = 0; i < args.size(); ++i) {
          const DataType type = args[i]->type;
          if (type == kVectorType) continue;
          if (!CastIsAllowed(type, kDoubleType) || type == kStringType || type == kNullType) {
            Fail(ErrorKind::kInvalidArgument, *args[i],
                 fmt::format("{} must be a number, a boolean or a vector, but is {}",
                             ArgumentName(*function, i), WithType(args[i])));
          }
          args[i] = Convert(args[i], kDoubleType);
        }
        return Finish(node, *function, std::move(args), kVectorType);
      case TypeRule::kRewrite:
        return Rewrite(node, *function, std::move(args));
    }
    throw Error(ErrorKind::kInternal, "a function with an unknown type rule");
  }

  static std::string ArgumentName(const Function& function, std::size_t index) {
    return fmt::format("argument {} of {}", index + 1, function.name);
  }

  static ExpressionPtr Finish(const Expression& node, const Function& function,
                              std::vector<ExpressionPtr> args, DataType type) {
    auto call = std::make_shared<Expression>(node);
    call->name = function.name;
    call->type = type;
    switch (function.nulls) {
      case NullRule::kIfAnyArgument:
        call->nullable = AnyNullable(args);
        break;
      case NullRule::kAlwaysPossible:
        call->nullable = true;
        break;
      case NullRule::kNever:
        call->nullable = false;
        break;
      case NullRule::kIfAllArguments:
        call->nullable = std::all_of(args.begin(), args.end(), [](const ExpressionPtr& argument) {
          return argument->nullable;
        });
        break;
    }
    call->args = std::move(args);
    return call;
  }

  ExpressionPtr ResolveSlots(const Expression& node, const Function& function,
                             std::vector<ExpressionPtr> args) {
    // to_date(text) and try_to_date(text) are casts.
    if (args.size() == 1 && function.slots == "s[p") {
      const ExpressionPtr text = ToSlot(args[0], kStringType, ArgumentName(function, 0));
      return Convert(text, kDateType, function.name == "try_to_date");
    }
    std::string slots(function.slots);
    std::erase(slots, '[');
    AddDefaults(function, args);
    for (std::size_t i = 0; i < args.size(); ++i) {
      args[i] = ToSlotLetter(args[i], slots[i], ArgumentName(function, i));
    }
    return Finish(node, function, std::move(args), function.result);
  }

  static void AddDefaults(const Function& function, std::vector<ExpressionPtr>& args) {
    const std::size_t bracket = function.slots.find('[');
    if (bracket == std::string_view::npos || args.size() > bracket) return;
    if (function.name == "substring") {
      args.push_back(Literal(INT32_MAX));
    } else if (function.name == "replace") {
      args.push_back(Literal(""));
    } else if (function.name == "lpad" || function.name == "rpad") {
      args.push_back(Literal(" "));
    }
  }

  static ExpressionPtr ToSlotLetter(const ExpressionPtr& argument, char letter,
                                    const std::string& what) {
    const bool is_literal = argument->kind == Expression::Kind::kLiteral;
    switch (letter) {
      case 'd':
        return ToSlot(argument, kDoubleType, what);
      case 'i':
        return ToSlot(argument, kIntType, what);
      case 'l':
        return ToSlot(argument, kLongType, what);
      case 's':
        return ToSlot(argument, kStringType, what);
      case 'D':
        return ToSlot(argument, kDateType, what);
      case 'b':
        return ToSlot(argument, kBooleanType, what);
      case 'v':
        return ToSlot(argument, kVectorType, what);
      case 'B':
        if (is_literal && argument->type == kBooleanType) return argument;
        Fail(ErrorKind::kInvalidArgument, *argument, what + " must be TRUE or FALSE");
      case 'I':
        if (is_literal && argument->type == kIntType) return argument;
        Fail(ErrorKind::kInvalidArgument, *argument, what + " must be a whole number, written out");
      case 'n':
        if (is_literal && std::holds_alternative<std::vector<double>>(argument->value)) {
          return argument;
        }
        Fail(ErrorKind::kInvalidArgument, *argument, what + " must be a list of numbers");
      case 'u':
        if (!is_literal || argument->type != kStringType ||
            !IsTruncUnit(std::get<std::string>(argument->value))) {
          Fail(ErrorKind::kInvalidArgument, *argument,
               what + " must be 'year', 'quarter', 'month' or 'week', written out in quotes");
        }
        return argument;
      case 'p':
        if (!is_literal || argument->type != kStringType) {
          Fail(ErrorKind::kInvalidArgument, *argument,
               what + " must be a date pattern, written out in quotes");
        }
        try {
          CheckDatePattern(std::get<std::string>(argument->value));
        } catch (const Error& error) {
          Fail(ErrorKind::kUnsupported, *argument, error.what());
        }
        return argument;
    }
    throw Error(ErrorKind::kInternal, fmt::format("unknown slot '{}'", letter));
  }

  ExpressionPtr ResolveNumeric(const Expression& node, const Function& function,
                               std::vector<ExpressionPtr> args) {
    for (const ExpressionPtr& argument : args) {
      const DataType type = argument->type;
      if (type == kNullType || (type.IsNumeric() && type.kind != TypeKind::kDecimal)) continue;
      std::string_view advice = "cast it to a number";
      if (type.kind == TypeKind::kDecimal) advice = "write CAST(… AS DOUBLE)";
      if (type == kStringType) advice = "write CAST(… AS DOUBLE) or CAST(… AS INT)";
      if (type == kDateType) advice = "use date_add, date_sub or datediff";
      Fail(ErrorKind::kInvalidArgument, *argument,
           fmt::format("{} does not take a {}; {}", function.name, type.ToString(), advice));
    }
    DataType type = CommonOfAll(node, args, 0, 1, function.name);
    if (type == kNullType) {
      type = kDoubleType;
      for (ExpressionPtr& argument : args) argument = Convert(argument, type);
    }
    return Finish(node, function, std::move(args), type);
  }

  static ExpressionPtr ResolveRound(const Expression& node, const Function& function,
                                    std::vector<ExpressionPtr> args) {
    if (args.size() == 1) args.push_back(Literal(std::int32_t{0}));
    args[1] = ToSlotLetter(args[1], 'I', ArgumentName(function, 1));
    if (args[0]->type.IsIntegral()) {
      if (std::get<std::int32_t>(args[1]->value) >= 0) return args[0];
      Fail(ErrorKind::kUnsupported, node,
           "round of a whole number to negative digits is not supported; round CAST(… AS DOUBLE)");
    }
    if (args[0]->type == kFloatType) {
      Fail(ErrorKind::kUnsupported, node,
           "round of a float is not supported; round CAST(… AS DOUBLE)");
    }
    args[0] = ToSlot(args[0], kDoubleType, ArgumentName(function, 0));
    return Finish(node, function, std::move(args), kDoubleType);
  }

  static ExpressionPtr ResolveStringIndex(const Expression& node, const Function& function,
                                          std::vector<ExpressionPtr> args) {
    if (args.empty()) {
      Fail(ErrorKind::kInvalidArgument, node, "ml_string_index needs a text");
    }
    for (std::size_t i = 1; i < args.size(); ++i) {
      if (args[i]->kind != Expression::Kind::kLiteral || args[i]->type != kStringType) {
        Fail(ErrorKind::kInvalidArgument, *args[i], "the labels of ml_string_index must be texts");
      }
    }
    args[0] = ToSlot(args[0], kStringType, ArgumentName(function, 0));
    return Finish(node, function, std::move(args), kDoubleType);
  }

  // The arguments are resolved already; what is built of them is resolved by the rules of its own
  // nodes.
  ExpressionPtr Rewrite(const Expression& node, const Function& function,
                        std::vector<ExpressionPtr> args) {
    Expression result = node;
    if (function.name == "if") {
      return ResolveCase(result, std::move(args));
    }
    if (function.name == "nvl2") {
      const ExpressionPtr condition =
          Finish(node, *FindFunction("isnotnull"), {args[0]}, kBooleanType);
      return ResolveCase(result, {condition, args[1], args[2]});
    }
    if (function.name == "nullif") {
      std::vector<ExpressionPtr> pair = args;
      RequireOrdered(CommonOfAll(node, pair, 0, 1, function.name), node, function.name);
      const ExpressionPtr same = Finish(node, *FindFunction("="), std::move(pair), kBooleanType);
      return ResolveCase(result, {same, Null(), args[0]});
    }
    if (function.name == "nanvl") {
      for (std::size_t i = 0; i < args.size(); ++i) {
        args[i] = ToSlot(args[i], kDoubleType, ArgumentName(function, i));
      }
      const ExpressionPtr condition = Finish(node, *FindFunction("isnan"), {args[0]}, kBooleanType);
      return ResolveCase(result, {condition, args[1], args[0]});
    }
    throw Error(ErrorKind::kInternal, fmt::format("no rule to rewrite {}", function.name));
  }

  const Schema& input_;
};

// A NULL that no neighbour gave a type.
ExpressionPtr WithoutNullType(const ExpressionPtr& expression, std::string_view name) {
  if (expression->type != kNullType) return expression;
  Fail(
      ErrorKind::kInvalidArgument, *expression,
      fmt::format("column '{}' is null in every row and has no type; write CAST(NULL AS …)", name));
}

}  // namespace

ExpressionPtr Resolve(const ExpressionPtr& expression, const Schema& input) {
  return Resolver(input).Resolve(expression);
}

ResolvedSelect Resolve(const Select& select, const Schema& input) {
  ResolvedSelect resolved;
  const auto add = [&](ExpressionPtr column, Field field) {
    if (const auto clash = resolved.schema.Find(field.name)) {
      throw Error(
          ErrorKind::kInvalidArgument,
          fmt::format("the output column '{}' is there twice; rename one with AS", field.name));
    }
    resolved.columns.push_back(std::move(column));
    resolved.schema.Add(std::move(field));
  };
  for (const SelectItem& item : select.items) {
    if (item.expression == nullptr) {
      for (const Field& field : input.fields()) add(Resolve(Column(field.name), input), field);
      continue;
    }
    const ExpressionPtr column = WithoutNullType(Resolve(item.expression, input), item.name);
    Field field{item.name, column->type, column->nullable, {}};
    if (column->kind == Expression::Kind::kColumn) {
      field.attributes = input.Get(column->name).attributes;
    }
    add(column, std::move(field));
  }
  if (select.where != nullptr) {
    resolved.where = Resolve(select.where, input);
    if (resolved.where->type == kNullType) {
      resolved.where = Resolve(Cast(Null(), kBooleanType), input);
    }
    if (resolved.where->type != kBooleanType) {
      Fail(ErrorKind::kInvalidArgument, *resolved.where,
           fmt::format("WHERE needs a condition, but is {}", resolved.where->type.ToString()));
    }
  }
  return resolved;
}

}  // namespace firesteel::sql
