#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "table/data_type.h"
#include "table/value.h"

namespace firesteel::sql {

struct Expression;
/// Expressions are immutable and shared: a tree may be part of many others, on any thread.
using ExpressionPtr = std::shared_ptr<const Expression>;

/// One node of an expression of the workflow language. The parser and the builders below make trees
/// whose types are unknown (kNull) but for literals and casts; `Resolve` (resolve.h) returns a tree
/// with every type filled in and every implicit conversion written out, and only such a tree is
/// printed.
struct Expression {
  enum class Kind {
    kLiteral,  // `value`, `type`.
    kColumn,   // `name`.
    kCall,     // Function or operator `name` (lower case, as in the function table) over `args`.
    kCast,     // args[0] to `type`; null instead of an error if `is_try`.
    kCase,     // args: when 1, then 1, when 2, then 2, …, else (always there, NULL if unsaid).
    kIn,       // args[0] IN (args[1], …).
  };

  Kind kind = Kind::kLiteral;
  DataType type = {};
  Value value = {};
  std::string name = {};
  std::vector<ExpressionPtr> args = {};
  bool is_try = false;
  bool nullable = true;      // Filled by Resolve: false if it can't be null.
  std::size_t position = 0;  // Where it starts in the text it was parsed from, in bytes.
};

// Builders, for code that makes expressions rather than parses them.
ExpressionPtr Column(std::string_view name);
ExpressionPtr Null();
ExpressionPtr Literal(bool value);
ExpressionPtr Literal(std::int32_t value);
ExpressionPtr Literal(std::int64_t value);
ExpressionPtr Literal(double value);
ExpressionPtr Literal(std::string_view value);
ExpressionPtr Literal(const char* value);
/// A list of doubles: only as an argument of the ML functions (ml_functions.h).
ExpressionPtr Literal(std::vector<double> value);
/// A date from its text, yyyy-MM-dd.
ExpressionPtr DateLiteral(std::string_view iso_date);
ExpressionPtr Call(std::string_view function, std::vector<ExpressionPtr> args);
ExpressionPtr Cast(ExpressionPtr input, DataType type);
ExpressionPtr TryCast(ExpressionPtr input, DataType type);
/// CASE WHEN condition THEN then ELSE otherwise END.
ExpressionPtr If(ExpressionPtr condition, ExpressionPtr then, ExpressionPtr otherwise);
ExpressionPtr IsNull(ExpressionPtr input);
ExpressionPtr Not(ExpressionPtr input);
ExpressionPtr And(ExpressionPtr left, ExpressionPtr right);
ExpressionPtr Or(ExpressionPtr left, ExpressionPtr right);

}  // namespace firesteel::sql
