#include "learn/gbt/feature_subset.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace firesteel {
namespace {

// A whole number from 1 that fits 32 bits; a leading plus is fine, as in Java.
std::optional<std::size_t> ToCount(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1) return std::nullopt;
  return static_cast<std::size_t>(count);
}

std::optional<double> ToShare(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789.+-eE") != std::string::npos) {
    return std::nullopt;
  }
  char* end = nullptr;
  const double share = std::strtod(text.c_str(), &end);
  if (*end != '\0' || !(share > 0.0 && share <= 1.0)) return std::nullopt;
  return share;
}

}  // namespace

bool IsFeatureSubsetStrategy(const std::string& text) {
  for (const char* word : {"auto", "all", "onethird", "sqrt", "log2"}) {
    if (text == word) return true;
  }
  return ToCount(text) || ToShare(text);
}

std::size_t FeatureSubsetSize(const std::string& strategy, std::size_t num_features) {
  const auto n = static_cast<double>(num_features);
  const auto up = [](double value) { return static_cast<std::size_t>(std::ceil(value)); };
  if (strategy == "sqrt") return up(std::sqrt(n));
  if (strategy == "log2") return std::max<std::size_t>(1, up(std::log(n) / std::log(2.0)));
  if (strategy == "onethird") return up(n / 3.0);
  if (const auto count = ToCount(strategy)) return std::min(*count, num_features);
  if (const auto share = ToShare(strategy)) return up(*share * n);
  return num_features;
}

}  // namespace firesteel
