#include "engine/duckdb/functions/scalar_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engine/duckdb/functions/scalar_udf.h"
#include "sql/calendar.h"
#include "sql/case_mapping.h"
#include "sql/spark_text.h"

namespace firesteel {
namespace {

using udf::Date;
using udf::Register;
using udf::Timestamp;

[[noreturn]] void Fail(std::string message) {
  throw Error(ErrorKind::kInvalidArgument, std::move(message));
}

// Spark has a class of its own for the narrow types.
template <typename T>
[[noreturn]] void FailBinaryOverflow(T a, char sign, T b) {
  Fail(fmt::format("[{}] the result of {} {} {} does not fit its type; cast to a wider type first",
                   sizeof(T) < 4 ? "BINARY_ARITHMETIC_OVERFLOW" : "ARITHMETIC_OVERFLOW", a, sign,
                   b));
}

[[noreturn]] void FailOverflow(std::string_view what) {
  Fail(
      fmt::format("[ARITHMETIC_OVERFLOW] the result of {} does not fit its type; cast to a wider "
                  "type first",
                  what));
}

[[noreturn]] void FailZero(std::string_view error_class) {
  Fail(fmt::format("[{}] division by zero; use nullif(divisor, 0) to get null instead",
                   error_class));
}

[[noreturn]] void FailMalformed(std::string_view value, std::string_view type) {
  Fail(
      fmt::format("[CAST_INVALID_INPUT] The value '{}' of the type \"STRING\" cannot be cast to "
                  "\"{}\" because it is malformed; use TRY_CAST to get null instead",
                  value, type));
}

[[noreturn]] void FailCastOverflow(const std::string& value, std::string_view from,
                                   std::string_view to) {
  Fail(
      fmt::format("[CAST_OVERFLOW] The value {} of the type \"{}\" cannot be cast to \"{}\" due to "
                  "an overflow; use TRY_CAST to get null instead",
                  value, from, to));
}

template <typename T>
constexpr std::string_view SqlName() {
  if constexpr (std::is_same_v<T, std::int8_t>) return "TINYINT";
  if constexpr (std::is_same_v<T, std::int16_t>) return "SMALLINT";
  if constexpr (std::is_same_v<T, std::int32_t>) return "INT";
  if constexpr (std::is_same_v<T, std::int64_t>) return "BIGINT";
  if constexpr (std::is_same_v<T, float>) return "FLOAT";
  if constexpr (std::is_same_v<T, double>) return "DOUBLE";
  if constexpr (std::is_same_v<T, bool>) return "BOOLEAN";
  if constexpr (std::is_same_v<T, Date>) return "DATE";
}

// Arithmetic.

template <typename T>
T Add(T a, T b) {
  T result;
  if (__builtin_add_overflow(a, b, &result)) FailBinaryOverflow(a, '+', b);
  return result;
}

template <typename T>
T Subtract(T a, T b) {
  T result;
  if (__builtin_sub_overflow(a, b, &result)) FailBinaryOverflow(a, '-', b);
  return result;
}

template <typename T>
T Multiply(T a, T b) {
  T result;
  if (__builtin_mul_overflow(a, b, &result)) FailBinaryOverflow(a, '*', b);
  return result;
}

template <typename T>
T Negate(T a) {
  if (a == std::numeric_limits<T>::min()) FailOverflow(fmt::format("-({})", a));
  return static_cast<T>(-a);
}

template <typename T>
T Abs(T a) {
  if (a == std::numeric_limits<T>::min()) FailOverflow(fmt::format("abs({})", a));
  return static_cast<T>(a < 0 ? -a : a);
}

template <typename T>
T Remainder(T a, T b) {
  if (b == 0) FailZero("REMAINDER_BY_ZERO");
  if constexpr (std::is_floating_point_v<T>) {
    return std::fmod(a, b);
  } else {
    // The one quotient that overflows has no remainder.
    return b == -1 ? T{0} : static_cast<T>(a % b);
  }
}

template <typename T>
T PositiveModulus(T a, T b) {
  const T remainder = Remainder(a, b);
  if (!(remainder < 0)) return remainder;
  if constexpr (std::is_floating_point_v<T>) {
    return std::fmod(remainder + b, b);
  } else {
    // The sum wraps around as in Java.
    using Wide = std::conditional_t<(sizeof(T) < 4), std::int32_t, T>;
    using Unsigned = std::make_unsigned_t<Wide>;
    const Wide sum = static_cast<Wide>(static_cast<Unsigned>(remainder) + static_cast<Unsigned>(b));
    return b == -1 ? T{0} : static_cast<T>(sum % b);
  }
}

double Divide(double a, double b) {
  if (b == 0) FailZero("DIVIDE_BY_ZERO");
  return a / b;
}

std::int64_t DivideWhole(std::int64_t a, std::int64_t b) {
  if (b == 0) FailZero("DIVIDE_BY_ZERO");
  if (b == -1) {
    if (a == INT64_MIN) FailOverflow(fmt::format("{} div -1", a));
    return -a;
  }
  return a / b;
}

// Mathematics.

double Sqrt(double x) { return std::sqrt(x); }
// In double, the C library's cube root of 27 is not 3.
double Cbrt(double x) { return static_cast<double>(std::cbrt(static_cast<long double>(x))); }
double Exp(double x) { return std::exp(x); }
double Sin(double x) { return std::sin(x); }
double Cos(double x) { return std::cos(x); }
double Tan(double x) { return std::tan(x); }
double Asin(double x) { return std::asin(x); }
double Acos(double x) { return std::acos(x); }
double Atan(double x) { return std::atan(x); }

// The sums turn -0.0 into 0.0, as Spark does.
double Atan2(double y, double x) { return std::atan2(y + 0.0, x + 0.0); }

std::optional<double> Ln(double x) {
  if (x <= 0) return std::nullopt;
  return std::log(x);
}

std::optional<double> Log10(double x) {
  if (x <= 0) return std::nullopt;
  return std::log10(x);
}

std::optional<double> Log2(double x) {
  if (x <= 0) return std::nullopt;
  return std::log(x) / std::log(2.0);
}

std::optional<double> Log(double base, double x) {
  if (base <= 0 || x <= 0) return std::nullopt;
  return std::log(x) / std::log(base);
}

// Java: NaN if the base is one and the exponent infinite or NaN, where C says one.
double Pow(double x, double y) {
  if (std::isnan(y) || (std::isinf(y) && std::fabs(x) == 1)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return std::pow(x, y);
}

double Sign(double x) {
  if (x > 0) return 1;
  return x < 0 ? -1 : x;
}

double Degrees(double x) { return x * 57.29577951308232; }
double Radians(double x) { return x * 0.017453292519943295; }

std::int64_t WholeToBigint(double x, std::string_view name) {
  if (std::isnan(x)) return 0;
  if (x < -0x1p63 || x >= 0x1p63) FailOverflow(fmt::format("{} of {}", name, x));
  return static_cast<std::int64_t>(x);
}

std::int64_t Floor(double x) { return WholeToBigint(std::floor(x), "floor"); }
std::int64_t Ceil(double x) { return WholeToBigint(std::ceil(x), "ceil"); }

// Rounds the shortest decimal text, not the binary value, as Spark does: 2.675 to two digits
// is 2.68.
double Round(double x, std::int32_t digits) {
  if (!std::isfinite(x)) return x;
  if (x == 0) return 0.0;
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), std::fabs(x), std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
  const std::size_t mark = text.find('e');
  std::string kept(1, text[0]);
  if (mark > 2) kept += text.substr(2, mark - 2);
  int exponent = 0;
  const std::size_t power = mark + (text[mark + 1] == '+' ? 2 : 1);
  std::from_chars(buffer + power, end.ptr, exponent);
  const std::int64_t num_kept = std::int64_t{exponent} + digits + 1;
  if (num_kept >= static_cast<std::int64_t>(kept.size())) return x;
  if (num_kept < 0) return 0.0;
  const bool up = kept[static_cast<std::size_t>(num_kept)] >= '5';
  kept.resize(static_cast<std::size_t>(num_kept));
  kept.insert(0, 1, '0');
  if (up) {
    std::size_t i = kept.size() - 1;
    while (kept[i] == '9') kept[i--] = '0';
    ++kept[i];
  }
  const std::string rounded = fmt::format("{}e{}", kept, -std::int64_t{digits});
  double value = 0;
  std::from_chars(rounded.data(), rounded.data() + rounded.size(), value);
  return x < 0 && value != 0 ? -value : value;
}

bool IsNan(std::optional<double> x) { return x && std::isnan(*x); }

// Casts.

template <typename T>
std::optional<T> TryDoubleToWhole(double x) {
  const double whole = std::trunc(x);
  const double low = static_cast<double>(std::numeric_limits<T>::min());
  const double high = static_cast<double>(std::numeric_limits<T>::max());
  if (!(whole >= low && whole <= high)) return std::nullopt;
  // The largest bigint is no double; the next double counts as it.
  if (whole >= 0x1p63) return std::numeric_limits<T>::max();
  return static_cast<T>(whole);
}

template <typename T>
T DoubleToWhole(double x) {
  const std::optional<T> whole = TryDoubleToWhole<T>(x);
  if (!whole) FailCastOverflow(sql::FormatDouble(x), "DOUBLE", SqlName<T>());
  return *whole;
}

template <typename T>
T BigintToNarrower(std::int64_t x) {
  if (x < std::numeric_limits<T>::min() || x > std::numeric_limits<T>::max()) {
    FailCastOverflow(fmt::format("{}", x), "BIGINT", SqlName<T>());
  }
  return static_cast<T>(x);
}

float DoubleToFloat(double x) { return static_cast<float>(x); }

template <typename T>
std::optional<T> TryStringTo(std::string_view text) {
  if constexpr (std::is_same_v<T, double>) {
    return sql::ParseDouble(text);
  } else if constexpr (std::is_same_v<T, float>) {
    return sql::ParseFloat(text);
  } else if constexpr (std::is_same_v<T, bool>) {
    return sql::ParseBoolean(text);
  } else if constexpr (std::is_same_v<T, Date>) {
    const std::optional<std::int32_t> days = sql::ParseDate(text);
    if (!days) return std::nullopt;
    return Date{*days};
  } else {
    const std::optional<std::int64_t> value = sql::ParseLong(text);
    if (!value || *value < std::numeric_limits<T>::min() ||
        *value > std::numeric_limits<T>::max()) {
      return std::nullopt;
    }
    return static_cast<T>(*value);
  }
}

template <typename T>
T StringTo(std::string_view text) {
  const std::optional<T> value = TryStringTo<T>(text);
  if (!value) FailMalformed(text, SqlName<T>());
  return *value;
}

std::string DoubleToString(double x) { return sql::FormatDouble(x); }
std::string FloatToString(float x) { return sql::FormatFloat(x); }
std::string DateToString(Date date) { return sql::FormatDate(date.days); }

// Text. Positions and lengths count characters.

std::string Reverse(std::string_view text) {
  std::string reversed(text.size(), '\0');
  std::size_t end = text.size();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = Utf8Length(text, at);
    end -= length;
    text.copy(reversed.data() + end, length, at);
    at += length;
  }
  return reversed;
}

// The characters from `begin` to before `end`; both may lie outside the text.
std::string_view Slice(std::string_view text, std::int64_t begin, std::int64_t end) {
  begin = std::max<std::int64_t>(begin, 0);
  if (begin >= end) return {};
  const std::size_t first = Utf8Offset(text, static_cast<std::size_t>(begin));
  const std::string_view rest = text.substr(first);
  return rest.substr(0, Utf8Offset(rest, static_cast<std::size_t>(end - begin)));
}

std::string_view Substring(std::string_view text, std::int32_t position, std::int32_t length) {
  std::int64_t begin = 0;
  if (position > 0) {
    begin = std::int64_t{position} - 1;
  } else if (position < 0) {
    begin = static_cast<std::int64_t>(Utf8Count(text)) + position;
  }
  return Slice(text, begin, begin + length);
}

std::string_view Left(std::string_view text, std::int32_t count) { return Slice(text, 0, count); }

std::string_view Right(std::string_view text, std::int32_t count) {
  if (count <= 0) return {};
  const auto size = static_cast<std::int64_t>(Utf8Count(text));
  return Slice(text, size - count, size);
}

constexpr std::size_t kMaxTextBytes = std::size_t{1} << 30;

void CheckTextSize(std::size_t size, std::string_view function) {
  if (size > kMaxTextBytes) {
    Fail(fmt::format("{} would make a text of {} bytes; {} are the most", function, size,
                     kMaxTextBytes));
  }
}

std::string Repeat(std::string_view text, std::int32_t count) {
  if (count <= 0 || text.empty()) return {};
  CheckTextSize(text.size() * static_cast<std::size_t>(count), "repeat");
  std::string repeated;
  repeated.reserve(text.size() * static_cast<std::size_t>(count));
  for (std::int32_t i = 0; i < count; ++i) repeated += text;
  return repeated;
}

std::string Replace(std::string_view text, std::string_view search, std::string_view replacement) {
  if (search.empty()) return std::string(text);
  std::string replaced;
  while (true) {
    const std::size_t found = text.find(search);
    replaced += text.substr(0, found);
    if (found == std::string_view::npos) return replaced;
    replaced += replacement;
    text.remove_prefix(found + search.size());
  }
}

// `count` characters of `fill`, over and over.
std::string Padding(std::string_view fill, std::size_t count) {
  CheckTextSize(count, "a pad function");
  std::string padding;
  std::size_t at = 0;
  for (; count > 0; --count) {
    const std::size_t length = Utf8Length(fill, at);
    padding += fill.substr(at, length);
    at += length;
    if (at == fill.size()) at = 0;
  }
  return padding;
}

std::string Pad(std::string_view text, std::int32_t count, std::string_view fill, bool on_left) {
  if (count <= 0) return {};
  const auto wanted = static_cast<std::size_t>(count);
  const std::size_t size = Utf8Count(text);
  if (size >= wanted) return std::string(Slice(text, 0, count));
  if (fill.empty()) return std::string(text);
  const std::string padding = Padding(fill, wanted - size);
  return on_left ? padding + std::string(text) : std::string(text) + padding;
}

std::string LeftPad(std::string_view text, std::int32_t count, std::string_view fill) {
  return Pad(text, count, fill, true);
}

std::string RightPad(std::string_view text, std::int32_t count, std::string_view fill) {
  return Pad(text, count, fill, false);
}

std::int32_t Instr(std::string_view text, std::string_view part) {
  const std::size_t found = text.find(part);
  if (found == std::string_view::npos) return 0;
  return static_cast<std::int32_t>(Utf8Count(text.substr(0, found))) + 1;
}

void CheckLikePattern(std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '\\') continue;
    if (++i == pattern.size()) {
      Fail(
          fmt::format("[INVALID_FORMAT.ESC_AT_THE_END] the LIKE pattern '{}' ends with its escape "
                      "character; double it",
                      pattern));
    }
    if (pattern[i] != '%' && pattern[i] != '_' && pattern[i] != '\\') {
      Fail(
          fmt::format("[INVALID_FORMAT.ESC_IN_THE_MIDDLE] in the LIKE pattern '{}' \\ may stand "
                      "before %, _ and \\ only; double it",
                      pattern));
    }
  }
}

// Greedy matching that goes back to the last % only: enough, since a later % can take whatever an
// earlier one could.
bool Like(std::string_view text, std::string_view pattern) {
  CheckLikePattern(pattern);
  std::size_t at = 0;
  std::size_t next = 0;
  std::size_t star = std::string_view::npos;  // Behind the last %.
  std::size_t star_at = 0;                    // Where its rest was tried last.
  while (true) {
    if (next < pattern.size() && pattern[next] == '%') {
      star = ++next;
      star_at = at;
      continue;
    }
    if (at == text.size()) return next == pattern.size();
    const std::size_t length = Utf8Length(text, at);
    if (next < pattern.size() && pattern[next] == '_') {
      ++next;
      at += length;
      continue;
    }
    if (next < pattern.size()) {
      const std::size_t literal = pattern[next] == '\\' ? next + 1 : next;
      if (pattern[literal] == text[at]) {
        next = literal + 1;
        ++at;
        continue;
      }
    }
    if (star == std::string_view::npos) return false;
    star_at += Utf8Length(text, star_at);
    at = star_at;
    next = star;
  }
}

// Dates.

Date CheckedDate(std::int64_t days, std::string_view what) {
  if (days <= -INT32_MAX || days >= INT32_MAX) {
    Fail(fmt::format("[DATETIME_OVERFLOW] {} leaves the range of dates", what));
  }
  return Date{static_cast<std::int32_t>(days)};
}

std::optional<Date> TryToDate(std::string_view text, std::string_view pattern) {
  const std::optional<std::int32_t> days = sql::ParseDateExactly(text, pattern);
  if (!days) return std::nullopt;
  return Date{*days};
}

Date ToDate(std::string_view text, std::string_view pattern) {
  const std::optional<Date> date = TryToDate(text, pattern);
  if (!date) {
    Fail(
        fmt::format("[CANNOT_PARSE_TIMESTAMP] '{}' is not a date of the pattern '{}'; use "
                    "try_to_date to get null instead",
                    text, pattern));
  }
  return *date;
}

std::string DateFormat(Date date, std::string_view pattern) {
  return sql::FormatDate(date.days, pattern);
}

Date MakeDate(std::int32_t year, std::int32_t month, std::int32_t day) {
  const std::optional<std::int32_t> days = sql::CheckedDays(year, month, day);
  if (!days) {
    Fail(fmt::format("[DATETIME_FIELD_OUT_OF_BOUNDS] there is no date of year {}, month {}, day {}",
                     year, month, day));
  }
  return Date{*days};
}

std::int32_t Year(Date date) {
  return static_cast<std::int32_t>(sql::CivilFromDays(date.days).year);
}
std::int32_t Month(Date date) { return sql::CivilFromDays(date.days).month; }
std::int32_t Quarter(Date date) { return (Month(date) + 2) / 3; }
std::int32_t Day(Date date) { return sql::CivilFromDays(date.days).day; }

// Monday 0 to Sunday 6. 1970-01-01 was a Thursday.
std::int32_t Weekday(Date date) {
  const std::int64_t shifted = (std::int64_t{date.days} + 3) % 7;
  return static_cast<std::int32_t>(shifted < 0 ? shifted + 7 : shifted);
}

std::int32_t DayOfWeek(Date date) { return (Weekday(date) + 1) % 7 + 1; }

std::int64_t FirstDayOfYear(std::int64_t year) { return sql::DaysFromCivil({year, 1, 1}); }

std::int32_t DayOfYear(Date date) {
  const std::int64_t first = FirstDayOfYear(sql::CivilFromDays(date.days).year);
  return static_cast<std::int32_t>(date.days - first) + 1;
}

// The week of a date belongs to the year of its Thursday.
std::int32_t WeekOfYear(Date date) {
  const std::int64_t thursday = std::int64_t{date.days} - Weekday(date) + 3;
  const std::int64_t first = FirstDayOfYear(sql::CivilFromDays(thursday).year);
  return static_cast<std::int32_t>((thursday - first) / 7) + 1;
}

std::int32_t DateDiff(Date end, Date start) {
  std::int32_t days;
  if (__builtin_sub_overflow(end.days, start.days, &days)) FailOverflow("datediff");
  return days;
}

Date DateAdd(Date date, std::int32_t days) {
  return CheckedDate(std::int64_t{date.days} + days, "date_add");
}

Date DateSubtract(Date date, std::int32_t days) {
  return CheckedDate(std::int64_t{date.days} - days, "date_sub");
}

Date AddMonths(Date date, std::int32_t months) {
  sql::CivilDate civil = sql::CivilFromDays(date.days);
  const std::int64_t month = civil.year * 12 + (civil.month - 1) + months;
  civil.year = month / 12 - (month % 12 < 0 ? 1 : 0);
  civil.month = static_cast<int>(month - civil.year * 12) + 1;
  civil.day = std::min(civil.day, sql::DaysInMonth(civil.year, civil.month));
  return CheckedDate(sql::DaysFromCivil(civil), "add_months");
}

Date LastDay(Date date) {
  sql::CivilDate civil = sql::CivilFromDays(date.days);
  civil.day = sql::DaysInMonth(civil.year, civil.month);
  return CheckedDate(sql::DaysFromCivil(civil), "last_day");
}

std::optional<Date> Trunc(Date date, std::string_view unit) {
  const auto is = [&](std::string_view name) { return EqualsIgnoringCase(unit, name); };
  sql::CivilDate civil = sql::CivilFromDays(date.days);
  civil.day = 1;
  if (is("week")) return CheckedDate(std::int64_t{date.days} - Weekday(date), "trunc");
  if (is("year") || is("yyyy") || is("yy")) {
    civil.month = 1;
  } else if (is("quarter")) {
    civil.month = (civil.month - 1) / 3 * 3 + 1;
  } else if (!is("month") && !is("mon") && !is("mm")) {
    return std::nullopt;
  }
  return CheckedDate(sql::DaysFromCivil(civil), "trunc");
}

// CSV.

std::optional<Timestamp> CsvTimestamp(std::string_view text) {
  const std::optional<std::int64_t> micros = sql::ParseCsvTimestamp(text);
  if (!micros) return std::nullopt;
  return Timestamp{*micros};
}

template <typename T>
void RegisterForNumber(const udf::Registrar& registrar, const std::string& type) {
  Register<Remainder<T>>(registrar, ("fs_remainder_" + type).c_str());
  Register<PositiveModulus<T>>(registrar, ("fs_pmod_" + type).c_str());
}

template <typename T>
void RegisterForWhole(const udf::Registrar& registrar, const std::string& type) {
  RegisterForNumber<T>(registrar, type);
  Register<Add<T>>(registrar, ("fs_add_" + type).c_str());
  Register<Subtract<T>>(registrar, ("fs_subtract_" + type).c_str());
  Register<Multiply<T>>(registrar, ("fs_multiply_" + type).c_str());
  Register<Negate<T>>(registrar, ("fs_negate_" + type).c_str());
  Register<Abs<T>>(registrar, ("fs_abs_" + type).c_str());
  Register<DoubleToWhole<T>>(registrar, ("fs_double_to_" + type).c_str());
  Register<TryDoubleToWhole<T>>(registrar, ("fs_try_double_to_" + type).c_str());
}

template <typename T>
void RegisterParse(const udf::Registrar& registrar, const std::string& type) {
  Register<StringTo<T>>(registrar, ("fs_string_to_" + type).c_str());
  Register<TryStringTo<T>>(registrar, ("fs_try_string_to_" + type).c_str());
}

void RegisterArithmetic(const udf::Registrar& registrar) {
  RegisterForWhole<std::int8_t>(registrar, "tinyint");
  RegisterForWhole<std::int16_t>(registrar, "smallint");
  RegisterForWhole<std::int32_t>(registrar, "int");
  RegisterForWhole<std::int64_t>(registrar, "bigint");
  RegisterForNumber<float>(registrar, "float");
  RegisterForNumber<double>(registrar, "double");
  Register<Divide>(registrar, "fs_divide");
  Register<DivideWhole>(registrar, "fs_div");
}

void RegisterMath(const udf::Registrar& registrar) {
  Register<Sqrt>(registrar, "fs_sqrt");
  Register<Cbrt>(registrar, "fs_cbrt");
  Register<Exp>(registrar, "fs_exp");
  Register<Sin>(registrar, "fs_sin");
  Register<Cos>(registrar, "fs_cos");
  Register<Tan>(registrar, "fs_tan");
  Register<Asin>(registrar, "fs_asin");
  Register<Acos>(registrar, "fs_acos");
  Register<Atan>(registrar, "fs_atan");
  Register<Atan2>(registrar, "fs_atan2");
  Register<Pow>(registrar, "fs_pow");
  Register<Ln>(registrar, "fs_ln");
  Register<Log10>(registrar, "fs_log10");
  Register<Log2>(registrar, "fs_log2");
  Register<Log>(registrar, "fs_log");
  Register<Sign>(registrar, "fs_sign");
  Register<Degrees>(registrar, "fs_degrees");
  Register<Radians>(registrar, "fs_radians");
  Register<Floor>(registrar, "fs_floor");
  Register<Ceil>(registrar, "fs_ceil");
  Register<Round>(registrar, "fs_round");
  Register<IsNan>(registrar, "fs_isnan");
}

void RegisterCasts(const udf::Registrar& registrar) {
  Register<BigintToNarrower<std::int8_t>>(registrar, "fs_bigint_to_tinyint");
  Register<BigintToNarrower<std::int16_t>>(registrar, "fs_bigint_to_smallint");
  Register<BigintToNarrower<std::int32_t>>(registrar, "fs_bigint_to_int");
  Register<DoubleToFloat>(registrar, "fs_double_to_float");
  RegisterParse<std::int8_t>(registrar, "tinyint");
  RegisterParse<std::int16_t>(registrar, "smallint");
  RegisterParse<std::int32_t>(registrar, "int");
  RegisterParse<std::int64_t>(registrar, "bigint");
  RegisterParse<float>(registrar, "float");
  RegisterParse<double>(registrar, "double");
  RegisterParse<bool>(registrar, "boolean");
  RegisterParse<Date>(registrar, "date");
  Register<DoubleToString>(registrar, "fs_double_to_string");
  Register<FloatToString>(registrar, "fs_float_to_string");
  Register<DateToString>(registrar, "fs_date_to_string");
}

void RegisterText(const udf::Registrar& registrar) {
  Register<sql::ToUpper>(registrar, "fs_upper");
  Register<sql::ToLower>(registrar, "fs_lower");
  Register<Reverse>(registrar, "fs_reverse");
  Register<Substring>(registrar, "fs_substring");
  Register<Left>(registrar, "fs_left");
  Register<Right>(registrar, "fs_right");
  Register<Repeat>(registrar, "fs_repeat");
  Register<Replace>(registrar, "fs_replace");
  Register<LeftPad>(registrar, "fs_lpad");
  Register<RightPad>(registrar, "fs_rpad");
  Register<Instr>(registrar, "fs_instr");
  Register<Like>(registrar, "fs_like");
}

void RegisterDates(const udf::Registrar& registrar) {
  Register<ToDate>(registrar, "fs_to_date");
  Register<TryToDate>(registrar, "fs_try_to_date");
  Register<DateFormat>(registrar, "fs_date_format");
  Register<MakeDate>(registrar, "fs_make_date");
  Register<Year>(registrar, "fs_year");
  Register<Quarter>(registrar, "fs_quarter");
  Register<Month>(registrar, "fs_month");
  Register<Day>(registrar, "fs_day");
  Register<DayOfWeek>(registrar, "fs_dayofweek");
  Register<Weekday>(registrar, "fs_weekday");
  Register<DayOfYear>(registrar, "fs_dayofyear");
  Register<WeekOfYear>(registrar, "fs_weekofyear");
  Register<DateDiff>(registrar, "fs_datediff");
  Register<DateAdd>(registrar, "fs_date_add");
  Register<DateSubtract>(registrar, "fs_date_sub");
  Register<AddMonths>(registrar, "fs_add_months");
  Register<LastDay>(registrar, "fs_last_day");
  Register<Trunc>(registrar, "fs_trunc");
}

void RegisterCsv(const udf::Registrar& registrar) {
  Register<sql::ClassifyCsvField>(registrar, "fs_csv_kinds");
  Register<sql::ParseCsvDouble>(registrar, "fs_csv_double");
  Register<CsvTimestamp>(registrar, "fs_csv_timestamp");
  Register<sql::FormatCsvString>(registrar, "fs_csv_string");
}

}  // namespace

void RegisterScalarFunctions(const udf::Registrar& registrar) {
  RegisterArithmetic(registrar);
  RegisterMath(registrar);
  RegisterCasts(registrar);
  RegisterText(registrar);
  RegisterDates(registrar);
  RegisterCsv(registrar);
}

}  // namespace firesteel
