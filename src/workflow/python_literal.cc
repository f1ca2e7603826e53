#include "workflow/python_literal.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "base/error.h"
#include "base/utf8.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 100;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Digit value in any base up to 16, or 16 for what is no digit.
unsigned int DigitValue(char c) {
  if (IsDigit(c)) return static_cast<unsigned int>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned int>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned int>(c - 'A') + 10;
  return 16;
}

class LiteralParser {
 public:
  explicit LiteralParser(std::string_view text) : text_(text) {}

  Json ParseAll() {
    SkipBlanks();
    if (AtEnd()) Fail("nothing is there; a dict such as {'maxIter': 32} is expected");
    if (Peek() != '{') {
      Fail("a dict such as {'maxIter': 32} is expected, in braces");
    }
    Json value = ParseDict();
    SkipBlanks();
    if (!AtEnd()) Fail("text follows the closing brace");
    return value;
  }

 private:
  [[noreturn]] void Fail(const std::string& problem) const { FailAt(position_, problem); }
  [[noreturn]] void FailAt(std::size_t position, const std::string& problem) const {
    throw Error(ErrorKind::kUsage, fmt::format("at character {}: {}", position + 1, problem));
  }

  bool AtEnd() const { return position_ >= text_.size(); }
  char Peek(std::size_t ahead = 0) const {
    return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0';
  }

  void SkipBlanks() {
    while (!AtEnd() && (Peek() == ' ' || Peek() == '\t' || Peek() == '\n' || Peek() == '\r')) {
      ++position_;
    }
  }

  // After an element: true if the closing character was eaten, false after a comma.
  bool EndsWith(char close) {
    SkipBlanks();
    if (Peek() == ',') {
      ++position_;
      SkipBlanks();
      if (Peek() != close) return false;
    }
    if (Peek() != close || AtEnd()) {
      Fail(AtEnd() ? fmt::format("the text ends before the closing '{}'", close)
                   : fmt::format("',' or '{}' is expected, not '{}'", close, Peek()));
    }
    ++position_;
    return true;
  }

  Json ParseDict() {
    Json dict = Json::object();
    ++position_;
    SkipBlanks();
    if (Peek() == '}') {
      ++position_;
      return dict;
    }
    do {
      SkipBlanks();
      if (Peek() != '\'' && Peek() != '"') {
        Fail(AtEnd() ? "the text ends before the closing '}'"
                     : "a key in quotes is expected, as in {'maxIter': 32}");
      }
      const std::string key = ParseStrings();
      SkipBlanks();
      if (Peek() != ':') Fail(fmt::format("':' is expected after the key '{}'", key));
      ++position_;
      SkipBlanks();
      if (Peek() == '}' || Peek() == ',' || AtEnd()) {
        Fail(fmt::format("the key '{}' has no value", key));
      }
      dict[key] = ParseValue();
    } while (!EndsWith('}'));
    return dict;
  }

  Json ParseList(char close) {
    Json list = Json::array();
    ++position_;
    SkipBlanks();
    if (Peek() == close) {
      ++position_;
      return list;
    }
    bool has_comma = false;
    do {
      list.push_back(ParseValue());
      SkipBlanks();
      has_comma = has_comma || Peek() == ',';
    } while (!EndsWith(close));
    // Parentheses without a comma only group.
    if (close == ')' && !has_comma) return Json(list[0]);
    return list;
  }

  Json ParseValue() {
    SkipBlanks();
    if (++depth_ > kMaxDepth) Fail("values are nested too deeply");
    Json value;
    const char c = Peek();
    if (AtEnd()) {
      Fail("the text ends where a value is expected");
    } else if (c == '{') {
      value = ParseDict();
    } else if (c == '[') {
      value = ParseList(']');
    } else if (c == '(') {
      value = ParseList(')');
    } else if (c == '\'' || c == '"') {
      value = ParseStrings();
    } else if (IsDigit(c) || c == '.' || c == '+' || c == '-') {
      value = ParseNumber();
    } else if (IsNameStart(c)) {
      value = ParseName();
    } else {
      Fail(fmt::format("a value is expected, not '{}'", c));
    }
    --depth_;
    return value;
  }

  Json ParseName() {
    const std::size_t start = position_;
    while (!AtEnd() && (IsNameStart(Peek()) || IsDigit(Peek()))) ++position_;
    const std::string_view name = text_.substr(start, position_ - start);
    if (name == "True" || name == "true") return Json(true);
    if (name == "False" || name == "false") return Json(false);
    if (name == "None" || name == "null") return Json(nullptr);
    FailAt(start, fmt::format("'{}' is no value; text is put in quotes, and there are True, False "
                              "and None",
                              name));
  }

  Json ParseNumber() {
    const std::size_t start = position_;
    bool is_negative = false;
    if (Peek() == '+' || Peek() == '-') {
      is_negative = Peek() == '-';
      ++position_;
      SkipBlanks();
    }
    if (!IsDigit(Peek()) && !(Peek() == '.' && IsDigit(Peek(1)))) {
      FailAt(start, "a number is expected");
    }
    Json value;
    const char marker = static_cast<char>(Peek(1) | 0x20);
    if (Peek() == '0' && (marker == 'x' || marker == 'o' || marker == 'b')) {
      position_ += 2;
      value = ParseInteger(marker == 'x' ? 16 : marker == 'o' ? 8 : 2, is_negative, start);
    } else {
      value = ParseDecimal(is_negative, start);
    }
    if (IsNameStart(Peek()) || IsDigit(Peek()) || Peek() == '.') FailAt(start, "malformed number");
    SkipBlanks();
    if (Peek() == '+' || Peek() == '-' || Peek() == '*' || Peek() == '/') {
      FailAt(start, "an expression is not evaluated; give its value");
    }
    return value;
  }

  // Whole numbers that do not fit 64 bits become doubles, which every check of an int then refuses.
  Json ParseInteger(unsigned int base, bool is_negative, std::size_t start) {
    std::uint64_t value = 0;
    double approximate = 0.0;
    bool fits = true;
    std::size_t num_digits = 0;
    bool was_underscore = false;
    for (;; ++position_) {
      if (Peek() == '_' && !was_underscore && (num_digits > 0 || base != 10)) {
        was_underscore = true;
        continue;
      }
      const unsigned int digit = DigitValue(Peek());
      if (digit >= base) break;
      fits = fits && !__builtin_mul_overflow(value, base, &value) &&
             !__builtin_add_overflow(value, digit, &value);
      approximate = approximate * base + digit;
      ++num_digits;
      was_underscore = false;
    }
    if (num_digits == 0 || was_underscore) FailAt(start, "malformed number");
    constexpr std::uint64_t kLimit = std::uint64_t{1} << 63;
    if (fits && is_negative && value <= kLimit) {
      return Json(static_cast<std::int64_t>(~value + 1));
    }
    if (fits && !is_negative && value < kLimit) return Json(static_cast<std::int64_t>(value));
    return Json(is_negative ? -approximate : approximate);
  }

  Json ParseDecimal(bool is_negative, std::size_t start) {
    std::string digits;
    bool is_float = false;
    for (; !AtEnd(); ++position_) {
      const char c = Peek();
      if (c == '_' && !digits.empty() && IsDigit(digits.back()) && IsDigit(Peek(1))) continue;
      const bool is_sign = (c == '+' || c == '-') && !digits.empty() &&
                           (digits.back() == 'e' || digits.back() == 'E');
      if (!IsDigit(c) && c != '.' && c != 'e' && c != 'E' && !is_sign) break;
      is_float = is_float || !IsDigit(c);
      digits.push_back(c);
    }
    if (is_float) {
      double value = 0.0;
      const std::string padded = digits[0] == '.' ? "0" + digits : digits;
      const char* end = padded.data() + padded.size();
      const auto [stop, error] = std::from_chars(padded.data(), end, value);
      if (stop != end || error == std::errc::invalid_argument) FailAt(start, "malformed number");
      if (error == std::errc::result_out_of_range) FailAt(start, "the number is out of range");
      return Json(is_negative ? -value : value);
    }
    if (digits.size() > 1 && digits[0] == '0' &&
        digits.find_first_not_of('0') != std::string::npos) {
      FailAt(start, "a whole number can't begin with 0");
    }
    LiteralParser integer(digits);
    return integer.ParseInteger(10, is_negative, start);
  }

  // One or more string literals side by side, which Python joins.
  std::string ParseStrings() {
    std::string value;
    while (Peek() == '\'' || Peek() == '"') {
      ParseString(&value);
      SkipBlanks();
    }
    return value;
  }

  void ParseString(std::string* value) {
    const std::size_t start = position_;
    const char quote = Peek();
    const bool is_triple = Peek(1) == quote && Peek(2) == quote;
    position_ += is_triple ? 3 : 1;
    while (true) {
      if (AtEnd()) FailAt(start, fmt::format("a text is not closed with {}", quote));
      const char c = Peek();
      if (c == quote && (!is_triple || (Peek(1) == quote && Peek(2) == quote))) {
        position_ += is_triple ? 3 : 1;
        return;
      }
      if (c == '\n' && !is_triple) {
        FailAt(start, fmt::format("a text is not closed with {} on its line", quote));
      }
      if (c == '\\') {
        ParseEscape(quote, value);
      } else {
        value->push_back(c);
        ++position_;
      }
    }
  }

  void ParseEscape(char quote, std::string* value) {
    const std::size_t start = position_;
    const char c = Peek(1);
    position_ += 2;
    switch (c) {
      case '\n':
        return;
      case '\\':
      case '\'':
      case '"':
        return value->push_back(c);
      case 'a':
        return value->push_back('\a');
      case 'b':
        return value->push_back('\b');
      case 'f':
        return value->push_back('\f');
      case 'n':
        return value->push_back('\n');
      case 'r':
        return value->push_back('\r');
      case 't':
        return value->push_back('\t');
      case 'v':
        return value->push_back('\v');
      case 'x':
        return AppendUtf8(ParseHex(2, start), value);
      case 'u':
      case 'U':
        return AppendUtf8(ParseCodePoint(c == 'u' ? 4 : 8, start), value);
      default:
        break;
    }
    if (DigitValue(c) < 8) {
      char32_t code = DigitValue(c);
      for (int i = 0; i < 2 && DigitValue(Peek()) < 8; ++i, ++position_) {
        code = code * 8 + DigitValue(Peek());
      }
      return AppendUtf8(code, value);
    }
    if (c == 'N') FailAt(start, "named characters are not supported; write the character itself");
    // JSON escapes the slash; Python keeps a backslash that escapes nothing.
    if (c == '/' && quote == '"') return value->push_back('/');
    value->push_back('\\');
    position_ = start + 1;
  }

  char32_t ParseHex(int num_digits, std::size_t start) {
    char32_t code = 0;
    for (int i = 0; i < num_digits; ++i, ++position_) {
      if (DigitValue(Peek()) >= 16) FailAt(start, "an escape lacks hexadecimal digits");
      code = code * 16 + DigitValue(Peek());
    }
    return code;
  }

  char32_t ParseCodePoint(int num_digits, std::size_t start) {
    char32_t code = ParseHex(num_digits, start);
    // JSON writes characters beyond U+FFFF as two halves.
    if (code >= 0xD800 && code < 0xDC00 && Peek() == '\\' && Peek(1) == 'u') {
      position_ += 2;
      const char32_t low = ParseHex(4, start);
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      }
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      FailAt(start, "an escape is no character");
    }
    return code;
  }

  std::string_view text_;
  std::size_t position_ = 0;
  int depth_ = 0;
};

}  // namespace

nlohmann::ordered_json ParseParameterLiteral(std::string_view text) {
  if (!IsUtf8(text)) throw Error(ErrorKind::kUsage, "the text is not UTF-8");
  return LiteralParser(text).ParseAll();
}

}  // namespace firesteel
