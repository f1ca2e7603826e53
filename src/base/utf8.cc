#include "base/utf8.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace firesteel {
namespace {

// The length of the UTF-8 character at `position`, or minus the length of what cannot be one: the
// longest beginning of a character, at least one byte, as Unicode recommends for replacement.
int CheckedLength(std::string_view text, std::size_t position) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return position + i < text.size() ? static_cast<unsigned char>(text[position + i]) : 0;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  int length = 0;
  unsigned low = 0x80, high = 0xBF;  // Range of the second byte.
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return -1;
  }
  for (int i = 1; i < length; ++i) {
    const unsigned next = byte(static_cast<std::size_t>(i));
    if (next < low || next > high) return -i;
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

bool IsAscii(std::string_view text) {
  std::size_t i = 0;
  for (; i + sizeof(std::uint64_t) <= text.size(); i += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, sizeof(word));
    if ((word & 0x8080808080808080ULL) != 0) return false;
  }
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(i), text.end(),
                     [](char c) { return static_cast<signed char>(c) >= 0; });
}

}  // namespace

bool IsUtf8(std::string_view text) {
  if (IsAscii(text)) return true;
  for (std::size_t i = 0; i < text.size();) {
    const int length = CheckedLength(text, i);
    if (length < 0) return false;
    i += static_cast<std::size_t>(length);
  }
  return true;
}

std::string ReplaceInvalidUtf8(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const int length = CheckedLength(text, i);
    const auto size = static_cast<std::size_t>(std::abs(length));
    result += length > 0 ? text.substr(i, size) : std::string_view("\xEF\xBF\xBD");
    i += size;
  }
  return result;
}

void AppendUtf8(char32_t code, std::string* text) {
  const auto put = [text](char32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

}  // namespace firesteel
