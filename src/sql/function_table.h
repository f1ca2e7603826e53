#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "table/data_type.h"

/// The one list of what expressions may call. The resolver takes types from it, the printer both
/// dialects' text, the parser the names, docs/expressions.md its tables; a function is added by
/// adding a row (and, if DuckDB lacks it, the row function in engine/duckdb/functions).
namespace firesteel::sql {

enum class FunctionGroup { kOperator, kConditional, kMath, kText, kDate, kMl };

/// How the types of the arguments and of the result follow from each other.
enum class TypeRule {
  kSlots,     // Each argument has its slot; the result type is fixed.
  kNumeric,   // All arguments become their common numeric type, which is the result's.
  kCompare,   // All arguments become their common, ordered type; the result is boolean.
  kCommon,    // All arguments become their common, ordered type, which is the result's.
  kAnyType,   // All arguments become their common type, whatever it is, which is the result's.
  kOneOfAny,  // One argument of any type; the result type is fixed.
  kConcat,    // All arguments become text, numbers and dates by a cast.
  kInteger,   // A whole number becomes bigint itself; others become double and the function is
              // called.
  kRound,     // A whole number is its own result; others become double and the function is called.
  kAssemble,  // Numbers and booleans become double, vectors stay.
  kRewrite,   // The resolver writes it in terms of other functions.
};

/// When the result is null; what the resolver says of nullability.
enum class NullRule { kIfAnyArgument, kAlwaysPossible, kNever, kIfAllArguments };

struct Function {
  std::string_view name;
  std::vector<std::string_view> aliases;
  FunctionGroup group;
  std::string_view signature;  // For people.
  TypeRule rule;
  /// kSlots: a letter for each argument: d double, i int, l bigint, s string, D date, p text
  /// literal that is a date pattern, b boolean, B boolean literal, I int literal, v vector, n list
  /// of doubles; `[` starts the optional ones. Other rules: as many letters as arguments, `*` for
  /// one or more of the last.
  std::string_view slots;
  DataType result;
  NullRule nulls;
  bool can_fail;  // Whether a row may end in an error.
  std::string_view
      duckdb;  // $1, $2 arguments; $* all of them; $|| all with || between; $t type name.
  std::string_view duckdb_floating;  // Instead of `duckdb` if the common type is float or double.
  std::string_view spark;
  std::string_view sentence;
  std::string_view example;  // An expression, and
  std::string_view
      example_value;  // its value cast to string, checked by the tests on both engines.
};

/// All functions, ML functions last.
std::span<const Function> Functions();

/// The function's row of the tables in docs/expressions.md: signature, sentence, example. Tests
/// hold the page to it.
std::string DocumentationRow(const Function& function);

/// The function of that name or alias (lower case), or null.
const Function* FindFunction(std::string_view name);

}  // namespace firesteel::sql
