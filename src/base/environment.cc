#include "base/environment.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace firesteel {

std::optional<int> NumberFromEnvironment(const char* variable, int lowest, int highest) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return std::nullopt;
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stop != end || value < lowest || value > highest) {
    throw Error(ErrorKind::kUsage, fmt::format("the environment variable {} is '{}', which is no "
                                               "whole number from {} to {}",
                                               variable, text, lowest, highest));
  }
  return value;
}

}  // namespace firesteel
