#include "sql/lexer.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>

#include "base/utf8.h"

namespace firesteel::sql {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsWordPart(char c) { return IsLetter(c) || IsDigit(c); }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

constexpr std::string_view kSymbols[] = {
    "<=>", "::", "||", "<>", "!=", "==", "<=", ">=", "=", "<", ">",
    "+",   "-",  "*",  "/",  "%",  "(",  ")",  ",",  ".", "!", ";"};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> Run() {
    std::vector<Token> tokens;
    while (true) {
      SkipBlanksAndComments();
      Token token = Next();
      tokens.push_back(token);
      if (token.kind == Token::Kind::kEnd) return tokens;
    }
  }

 private:
  [[noreturn]] void Fail(ErrorKind kind, std::size_t position, std::string_view message) const {
    throw ErrorAt(kind, text_, position, message);
  }

  char Peek(std::size_t offset = 0) const {
    return at_ + offset < text_.size() ? text_[at_ + offset] : '\0';
  }
  bool StartsWith(std::string_view prefix) const { return text_.substr(at_).starts_with(prefix); }

  void SkipBlanksAndComments() {
    while (at_ < text_.size()) {
      if (IsBlank(Peek())) {
        ++at_;
      } else if (StartsWith("--")) {
        while (at_ < text_.size() && Peek() != '\n') ++at_;
      } else if (StartsWith("/*")) {
        const std::size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) {
          Fail(ErrorKind::kUsage, at_, "the comment that starts here has no */");
        }
        at_ = end + 2;
      } else {
        return;
      }
    }
  }

  Token Next() {
    Token token;
    token.begin = at_;
    if (at_ == text_.size()) {
      token.end = at_;
      return token;
    }
    const char c = Peek();
    if ((c == 'r' || c == 'R') && (Peek(1) == '\'' || Peek(1) == '"')) {
      ++at_;
      token.kind = Token::Kind::kString;
      token.text = RawString(token.begin);
    } else if (IsLetter(c)) {
      token.kind = Token::Kind::kWord;
      while (IsWordPart(Peek())) ++at_;
      token.text = text_.substr(token.begin, at_ - token.begin);
    } else if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
      Number(token);
    } else if (c == '\'' || c == '"') {
      token.kind = Token::Kind::kString;
      token.text = String();
    } else if (c == '`') {
      token.kind = Token::Kind::kQuotedName;
      token.text = QuotedName();
    } else {
      token.kind = Token::Kind::kSymbol;
      token.text = Symbol();
    }
    token.end = at_;
    return token;
  }

  std::string Symbol() {
    for (const std::string_view symbol : kSymbols) {
      if (StartsWith(symbol)) {
        at_ += symbol.size();
        return std::string(symbol);
      }
    }
    const std::size_t length = Utf8Length(text_, at_);
    const std::string_view character = text_.substr(at_, length);
    if (static_cast<unsigned char>(character[0]) >= 0x80) {
      Fail(ErrorKind::kUsage, at_,
           fmt::format("unexpected character '{0}'; write names with other than ASCII letters, "
                       "digits and _ in backquotes",
                       character));
    }
    Fail(ErrorKind::kUnsupported, at_,
         fmt::format("'{}' is not part of the expression language", character));
  }

  void Number(Token& token) {
    const std::size_t begin = at_;
    bool is_double = false;
    while (IsDigit(Peek())) ++at_;
    if (Peek() == '.') {
      is_double = true;
      ++at_;
      while (IsDigit(Peek())) ++at_;
    }
    const char sign = Peek(1);
    const bool has_exponent = (Peek() == 'e' || Peek() == 'E') &&
                              (IsDigit(sign) || ((sign == '+' || sign == '-') && IsDigit(Peek(2))));
    if (has_exponent) {
      is_double = true;
      at_ += 2;
      while (IsDigit(Peek())) ++at_;
    }
    token.text = text_.substr(begin, at_ - begin);
    token.kind = is_double ? Token::Kind::kDouble : Token::Kind::kInteger;
    const std::size_t suffix_begin = at_;
    while (IsWordPart(Peek())) ++at_;
    const std::string_view suffix = text_.substr(suffix_begin, at_ - suffix_begin);
    if (suffix.empty()) return;
    if ((suffix == "L" || suffix == "l") && !is_double) {
      token.kind = Token::Kind::kBigInteger;
    } else if (suffix == "D" || suffix == "d") {
      token.kind = Token::Kind::kDouble;
    } else if (suffix == "F" || suffix == "f" || suffix == "S" || suffix == "s" || suffix == "Y" ||
               suffix == "y" || suffix == "BD" || suffix == "bd") {
      Fail(ErrorKind::kUnsupported, begin,
           fmt::format("the number suffix {} is not supported; write CAST({} AS …)", suffix,
                       token.text));
    } else {
      Fail(ErrorKind::kUsage, begin, fmt::format("'{}{}' is not a number", token.text, suffix));
    }
  }

  std::string QuotedName() {
    const std::size_t begin = at_++;
    std::string name;
    while (true) {
      if (at_ == text_.size()) {
        Fail(ErrorKind::kUsage, begin, "the name that starts here has no closing backquote");
      }
      if (Peek() == '`') {
        if (Peek(1) != '`') break;
        ++at_;
      }
      name += text_[at_++];
    }
    ++at_;
    if (name.empty()) Fail(ErrorKind::kUsage, begin, "a name in backquotes cannot be empty");
    return name;
  }

  std::string RawString(std::size_t begin) {
    const char quote = text_[at_++];
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) {
      Fail(ErrorKind::kUsage, begin, "the text that starts here has no closing quote");
    }
    std::string value(text_.substr(at_, end - at_));
    at_ = end + 1;
    return value;
  }

  std::string String() {
    const std::size_t begin = at_;
    const char quote = text_[at_++];
    std::string value;
    while (true) {
      if (at_ == text_.size()) {
        Fail(ErrorKind::kUsage, begin, "the text that starts here has no closing quote");
      }
      const char c = text_[at_];
      if (c == quote) {
        if (Peek(1) != quote) break;
        value += quote;
        at_ += 2;
      } else if (c == '\\' && at_ + 1 < text_.size()) {
        Escape(value);
      } else {
        value += c;
        ++at_;
      }
    }
    ++at_;
    return value;
  }

  // Reads `count` hexadecimal digits at `begin`.
  std::optional<std::uint32_t> Hexadecimal(std::size_t begin, std::size_t count) const {
    if (begin + count > text_.size()) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = begin; i < begin + count; ++i) {
      const char c = text_[i];
      std::uint32_t digit;
      if (IsDigit(c)) {
        digit = static_cast<std::uint32_t>(c - '0');
      } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
        digit = static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
      } else {
        return std::nullopt;
      }
      value = value * 16 + digit;
    }
    return value;
  }

  void AppendEscapedCharacter(std::string& value, std::uint32_t code) {
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
      Fail(ErrorKind::kUnsupported, at_, "this escape does not name a character; write it out");
    }
    AppendUtf8(code, &value);
  }

  void Escape(std::string& value) {
    const char c = text_[at_ + 1];
    if (c == 'u' || c == 'U') {
      const std::size_t digits = c == 'u' ? 4 : 8;
      if (const auto code = Hexadecimal(at_ + 2, digits)) {
        AppendEscapedCharacter(value, *code);
        at_ += 2 + digits;
        return;
      }
    }
    const auto is_octal = [this](std::size_t i) { return Peek(i) >= '0' && Peek(i) <= '7'; };
    if ((c == '0' || c == '1') && is_octal(2) && is_octal(3)) {
      const int code = (c - '0') * 64 + (Peek(2) - '0') * 8 + (Peek(3) - '0');
      AppendEscapedCharacter(value, static_cast<std::uint32_t>(code));
      at_ += 4;
      return;
    }
    switch (c) {
      case '0':
        Fail(ErrorKind::kUnsupported, at_, "texts cannot hold the character zero");
      case 'b':
        value += '\b';
        break;
      case 'n':
        value += '\n';
        break;
      case 'r':
        value += '\r';
        break;
      case 't':
        value += '\t';
        break;
      case 'Z':
        value += '\x1a';
        break;
      case '%':
      case '_':
        // LIKE needs to see these escapes.
        value += '\\';
        value += c;
        break;
      default:
        value += c;
    }
    at_ += 2;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<Token> Tokenize(std::string_view text) { return Lexer(text).Run(); }

std::string DescribePosition(std::string_view text, std::size_t position) {
  int line = 1;
  int column = 1;
  for (std::size_t i = 0; i < position && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      ++column;
    }
  }
  return fmt::format("line {}, column {}", line, column);
}

Error ErrorAt(ErrorKind kind, std::string_view text, std::size_t position,
              std::string_view message) {
  return Error(kind, fmt::format("{}: {}", DescribePosition(text, position), message));
}

}  // namespace firesteel::sql
