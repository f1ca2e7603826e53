#include "sql/spark_text.h"

#include <fmt/format.h>
#include <locale.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>
#include <string>
#include <type_traits>

#include "base/error.h"
#include "sql/calendar.h"

namespace firesteel::sql {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Spark's casts ignore blanks and ISO control characters of ASCII.
bool IsIgnoredByCasts(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= 0x20 || byte == 0x7F;
}

std::string_view TrimForCast(std::string_view text) {
  while (!text.empty() && IsIgnoredByCasts(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsIgnoredByCasts(text.back())) text.remove_suffix(1);
  return text;
}

// Java's String.trim.
std::string_view TrimAsJava(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= 0x20) text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= 0x20) text.remove_suffix(1);
  return text;
}

bool EqualsLower(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != lower[i]) return false;
  }
  return true;
}

// Sign and digits only. Nothing if malformed or beyond 64 bits.
std::optional<std::int64_t> ParsePlainLong(std::string_view text) {
  std::size_t at = 0;
  const bool negative = !text.empty() && text[0] == '-';
  if (negative || (!text.empty() && text[0] == '+')) at = 1;
  if (at == text.size()) return std::nullopt;
  // Counted downwards, since the range reaches one further below zero.
  std::int64_t value = 0;
  for (; at < text.size(); ++at) {
    if (!IsDigit(text[at])) return std::nullopt;
    const int digit = text[at] - '0';
    if (value < (std::numeric_limits<std::int64_t>::min() + digit) / 10) return std::nullopt;
    value = value * 10 - digit;
  }
  if (negative) return value;
  if (value == std::numeric_limits<std::int64_t>::min()) return std::nullopt;
  return -value;
}

// A decimal number in pieces: sign, digits, point, digits, exponent, all of it consumed but for a
// suffix.
struct DecimalShape {
  bool is_number = false;
  bool negative = false;
  bool exact_mantissa = true;  // `mantissa` holds all digits.
  std::uint64_t mantissa = 0;  // Digits without the point, leading zeros dropped.
  int num_digits = 0;          // Of the mantissa without leading zeros; at least 1 for zero.
  std::int64_t exponent = 0;   // Value is mantissa times ten to this.
  bool has_suffix = false;     // d, D, f or F, as Java's literals have.
  bool is_whole = false;       // Sign and digits only.
  std::size_t end = 0;         // Where the number ends, before a suffix.
};

DecimalShape ScanDecimal(std::string_view text) {
  DecimalShape shape;
  const std::size_t size = text.size();
  std::size_t at = 0;
  if (size > 0 && (text[0] == '-' || text[0] == '+')) {
    shape.negative = text[0] == '-';
    at = 1;
  }
  std::size_t digits_seen = 0;
  std::int64_t num_fraction = 0;
  bool in_fraction = false;
  for (; at < size; ++at) {
    const char c = text[at];
    if (IsDigit(c)) {
      ++digits_seen;
      if (in_fraction) ++num_fraction;
      if (shape.num_digits == 0 && c == '0') continue;
      ++shape.num_digits;
      if (shape.num_digits <= 19) {
        shape.mantissa = shape.mantissa * 10 + static_cast<std::uint64_t>(c - '0');
      } else {
        shape.exact_mantissa = false;
      }
    } else if (c == '.' && !in_fraction) {
      in_fraction = true;
    } else {
      break;
    }
  }
  if (digits_seen == 0) return shape;
  std::int64_t written_exponent = 0;
  bool has_exponent = false;
  if (at < size && (text[at] == 'e' || text[at] == 'E')) {
    std::size_t digit = at + 1;
    bool negative_exponent = false;
    if (digit < size && (text[digit] == '-' || text[digit] == '+')) {
      negative_exponent = text[digit] == '-';
      ++digit;
    }
    if (digit == size || !IsDigit(text[digit])) return shape;
    for (; digit < size && IsDigit(text[digit]); ++digit) {
      if (written_exponent < 1'000'000'000) {
        written_exponent = written_exponent * 10 + (text[digit] - '0');
      }
    }
    if (negative_exponent) written_exponent = -written_exponent;
    has_exponent = true;
    at = digit;
  }
  shape.end = at;
  if (at < size) {
    const char c = text[at];
    if (at + 1 != size || (c != 'd' && c != 'D' && c != 'f' && c != 'F')) return shape;
    shape.has_suffix = true;
  }
  shape.is_number = true;
  shape.is_whole = !in_fraction && !has_exponent && !shape.has_suffix;
  if (shape.num_digits == 0) shape.num_digits = 1;
  shape.exponent = written_exponent - num_fraction;
  return shape;
}

constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// The nearest number of a text that from_chars calls out of range: libstdc++ 11 says so of
// subnormal numbers too, which strtod reads.
template <typename T>
T OutOfRange(std::string_view text) {
  static const locale_t c_locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
  const std::string terminated(text);
  if constexpr (std::is_same_v<T, float>) {
    return ::strtof_l(terminated.c_str(), nullptr, c_locale);
  } else {
    return ::strtod_l(terminated.c_str(), nullptr, c_locale);
  }
}

// `text` has no plus sign and ends with the number.
template <typename T>
T DecimalValue(std::string_view text) {
  T value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc::result_out_of_range ? OutOfRange<T>(text) : value;
}

double DoubleValue(std::string_view text, const DecimalShape& shape) {
  // Both factors are exact, so their one product or quotient is correctly rounded.
  if (shape.exact_mantissa && shape.mantissa <= (std::uint64_t{1} << 53) && shape.exponent >= -22 &&
      shape.exponent <= 22) {
    double value = static_cast<double>(shape.mantissa);
    if (shape.exponent < 0) {
      value /= kPowersOfTen[-shape.exponent];
    } else {
      value *= kPowersOfTen[shape.exponent];
    }
    return shape.negative ? -value : value;
  }
  const std::size_t skip = text[0] == '+' ? 1 : 0;
  return DecimalValue<double>(text.substr(skip, shape.end - skip));
}

// [sign]0x digits[.digits]p[sign]digits[suffix].
template <typename T>
std::optional<T> ParseHexadecimal(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.size() < 4 || text[0] != '0' || (text[1] != 'x' && text[1] != 'X')) return std::nullopt;
  text.remove_prefix(2);
  if (std::string_view("dDfF").find(text.back()) != text.npos &&
      text.find_first_of("pP") != text.npos) {
    text.remove_suffix(1);
  }
  std::size_t at = 0;
  std::size_t num_digits = 0;
  bool has_point = false;
  bool is_zero = true;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    const char lower = static_cast<char>(c | 0x20);
    if (IsDigit(c) || (lower >= 'a' && lower <= 'f')) {
      ++num_digits;
      is_zero = is_zero && c == '0';
    } else if (c == '.' && !has_point) {
      has_point = true;
    } else {
      break;
    }
  }
  if (num_digits == 0 || at == text.size() || (text[at] | 0x20) != 'p') return std::nullopt;
  std::size_t digit = at + 1;
  const bool negative_exponent = digit < text.size() && text[digit] == '-';
  if (digit < text.size() && (text[digit] == '-' || text[digit] == '+')) ++digit;
  if (digit == text.size()) return std::nullopt;
  for (std::size_t i = digit; i < text.size(); ++i) {
    if (!IsDigit(text[i])) return std::nullopt;
  }
  T value{};
  const auto result =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::hex);
  if (result.ec == std::errc::result_out_of_range) {
    value = is_zero || negative_exponent ? T{0} : std::numeric_limits<T>::infinity();
  }
  return negative ? -value : value;
}

// "NaN" and "Infinity", spelled so, with or without a sign: Java's own.
template <typename T>
std::optional<T> ParseJavaSpecial(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative || (!text.empty() && text[0] == '+')) text.remove_prefix(1);
  if (text == "NaN") return std::numeric_limits<T>::quiet_NaN();
  if (text != "Infinity") return std::nullopt;
  const T infinity = std::numeric_limits<T>::infinity();
  return negative ? -infinity : infinity;
}

template <typename T>
std::optional<T> ParseSparkSpecial(std::string_view text) {
  if (EqualsLower(text, "nan")) return std::numeric_limits<T>::quiet_NaN();
  const bool negative = !text.empty() && text[0] == '-';
  if (negative || (!text.empty() && text[0] == '+')) text.remove_prefix(1);
  if (!EqualsLower(text, "inf") && !EqualsLower(text, "infinity")) return std::nullopt;
  const T infinity = std::numeric_limits<T>::infinity();
  return negative ? -infinity : infinity;
}

bool MayBeNumber(std::string_view text) {
  return !text.empty() && (IsDigit(text[0]) || text[0] == '-' || text[0] == '+' || text[0] == '.' ||
                           text[0] == 'N' || text[0] == 'I');
}

std::optional<double> ParseJavaDouble(std::string_view text) {
  const DecimalShape shape = ScanDecimal(text);
  if (shape.is_number) return DoubleValue(text, shape);
  if (const auto special = ParseJavaSpecial<double>(text)) return special;
  return ParseHexadecimal<double>(text);
}

// One field of a date or time: `least` to `most` digits, moving `at` behind them.
bool ReadField(std::string_view text, std::size_t& at, int least, int most, std::int64_t& value) {
  int count = 0;
  value = 0;
  while (at < text.size() && IsDigit(text[at])) {
    if (++count > most) return false;
    value = value * 10 + (text[at++] - '0');
  }
  return count >= least;
}

struct PatternField {
  char letter = 0;  // y, M, d; else a literal character.
  int width = 0;    // Of a letter.
};

// Takes the next field of a date pattern.
PatternField NextField(std::string_view pattern, std::size_t& at) {
  const char c = pattern[at];
  PatternField field{c, 0};
  if (c != 'y' && c != 'M' && c != 'd') {
    ++at;
    return field;
  }
  while (at < pattern.size() && pattern[at] == c) {
    ++field.width;
    ++at;
  }
  return field;
}

// A number as java.time reads it: one letter takes a sign and up to 19 digits, yyyy at least four,
// more only with a sign.
bool ReadPatternNumber(std::string_view text, std::size_t& at, const PatternField& field,
                       bool digits_follow, std::int64_t& value) {
  const bool is_wide_year = field.letter == 'y' && field.width == 4;
  if (field.width == 2) {
    const std::size_t begin = at;
    value = 0;
    while (at < text.size() && at - begin < 2 && IsDigit(text[at])) {
      value = value * 10 + (text[at++] - '0');
    }
    return at - begin == 2;
  }
  bool negative = false;
  bool plus = false;
  if (at < text.size() && (text[at] == '-' || (text[at] == '+' && is_wide_year))) {
    negative = text[at] == '-';
    plus = !negative;
    ++at;
  }
  const std::size_t begin = at;
  const std::size_t most = is_wide_year && digits_follow ? 4 : 19;
  value = 0;
  while (at < text.size() && at - begin < most && IsDigit(text[at])) {
    if (value > 1'000'000'000'000'000) return false;
    value = value * 10 + (text[at++] - '0');
  }
  const std::size_t length = at - begin;
  if (length == 0 || (is_wide_year && length < 4)) return false;
  if (negative) {
    if (value == 0) return false;
    value = -value;
  } else if (is_wide_year && plus != (length > 4)) {
    return false;
  }
  return true;
}

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool EndsWithDigitField(std::string_view pattern, std::size_t at) {
  return at < pattern.size() && (pattern[at] == 'y' || pattern[at] == 'M' || pattern[at] == 'd');
}

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kSecondsPerDay = 86'400;

// Offset of a zone in seconds; nothing if it is none we know.
std::optional<std::int64_t> ParseZone(std::string_view zone) {
  if (zone == "Z") return 0;
  for (const std::string_view name : {"UTC", "GMT", "UT"}) {
    if (zone.starts_with(name)) {
      zone.remove_prefix(name.size());
      if (zone.empty()) return 0;
      break;
    }
  }
  if (zone.empty() || (zone[0] != '+' && zone[0] != '-')) return std::nullopt;
  const bool negative = zone[0] == '-';
  std::size_t at = 1;
  std::size_t num_digits = 0;
  while (at + num_digits < zone.size() && IsDigit(zone[at + num_digits])) ++num_digits;
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  std::int64_t seconds = 0;
  if (num_digits == 4 || num_digits == 6) {
    const auto pair = [&](std::size_t i) { return (zone[i] - '0') * 10 + (zone[i + 1] - '0'); };
    hours = pair(1);
    minutes = pair(3);
    if (num_digits == 6) seconds = pair(5);
    at += num_digits;
  } else {
    if (!ReadField(zone, at, 1, 2, hours)) return std::nullopt;
    if (at < zone.size()) {
      if (zone[at++] != ':' || !ReadField(zone, at, 1, 2, minutes)) return std::nullopt;
    }
    if (at < zone.size()) {
      if (zone[at++] != ':' || !ReadField(zone, at, 2, 2, seconds)) return std::nullopt;
    }
  }
  if (at != zone.size() || minutes > 59 || seconds > 59) return std::nullopt;
  const std::int64_t offset = hours * 3600 + minutes * 60 + seconds;
  if (offset > 18 * 3600) return std::nullopt;
  return negative ? -offset : offset;
}

// h[h][:m[m][:s[s][.digits][zone]]] from `at` to the end, as microseconds of the day in UTC.
std::optional<std::int64_t> ParseTimeOfDay(std::string_view text, std::size_t at) {
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;
  std::int64_t micros = 0;
  std::int64_t offset = 0;
  if (!ReadField(text, at, 1, 2, hour)) return std::nullopt;
  if (at < text.size()) {
    if (text[at++] != ':' || !ReadField(text, at, 1, 2, minute)) return std::nullopt;
  }
  if (at < text.size()) {
    if (text[at++] != ':' || !ReadField(text, at, 1, 2, second)) return std::nullopt;
    if (at < text.size() && text[at] == '.') {
      ++at;
      std::int64_t unit = 100'000;
      while (at < text.size() && IsDigit(text[at])) {
        micros += unit * (text[at++] - '0');
        unit /= 10;
      }
    }
    if (at < text.size()) {
      const std::optional<std::int64_t> zone = ParseZone(TrimForCast(text.substr(at)));
      if (!zone) return std::nullopt;
      offset = *zone;
    }
  }
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return (hour * 3600 + minute * 60 + second - offset) * kMicrosPerSecond + micros;
}

// Java's layout of a floating-point number from its shortest digits.
template <typename T>
std::string FormatFloating(T value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  char buffer[64];
  const T magnitude = std::fabs(value);
  auto result =
      std::to_chars(buffer, buffer + sizeof(buffer), magnitude, std::chars_format::scientific);
  std::string_view text(buffer, static_cast<std::size_t>(result.ptr - buffer));
  if (text[1] == 'e') {
    // With one digit enough, Java shows the nearest number of two: 4.9E-324 rather than 5.0E-324.
    char two_digits[64];
    const auto two = std::to_chars(two_digits, two_digits + sizeof(two_digits), magnitude,
                                   std::chars_format::scientific, 1);
    T read_back{};
    std::from_chars(two_digits, two.ptr, read_back);
    if (read_back == magnitude) {
      std::memcpy(buffer, two_digits, static_cast<std::size_t>(two.ptr - two_digits));
      text = std::string_view(buffer, static_cast<std::size_t>(two.ptr - two_digits));
    }
  }
  const std::size_t mark = text.find('e');
  std::string digits(1, text[0]);
  if (mark > 2) digits += text.substr(2, mark - 2);
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  int exponent = 0;
  std::string_view power = text.substr(mark + 1);
  if (power[0] == '+') power.remove_prefix(1);
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  std::string out = value < 0 ? "-" : "";
  if (exponent < -3 || exponent >= 7) {
    out += digits[0];
    out += '.';
    out += digits.size() > 1 ? std::string_view(digits).substr(1) : std::string_view("0");
    return out + fmt::format("E{}", exponent);
  }
  if (exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-exponent - 1), '0');
    return out + digits;
  }
  const std::size_t whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) digits.append(whole - digits.size() + 1, '0');
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

}  // namespace

std::optional<std::int64_t> ParseLong(std::string_view text) {
  return ParsePlainLong(TrimForCast(text));
}

std::optional<double> ParseDouble(std::string_view text) {
  text = TrimAsJava(text);
  if (const auto value = ParseJavaDouble(text)) return value;
  return ParseSparkSpecial<double>(text);
}

std::optional<float> ParseFloat(std::string_view text) {
  text = TrimAsJava(text);
  const DecimalShape shape = ScanDecimal(text);
  if (shape.is_number) {
    const std::size_t skip = text[0] == '+' ? 1 : 0;
    return DecimalValue<float>(text.substr(skip, shape.end - skip));
  }
  if (const auto special = ParseJavaSpecial<float>(text)) return special;
  if (const auto hexadecimal = ParseHexadecimal<float>(text)) return hexadecimal;
  return ParseSparkSpecial<float>(text);
}

std::optional<bool> ParseBoolean(std::string_view text) {
  text = TrimForCast(text);
  for (const std::string_view word : {"t", "true", "y", "yes", "1"}) {
    if (EqualsLower(text, word)) return true;
  }
  for (const std::string_view word : {"f", "false", "n", "no", "0"}) {
    if (EqualsLower(text, word)) return false;
  }
  return std::nullopt;
}

std::optional<std::int32_t> ParseDate(std::string_view text) {
  text = TrimForCast(text);
  std::size_t at = 0;
  const bool negative = !text.empty() && text[0] == '-';
  if (negative || (!text.empty() && text[0] == '+')) at = 1;
  std::int64_t year = 0;
  std::int64_t month = 1;
  std::int64_t day = 1;
  if (!ReadField(text, at, 4, 7, year)) return std::nullopt;
  if (at < text.size()) {
    if (text[at++] != '-' || !ReadField(text, at, 1, 2, month)) return std::nullopt;
  }
  if (at < text.size()) {
    if (text[at++] != '-' || !ReadField(text, at, 1, 2, day)) return std::nullopt;
    if (at < text.size() && text[at] != ' ' && text[at] != 'T') return std::nullopt;
  }
  return CheckedDays(negative ? -year : year, month, day);
}

std::optional<std::int32_t> ParseDate(std::string_view text, std::string_view pattern) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return ParseDateExactly(text, pattern);
}

std::optional<std::int32_t> ParseDateExactly(std::string_view text, std::string_view pattern) {
  std::int64_t year = 1970;
  std::int64_t month = 1;
  std::int64_t day = 1;
  std::size_t at = 0;
  for (std::size_t next = 0; next < pattern.size();) {
    const PatternField field = NextField(pattern, next);
    if (field.width == 0) {
      if (at == text.size() || LowerAscii(text[at]) != LowerAscii(field.letter)) {
        return std::nullopt;
      }
      ++at;
      continue;
    }
    std::int64_t value = 0;
    if (!ReadPatternNumber(text, at, field, EndsWithDigitField(pattern, next), value)) {
      return std::nullopt;
    }
    if (field.letter == 'y') {
      year = field.width == 2 ? 2000 + value : value;
    } else if (field.letter == 'M') {
      month = value;
    } else {
      day = value;
    }
  }
  if (at != text.size()) return std::nullopt;
  return CheckedDays(year, month, day);
}

void CheckDatePattern(std::string_view pattern) {
  const auto fail = [&](std::string_view reason) {
    throw Error(ErrorKind::kUsage,
                fmt::format("date pattern '{}': {}; use y, yy, yyyy, M, MM, d, dd and separators, "
                            "as in 'M/d/yy' or 'yyyy-MM-dd'",
                            pattern, reason));
  };
  int seen[3] = {0, 0, 0};
  for (std::size_t next = 0; next < pattern.size();) {
    const PatternField field = NextField(pattern, next);
    const char c = field.letter;
    if (field.width == 0) {
      const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (is_letter) fail(fmt::format("the letter {} is not supported", c));
      if (IsDigit(c) || std::strchr("'[]{}#+", c) != nullptr ||
          static_cast<unsigned char>(c) >= 0x80) {
        fail(fmt::format("the character {} is not supported", static_cast<unsigned char>(c) >= 0x80
                                                                  ? "beyond ASCII"
                                                                  : std::string(1, c)));
      }
      continue;
    }
    const bool width_is_fine =
        field.width == 1 || field.width == 2 || (c == 'y' && field.width == 4);
    if (!width_is_fine)
      fail(fmt::format("{} is not supported",
                       std::string(static_cast<std::size_t>(field.width), c)));
    int& count = seen[c == 'y' ? 0 : c == 'M' ? 1 : 2];
    if (++count > 1) fail(fmt::format("{} is there twice", c));
    if (field.width == 1 && EndsWithDigitField(pattern, next)) {
      fail(fmt::format("a single {} must be followed by a separator", c));
    }
  }
  if (seen[0] == 0) fail("it has no year");
}

std::string FormatDouble(double value) { return FormatFloating(value); }
std::string FormatFloat(float value) { return FormatFloating(value); }

std::string FormatDate(std::int32_t days) { return FormatDate(days, "yyyy-MM-dd"); }

std::string FormatDate(std::int32_t days, std::string_view pattern) {
  const CivilDate date = CivilFromDays(days);
  std::string text;
  for (std::size_t next = 0; next < pattern.size();) {
    const PatternField field = NextField(pattern, next);
    if (field.width == 0) {
      text += field.letter;
    } else if (field.letter == 'M') {
      text += fmt::format("{:0{}}", date.month, field.width);
    } else if (field.letter == 'd') {
      text += fmt::format("{:0{}}", date.day, field.width);
    } else if (field.width == 2) {
      text += fmt::format("{:02}", (date.year < 0 ? -date.year : date.year) % 100);
    } else if (field.width == 4 && date.year > 9999) {
      text += fmt::format("+{}", date.year);
    } else {
      text += fmt::format("{}{:0{}}", date.year < 0 ? "-" : "",
                          date.year < 0 ? -date.year : date.year, field.width);
    }
  }
  return text;
}

std::uint8_t ClassifyCsvField(std::string_view text) {
  if (text.empty()) return kCsvString;
  if (const DecimalShape shape = ScanDecimal(text); shape.is_number) {
    std::uint8_t kinds = kCsvDouble | kCsvString;
    if (shape.exponent == 0 && shape.num_digits <= 38 && !shape.has_suffix) kinds |= kCsvDecimal;
    if (!shape.is_whole) return kinds;
    if (const std::optional<std::int64_t> value = ParsePlainLong(text)) {
      kinds |= kCsvLong | kCsvDecimal;
      if (*value >= INT32_MIN && *value <= INT32_MAX) kinds |= kCsvInt;
    }
    return kinds;
  }
  if (ParseCsvDouble(text)) return kCsvDouble | kCsvString;
  if (EqualsLower(text, "true") || EqualsLower(text, "false")) return kCsvBoolean | kCsvString;
  const char first = text[0];
  const bool may_be_time =
      IsDigit(first) || first == 'T' || first == '+' || first == '-' || IsIgnoredByCasts(first);
  if (!may_be_time) return kCsvString;
  if (ParseDateExactly(text, "yyyy-MM-dd")) return kCsvDate | kCsvTimestamp | kCsvString;
  if (ParseCsvTimestamp(text)) return kCsvTimestamp | kCsvString;
  return kCsvString;
}

std::optional<double> ParseCsvDouble(std::string_view text) {
  const std::string_view trimmed = TrimAsJava(text);
  if (!MayBeNumber(trimmed)) return std::nullopt;
  if (const auto value = ParseJavaDouble(trimmed)) return value;
  if (text == "Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

std::optional<std::int64_t> ParseCsvTimestamp(std::string_view text) {
  text = TrimForCast(text);
  if (text.empty()) return std::nullopt;
  const std::size_t colon = text.find(':');
  const bool is_time_only = text[0] == 'T' || (colon != std::string_view::npos && colon <= 2);
  if (is_time_only) {
    const std::optional<std::int64_t> micros = ParseTimeOfDay(text, text[0] == 'T' ? 1 : 0);
    if (!micros) return std::nullopt;
    const std::int64_t now = static_cast<std::int64_t>(std::time(nullptr));
    return now / kSecondsPerDay * kSecondsPerDay * kMicrosPerSecond + *micros;
  }
  std::size_t at = 0;
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') at = 1;
  std::int64_t year = 0;
  std::int64_t month = 1;
  std::int64_t day = 1;
  if (!ReadField(text, at, 4, 6, year)) return std::nullopt;
  if (at < text.size()) {
    if (text[at++] != '-' || !ReadField(text, at, 1, 2, month)) return std::nullopt;
  }
  if (at < text.size()) {
    if (text[at++] != '-' || !ReadField(text, at, 1, 2, day)) return std::nullopt;
  }
  std::int64_t micros = 0;
  if (at < text.size()) {
    if (text[at] != ' ' && text[at] != 'T') return std::nullopt;
    const std::optional<std::int64_t> time = ParseTimeOfDay(text, at + 1);
    if (!time) return std::nullopt;
    micros = *time;
  }
  const std::optional<std::int32_t> days = CheckedDays(negative ? -year : year, month, day);
  if (!days) return std::nullopt;
  std::int64_t result = 0;
  if (__builtin_mul_overflow(std::int64_t{*days}, kSecondsPerDay * kMicrosPerSecond, &result) ||
      __builtin_add_overflow(result, micros, &result)) {
    return std::nullopt;
  }
  return result;
}

std::string FormatCsvString(std::string_view text) {
  text = TrimAsJava(text);
  if (text.empty()) return "\"\"";
  if (text.find_first_of(",\"\n\r") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool precedes_quote = i + 1 < text.size() && text[i + 1] == '"';
    if (c == '"' || (c == '\\' && precedes_quote)) quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace firesteel::sql
