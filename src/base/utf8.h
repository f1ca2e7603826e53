#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// UTF-8, character (code point) by character. Unless it says otherwise, a function takes malformed
/// bytes for characters of their own, so that no input makes a loop run on or out of the text.
namespace firesteel {

/// True if `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

/// Replaces what is not UTF-8 by U+FFFD, once for each longest beginning of a character, as Unicode
/// recommends and Java does.
std::string ReplaceInvalidUtf8(std::string_view text);

/// Appends the UTF-8 bytes of `code`, which is at most U+10FFFF and no surrogate.
void AppendUtf8(char32_t code, std::string* text);

/// The length in bytes of the character at `position`, which must lie in the text: 1 to 4.
inline std::size_t Utf8Length(std::string_view text, std::size_t position) {
  const auto lead = static_cast<unsigned char>(text[position]);
  std::size_t length = 1;
  if (lead >= 0xF0) {
    length = 4;
  } else if (lead >= 0xE0) {
    length = 3;
  } else if (lead >= 0xC0) {
    length = 2;
  }
  const std::size_t left = text.size() - position;
  return length < left ? length : left;
}

/// The number of characters.
inline std::size_t Utf8Count(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); at += Utf8Length(text, at)) ++count;
  return count;
}

/// The byte position of character `index`, or the size of the text if it has no more.
inline std::size_t Utf8Offset(std::string_view text, std::size_t index) {
  std::size_t at = 0;
  while (index > 0 && at < text.size()) {
    at += Utf8Length(text, at);
    --index;
  }
  return at;
}

/// The code point of the character at `position`; valid UTF-8 only.
inline std::uint32_t Utf8Decode(std::string_view text, std::size_t position) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[position + i]));
  };
  switch (Utf8Length(text, position)) {
    case 2:
      return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3:
      return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    case 4:
      return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 |
             (byte(3) & 0x3F);
    default:
      return byte(0);
  }
}

}  // namespace firesteel
