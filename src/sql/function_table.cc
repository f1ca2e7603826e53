#include "sql/function_table.h"

#include <fmt/format.h>

#include <unordered_map>

#include "sql/ml_functions.h"

namespace firesteel::sql {
namespace {

using G = FunctionGroup;
using N = NullRule;
using R = TypeRule;

constexpr bool kCanFail = true;
constexpr bool kSafe = false;

// Functions of one or two doubles that look alike.
Function Math(std::string_view name, std::vector<std::string_view> aliases,
              std::string_view signature, std::string_view duckdb, std::string_view spark,
              std::string_view sentence, std::string_view example, std::string_view value) {
  const bool two = signature.find(',') != std::string_view::npos;
  return {name,        std::move(aliases),
          G::kMath,    signature,
          R::kSlots,   two ? "dd" : "d",
          kDoubleType, N::kAlwaysPossible,
          kSafe,       duckdb,
          "",          spark,
          sentence,    example,
          value};
}

Function DatePart(std::string_view name, std::vector<std::string_view> aliases,
                  std::string_view signature, std::string_view duckdb, std::string_view spark,
                  std::string_view sentence, std::string_view example, std::string_view value) {
  return {name,      std::move(aliases),
          G::kDate,  signature,
          R::kSlots, "D",
          kIntType,  N::kIfAnyArgument,
          kSafe,     duckdb,
          "",        spark,
          sentence,  example,
          value};
}

Function Text(std::string_view name, std::vector<std::string_view> aliases,
              std::string_view signature, std::string_view slots, DataType result,
              std::string_view duckdb, std::string_view spark, std::string_view sentence,
              std::string_view example, std::string_view value) {
  return {name,      std::move(aliases),
          G::kText,  signature,
          R::kSlots, slots,
          result,    N::kIfAnyArgument,
          kSafe,     duckdb,
          "",        spark,
          sentence,  example,
          value};
}

Function Compare(std::string_view name, std::vector<std::string_view> aliases,
                 std::string_view signature, NullRule nulls, std::string_view duckdb,
                 std::string_view spark, std::string_view sentence, std::string_view example,
                 std::string_view value) {
  return {name,         std::move(aliases),
          G::kOperator, signature,
          R::kCompare,  "xx",
          kBooleanType, nulls,
          kSafe,        duckdb,
          "",           spark,
          sentence,     example,
          value};
}

Function Ml(std::string_view name, std::string_view signature, TypeRule rule,
            std::string_view slots, DataType result, NullRule nulls, std::string_view duckdb,
            std::string_view sentence) {
  return {name,  {},     G::kMl, signature, rule,     slots, result, nulls,
          kSafe, duckdb, "",     "",        sentence, "",    ""};
}

// clang-format off
std::vector<Function> MakeTable() {
  return {
    // Operators.
    {"+", {}, G::kOperator, "a + b", R::kNumeric, "xx", kNullType, N::kIfAnyArgument, kCanFail,
     "fs_add_$t($1, $2)", "($1 + $2)", "($1 + $2)",
     "Sum. Whole numbers that overflow are an error.", "2 + 3", "5"},
    {"-", {}, G::kOperator, "a - b", R::kNumeric, "xx", kNullType, N::kIfAnyArgument, kCanFail,
     "fs_subtract_$t($1, $2)", "($1 - $2)", "($1 - $2)",
     "Difference. Whole numbers that overflow are an error.", "2 - 3", "-1"},
    {"*", {}, G::kOperator, "a * b", R::kNumeric, "xx", kNullType, N::kIfAnyArgument, kCanFail,
     "fs_multiply_$t($1, $2)", "($1 * $2)", "($1 * $2)",
     "Product. Whole numbers that overflow are an error.", "2 * 3", "6"},
    {"/", {}, G::kOperator, "a / b", R::kSlots, "dd", kDoubleType, N::kAlwaysPossible, kCanFail,
     "fs_divide($1, $2)", "", "($1 / $2)",
     "Quotient of doubles. A zero divisor is an error.", "3 / 2", "1.5"},
    {"div", {}, G::kOperator, "a div b", R::kSlots, "ll", kLongType, N::kAlwaysPossible, kCanFail,
     "fs_div($1, $2)", "", "($1 div $2)",
     "Quotient of whole numbers without its fraction, a bigint. A zero divisor is an error.", "-7 div 2", "-3"},
    {"%", {"mod"}, G::kOperator, "a % b", R::kNumeric, "xx", kNullType, N::kAlwaysPossible, kCanFail,
     "fs_remainder_$t($1, $2)", "", "($1 % $2)",
     "Remainder with the sign of a. A zero divisor is an error.", "-7 % 3", "-1"},
    {"negative", {}, G::kOperator, "-a", R::kNumeric, "x", kNullType, N::kIfAnyArgument, kCanFail,
     "fs_negate_$t($1)", "(- $1)", "(- $1)", "The negated number.", "-(2 + 3)", "-5"},
    {"positive", {}, G::kOperator, "+a", R::kNumeric, "x", kNullType, N::kIfAnyArgument, kSafe,
     "$1", "", "(+ $1)", "The number itself.", "+5", "5"},
    {"||", {"concat"}, G::kOperator, "a || b", R::kConcat, "x*", kStringType, N::kIfAnyArgument, kSafe,
     "($||)", "", "concat($*)", "The texts one after the other; null if one is null.", "'fire' || 'steel'", "firesteel"},
    Compare("=", {}, "a = b, a == b", N::kIfAnyArgument, "($1 = $2)", "($1 = $2)",
            "Equal. NaN equals NaN, -0.0 equals 0.0.", "CAST('NaN' AS DOUBLE) = CAST('NaN' AS DOUBLE)", "true"),
    Compare("<>", {}, "a <> b, a != b", N::kIfAnyArgument, "($1 <> $2)", "($1 <> $2)", "Not equal.", "1 <> 2", "true"),
    Compare("<", {}, "a < b", N::kIfAnyArgument, "($1 < $2)", "($1 < $2)",
            "Less. Texts are in the order of their bytes, NaN is greater than every number.", "'Z' < 'a'", "true"),
    Compare("<=", {}, "a <= b", N::kIfAnyArgument, "($1 <= $2)", "($1 <= $2)", "Less or equal.", "2 <= 2", "true"),
    Compare(">", {}, "a > b", N::kIfAnyArgument, "($1 > $2)", "($1 > $2)", "Greater.", "CAST('NaN' AS DOUBLE) > 1e300", "true"),
    Compare(">=", {}, "a >= b", N::kIfAnyArgument, "($1 >= $2)", "($1 >= $2)", "Greater or equal.", "1 >= 2", "false"),
    Compare("<=>", {}, "a <=> b, a IS [NOT] DISTINCT FROM b", N::kNever, "($1 IS NOT DISTINCT FROM $2)", "($1 <=> $2)",
            "Equal, where null equals null.", "NULL <=> 1", "false"),
    {"and", {}, G::kOperator, "a AND b", R::kSlots, "bb", kBooleanType, N::kIfAnyArgument, kSafe, "($1 AND $2)", "", "($1 AND $2)",
     "False if one is false, else null if one is null. b is not computed where a is false.", "NULL AND false", "false"},
    {"or", {}, G::kOperator, "a OR b", R::kSlots, "bb", kBooleanType, N::kIfAnyArgument, kSafe, "($1 OR $2)", "", "($1 OR $2)",
     "True if one is true, else null if one is null. b is not computed where a is true.", "NULL OR true", "true"},
    {"not", {}, G::kOperator, "NOT a, !a", R::kSlots, "b", kBooleanType, N::kIfAnyArgument, kSafe, "(NOT $1)", "", "(NOT $1)",
     "The opposite; null stays null.", "NOT false", "true"},
    {"isnull", {}, G::kOperator, "a IS NULL", R::kOneOfAny, "x", kBooleanType, N::kNever, kSafe, "($1 IS NULL)", "", "($1 IS NULL)",
     "Whether a is null.", "NULL IS NULL", "true"},
    {"isnotnull", {}, G::kOperator, "a IS NOT NULL", R::kOneOfAny, "x", kBooleanType, N::kNever, kSafe, "($1 IS NOT NULL)", "",
     "($1 IS NOT NULL)", "Whether a is not null.", "1 IS NOT NULL", "true"},
    {"like", {}, G::kOperator, "text [NOT] LIKE pattern", R::kSlots, "ss", kBooleanType, N::kIfAnyArgument, kCanFail,
     "fs_like($1, $2)", "", "($1 LIKE $2)",
     "Whether the text matches: % stands for any characters, _ for one, \\ before %, _ or \\ for itself.", "'10%' LIKE '1_\\%'", "true"},

    // Conditional functions.
    {"if", {"iff"}, G::kConditional, "if(condition, a, b)", R::kRewrite, "bxx", kNullType, N::kAlwaysPossible, kSafe, "", "", "",
     "a if the condition is true, else b.", "if(1 < 2, 'yes', 'no')", "yes"},
    {"coalesce", {}, G::kConditional, "coalesce(a, …)", R::kAnyType, "x*", kNullType, N::kIfAllArguments, kSafe,
     "coalesce($*)", "", "coalesce($*)", "The first that is not null.", "coalesce(NULL, 2, 3)", "2"},
    {"nvl", {"ifnull"}, G::kConditional, "nvl(a, b)", R::kAnyType, "xx", kNullType, N::kIfAllArguments, kSafe,
     "coalesce($*)", "", "coalesce($*)", "a if it is not null, else b.", "nvl(NULL, 'none')", "none"},
    {"nvl2", {}, G::kConditional, "nvl2(a, b, c)", R::kRewrite, "xxx", kNullType, N::kAlwaysPossible, kSafe, "", "", "",
     "b if a is not null, else c.", "nvl2(NULL, 1, 2)", "2"},
    {"nullif", {}, G::kConditional, "nullif(a, b)", R::kRewrite, "xx", kNullType, N::kAlwaysPossible, kSafe, "", "", "",
     "Null if a = b, else a.", "nullif(1, 2)", "1"},
    {"nanvl", {}, G::kConditional, "nanvl(a, b)", R::kRewrite, "xx", kNullType, N::kAlwaysPossible, kSafe, "", "", "",
     "a if it is not NaN, else b; doubles.", "nanvl(CAST('NaN' AS DOUBLE), 0)", "0.0"},
    {"greatest", {}, G::kConditional, "greatest(a, b, …)", R::kCommon, "xx*", kNullType, N::kIfAllArguments, kSafe,
     "greatest($*)", "", "greatest($*)", "The greatest; nulls are skipped, NaN is greater than every number.", "greatest(1, NULL, 3)", "3"},
    {"least", {}, G::kConditional, "least(a, b, …)", R::kCommon, "xx*", kNullType, N::kIfAllArguments, kSafe,
     "least($*)", "", "least($*)", "The least; nulls are skipped.", "least(2, NULL, 3)", "2"},

    // Mathematics.
    {"abs", {}, G::kMath, "abs(x)", R::kNumeric, "x", kNullType, N::kIfAnyArgument, kCanFail, "fs_abs_$t($1)", "abs($1)", "abs($1)",
     "The absolute value, of the type of x.", "abs(-5)", "5"},
    Math("sqrt", {}, "sqrt(x)", "fs_sqrt($1)", "sqrt($1)", "The square root; NaN for a negative number.", "sqrt(9)", "3.0"),
    Math("cbrt", {}, "cbrt(x)", "fs_cbrt($1)", "cbrt($1)", "The cube root.", "cbrt(27)", "3.0"),
    Math("pow", {"power"}, "pow(x, y)", "fs_pow($1, $2)", "pow($1, $2)", "x to the power of y.", "pow(2, 10)", "1024.0"),
    Math("exp", {}, "exp(x)", "fs_exp($1)", "exp($1)", "e to the power of x.", "exp(0)", "1.0"),
    Math("ln", {}, "ln(x)", "fs_ln($1)", "ln($1)", "The natural logarithm; null if x is not above zero.", "ln(1)", "0.0"),
    Math("log10", {}, "log10(x)", "fs_log10($1)", "log10($1)", "The logarithm to base ten; null if x is not above zero.", "log10(1000)", "3.0"),
    Math("log2", {}, "log2(x)", "fs_log2($1)", "log2($1)", "The logarithm to base two; null if x is not above zero.", "log2(8)", "3.0"),
    Math("log", {}, "log(base, x)", "fs_log($1, $2)", "log($1, $2)",
         "The logarithm of x to a base; null if one is not above zero. With one argument, ln.", "log(2, 8)", "3.0"),
    {"floor", {}, G::kMath, "floor(x)", R::kInteger, "x", kLongType, N::kAlwaysPossible, kCanFail, "fs_floor($1)", "", "floor($1)",
     "The largest whole number not above x, a bigint; NaN becomes 0.", "floor(-1.5)", "-2"},
    {"ceil", {"ceiling"}, G::kMath, "ceil(x)", R::kInteger, "x", kLongType, N::kAlwaysPossible, kCanFail, "fs_ceil($1)", "", "ceil($1)",
     "The smallest whole number not below x, a bigint; NaN becomes 0.", "ceil(1.2)", "2"},
    {"round", {}, G::kMath, "round(x[, digits])", R::kRound, "x[I", kDoubleType, N::kAlwaysPossible, kSafe, "fs_round($1, $2)", "",
     "round($1, $2)", "x to so many digits after the point, halves of its decimal text away from zero; a zero result is 0.0.",
     "round(2.675, 2)", "2.68"},
    Math("sign", {"signum"}, "sign(x)", "fs_sign($1)", "sign($1)", "-1.0, 0.0 or 1.0.", "sign(-3)", "-1.0"),
    {"pmod", {}, G::kMath, "pmod(a, b)", R::kNumeric, "xx", kNullType, N::kAlwaysPossible, kCanFail, "fs_pmod_$t($1, $2)", "", "pmod($1, $2)",
     "The remainder, made positive for a positive b. A zero divisor is an error.", "pmod(-7, 3)", "2"},
    Math("sin", {}, "sin(x)", "fs_sin($1)", "sin($1)", "The sine of x radians.", "sin(0)", "0.0"),
    Math("cos", {}, "cos(x)", "fs_cos($1)", "cos($1)", "The cosine of x radians.", "cos(0)", "1.0"),
    Math("tan", {}, "tan(x)", "fs_tan($1)", "tan($1)", "The tangent of x radians.", "tan(0)", "0.0"),
    Math("asin", {}, "asin(x)", "fs_asin($1)", "asin($1)", "The angle whose sine is x; NaN outside -1 to 1.", "asin(0)", "0.0"),
    Math("acos", {}, "acos(x)", "fs_acos($1)", "acos($1)", "The angle whose cosine is x; NaN outside -1 to 1.", "acos(1)", "0.0"),
    Math("atan", {}, "atan(x)", "fs_atan($1)", "atan($1)", "The angle whose tangent is x.", "atan(0)", "0.0"),
    Math("atan2", {}, "atan2(y, x)", "fs_atan2($1, $2)", "atan2($1, $2)", "The angle of the point (x, y).", "atan2(0, 1)", "0.0"),
    Math("degrees", {}, "degrees(x)", "fs_degrees($1)", "degrees($1)", "Radians in degrees.", "degrees(0)", "0.0"),
    Math("radians", {}, "radians(x)", "fs_radians($1)", "radians($1)", "Degrees in radians.", "radians(0)", "0.0"),
    {"isnan", {}, G::kMath, "isnan(x)", R::kSlots, "d", kBooleanType, N::kNever, kSafe, "fs_isnan($1)", "", "isnan($1)",
     "Whether x is NaN; false for null.", "isnan(CAST('NaN' AS DOUBLE))", "true"},

    // Text.
    Text("upper", {"ucase"}, "upper(text)", "s", kStringType, "fs_upper($1)", "upper($1)", "In capitals.", "upper('straße')", "STRASSE"),
    Text("lower", {"lcase"}, "lower(text)", "s", kStringType, "fs_lower($1)", "lower($1)", "In small letters.", "lower('ÉA')", "éa"),
    Text("trim", {}, "trim(text)", "s", kStringType, "trim($1, ' ')", "trim($1)", "Without spaces (only U+0020) at either end.", "trim('  a b ')", "a b"),
    Text("ltrim", {}, "ltrim(text)", "s", kStringType, "ltrim($1, ' ')", "ltrim($1)", "Without leading spaces.", "ltrim('  ab')", "ab"),
    Text("rtrim", {}, "rtrim(text)", "s", kStringType, "rtrim($1, ' ')", "rtrim($1)", "Without trailing spaces.", "rtrim('ab  ')", "ab"),
    Text("length", {"char_length", "character_length", "len"}, "length(text)", "s", kIntType, "CAST(length($1) AS INTEGER)", "length($1)",
         "The number of characters (code points).", "length('é😀')", "2"),
    Text("substring", {"substr"}, "substring(text, position[, length])", "si[i", kStringType, "fs_substring($1, $2, $3)", "substring($1, $2, $3)",
         "The characters from position, which counts from 1, or from the end if negative.", "substring('firesteel', -5, 3)", "ste"),
    Text("left", {}, "left(text, n)", "si", kStringType, "fs_left($1, $2)", "left($1, $2)", "The first n characters.", "left('firesteel', 4)", "fire"),
    Text("right", {}, "right(text, n)", "si", kStringType, "fs_right($1, $2)", "right($1, $2)", "The last n characters.", "right('firesteel', 5)", "steel"),
    Text("replace", {}, "replace(text, search[, replacement])", "ss[s", kStringType, "fs_replace($1, $2, $3)", "replace($1, $2, $3)",
         "Every occurrence of the search text replaced; an empty search text changes nothing.", "replace('a-b-c', '-', '+')", "a+b+c"),
    Text("lpad", {}, "lpad(text, n[, fill])", "si[s", kStringType, "fs_lpad($1, $2, $3)", "lpad($1, $2, $3)",
         "n characters: filled on the left, by spaces if not told, or cut.", "lpad('7', 3, '0')", "007"),
    Text("rpad", {}, "rpad(text, n[, fill])", "si[s", kStringType, "fs_rpad($1, $2, $3)", "rpad($1, $2, $3)",
         "n characters: filled on the right, by spaces if not told, or cut.", "rpad('ab', 4, '.')", "ab.."),
    Text("instr", {}, "instr(text, part)", "ss", kIntType, "fs_instr($1, $2)", "instr($1, $2)",
         "The position of the first occurrence, from 1; 0 if there is none.", "instr('firesteel', 'steel')", "5"),
    Text("startswith", {}, "startswith(text, part)", "ss", kBooleanType, "starts_with($1, $2)", "startswith($1, $2)",
         "Whether the text starts with the part.", "startswith('firesteel', 'fire')", "true"),
    Text("endswith", {}, "endswith(text, part)", "ss", kBooleanType, "ends_with($1, $2)", "endswith($1, $2)",
         "Whether the text ends with the part.", "endswith('firesteel', 'steel')", "true"),
    Text("contains", {}, "contains(text, part)", "ss", kBooleanType, "contains($1, $2)", "contains($1, $2)",
         "Whether the part occurs in the text.", "contains('firesteel', 'rest')", "true"),
    Text("reverse", {}, "reverse(text)", "s", kStringType, "fs_reverse($1)", "reverse($1)", "The characters from last to first.", "reverse('abc')", "cba"),
    Text("repeat", {}, "repeat(text, n)", "si", kStringType, "fs_repeat($1, $2)", "repeat($1, $2)", "The text n times; empty for n below 1.", "repeat('ab', 2)", "abab"),

    // Dates.
    {"to_date", {}, G::kDate, "to_date(text[, pattern])", R::kSlots, "s[p", kDateType, N::kIfAnyArgument, kCanFail, "fs_to_date($1, $2)", "",
     "to_date($1, $2)", "The date of a text by a pattern of y, yy, yyyy, M, MM, d, dd and separators; without one, CAST(text AS DATE). Text that does not fit is an error.",
     "to_date('9/11/69', 'M/d/yy')", "2069-09-11"},
    {"try_to_date", {}, G::kDate, "try_to_date(text[, pattern])", R::kSlots, "s[p", kDateType, N::kAlwaysPossible, kSafe, "fs_try_to_date($1, $2)",
     "", "try_to_date($1, $2)", "As to_date, but null where the text does not fit.", "try_to_date('13/1/20', 'M/d/yy') IS NULL", "true"},
    {"date_format", {}, G::kDate, "date_format(date, pattern)", R::kSlots, "Dp", kStringType, N::kIfAnyArgument, kCanFail, "fs_date_format($1, $2)", "",
     "date_format($1, $2)", "The date as text, by the patterns of to_date.", "date_format(DATE '2020-09-01', 'd.M.yyyy')", "1.9.2020"},
    {"make_date", {}, G::kDate, "make_date(year, month, day)", R::kSlots, "iii", kDateType, N::kIfAnyArgument, kCanFail, "fs_make_date($1, $2, $3)", "",
     "make_date($1, $2, $3)", "The date; one that does not exist is an error.", "make_date(2020, 2, 29)", "2020-02-29"},
    DatePart("year", {}, "year(date)", "fs_year($1)", "year($1)", "The year.", "year(DATE '2020-09-01')", "2020"),
    DatePart("quarter", {}, "quarter(date)", "fs_quarter($1)", "quarter($1)", "The quarter, 1 to 4.", "quarter(DATE '2020-09-01')", "3"),
    DatePart("month", {}, "month(date)", "fs_month($1)", "month($1)", "The month, 1 to 12.", "month(DATE '2020-09-01')", "9"),
    DatePart("day", {"dayofmonth"}, "day(date)", "fs_day($1)", "day($1)", "The day of the month.", "day(DATE '2020-09-01')", "1"),
    DatePart("dayofweek", {}, "dayofweek(date)", "fs_dayofweek($1)", "dayofweek($1)", "The day of the week: Sunday 1 to Saturday 7.", "dayofweek(DATE '2020-09-01')", "3"),
    DatePart("weekday", {}, "weekday(date)", "fs_weekday($1)", "weekday($1)", "The day of the week: Monday 0 to Sunday 6.", "weekday(DATE '2020-09-01')", "1"),
    DatePart("dayofyear", {}, "dayofyear(date)", "fs_dayofyear($1)", "dayofyear($1)", "The day of the year, from 1.", "dayofyear(DATE '2020-12-31')", "366"),
    DatePart("weekofyear", {}, "weekofyear(date)", "fs_weekofyear($1)", "weekofyear($1)", "The ISO week: weeks start on Monday, week 1 has more than three days of the year.",
             "weekofyear(DATE '2021-01-03')", "53"),
    {"datediff", {"date_diff"}, G::kDate, "datediff(end, start)", R::kSlots, "DD", kIntType, N::kIfAnyArgument, kSafe, "fs_datediff($1, $2)", "",
     "datediff($1, $2)", "Days from start to end.", "datediff(DATE '2020-03-01', DATE '2020-02-28')", "2"},
    {"date_add", {}, G::kDate, "date_add(date, days)", R::kSlots, "Di", kDateType, N::kIfAnyArgument, kCanFail, "fs_date_add($1, $2)", "",
     "date_add($1, $2)", "The date so many days later.", "date_add(DATE '2020-02-28', 2)", "2020-03-01"},
    {"date_sub", {}, G::kDate, "date_sub(date, days)", R::kSlots, "Di", kDateType, N::kIfAnyArgument, kCanFail, "fs_date_sub($1, $2)", "",
     "date_sub($1, $2)", "The date so many days earlier.", "date_sub(DATE '2020-03-01', 1)", "2020-02-29"},
    {"add_months", {}, G::kDate, "add_months(date, months)", R::kSlots, "Di", kDateType, N::kIfAnyArgument, kCanFail, "fs_add_months($1, $2)", "",
     "add_months($1, $2)", "The same day so many months later, or the last of that month.", "add_months(DATE '2020-01-31', 1)", "2020-02-29"},
    {"last_day", {}, G::kDate, "last_day(date)", R::kSlots, "D", kDateType, N::kIfAnyArgument, kSafe, "fs_last_day($1)", "", "last_day($1)",
     "The last day of the month.", "last_day(DATE '2020-02-03')", "2020-02-29"},
    {"trunc", {}, G::kDate, "trunc(date, unit)", R::kSlots, "Du", kDateType, N::kAlwaysPossible, kSafe, "fs_trunc($1, $2)", "", "trunc($1, $2)",
     "The first day of the date's 'year' ('yyyy', 'yy'), 'quarter', 'month' ('mon', 'mm') or 'week'.", "trunc(DATE '2020-09-15', 'month')", "2020-09-01"},

    // What fitted pipeline stages use.
    Ml(kStringIndex, "ml_string_index(text, label, …)", R::kRewrite, "s", kDoubleType, N::kAlwaysPossible, "",
       "The position of the text among the labels."),
    Ml(kOneHot, "ml_one_hot(index, size)", R::kSlots, "dI", kVectorType, N::kIfAnyArgument, "fs_one_hot($1, $2)", "A vector with a one at the index."),
    Ml(kAssemble, "ml_assemble(a, …)", R::kAssemble, "x*", kVectorType, N::kIfAnyArgument, "fs_assemble($*)", "Numbers and vectors side by side."),
    Ml(kConstantVector, "ml_constant_vector(value, size)", R::kSlots, "dI", kVectorType, N::kIfAnyArgument, "fs_constant_vector($1, $2)",
       "A dense vector of one number."),
    Ml(kStandardScale, "ml_standard_scale(v, shift, factor, with_mean)", R::kSlots, "vnnB", kVectorType, N::kIfAnyArgument,
       "fs_standard_scale($1, $2, $3, $4)", "(v - shift) * factor, slot by slot."),
    Ml(kMinMaxScale, "ml_min_max_scale(v, min, factor, constant, lower)", R::kSlots, "vnnnd", kVectorType, N::kIfAnyArgument,
       "fs_min_max_scale($1, $2, $3, $4, $5)", "(v - min) * factor + lower, slot by slot."),
    Ml(kFirstSlot, "ml_first_slot(v)", R::kSlots, "v", kIntType, N::kAlwaysPossible, "fs_first_slot($1)", "The position of the first number that is not 0."),
  };
}
// clang-format on

}  // namespace

std::span<const Function> Functions() {
  static const std::vector<Function> table = MakeTable();
  return table;
}

std::string DocumentationRow(const Function& function) {
  // A bar would end the cell of a Markdown table.
  const auto escaped = [](std::string_view text) {
    std::string cell;
    for (const char c : text) {
      if (c == '|') cell += '\\';
      cell += c;
    }
    return cell;
  };
  std::string also;
  for (const std::string_view alias : function.aliases) {
    also += fmt::format("{}`{}`", also.empty() ? " Also " : ", ", alias);
  }
  if (!also.empty()) also += '.';
  return fmt::format("| `{}` | {}{} | `{}` → `{}` |", escaped(function.signature),
                     escaped(function.sentence), also, escaped(function.example),
                     function.example_value);
}

const Function* FindFunction(std::string_view name) {
  static const std::unordered_map<std::string_view, const Function*> by_name = [] {
    std::unordered_map<std::string_view, const Function*> names;
    for (const Function& function : Functions()) {
      names.emplace(function.name, &function);
      for (const std::string_view alias : function.aliases) names.emplace(alias, &function);
    }
    return names;
  }();
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

}  // namespace firesteel::sql
