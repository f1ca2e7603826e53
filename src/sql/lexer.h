#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace firesteel::sql {

struct Token {
  enum class Kind {
    kWord,        // A name or keyword, as written.
    kQuotedName,  // `text` without its backquotes.
    kString,      // `text` with escapes resolved.
    kInteger,     // `text` are digits.
    kBigInteger,  // `text` are digits, the suffix L is gone.
    kDouble,      // `text` is a number with a point, an exponent or the suffix D, which is gone.
    kSymbol,      // An operator or a bracket.
    kEnd,
  };

  Kind kind = Kind::kEnd;
  std::string text;
  std::size_t begin = 0;  // In bytes.
  std::size_t end = 0;
};

/// Cuts SQL text into tokens, the last of kind kEnd; comments and blanks vanish. Strings follow
/// Spark: single or double quotes, doubled quotes, backslash escapes, r'…' without escapes. Throws
/// Error(kUsage) or Error(kUnsupported) with line and column.
std::vector<Token> Tokenize(std::string_view text);

/// "line 2, column 5" of a byte position; columns count characters.
std::string DescribePosition(std::string_view text, std::size_t position);

/// Makes the error "line 2, column 5: message".
Error ErrorAt(ErrorKind kind, std::string_view text, std::size_t position,
              std::string_view message);

}  // namespace firesteel::sql
