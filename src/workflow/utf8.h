#pragma once

#include <string>
#include <string_view>

namespace firesteel {

/// True if `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

/// Appends the UTF-8 bytes of `code_point`, which is at most U+10FFFF and no surrogate.
void AppendUtf8(char32_t code_point, std::string* text);

}  // namespace firesteel
