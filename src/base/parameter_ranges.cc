#include "base/parameter_ranges.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"

namespace firesteel {

using Json = nlohmann::ordered_json;

std::function<bool(const Json&)> AcceptWhole(std::int64_t low, std::int64_t high) {
  return [=](const Json& value) {
    const auto number = value.get<std::int64_t>();
    return low <= number && number <= high;
  };
}

std::function<bool(const Json&)> AcceptFrom(std::int64_t low) {
  return AcceptWhole(low, std::numeric_limits<std::int32_t>::max());
}

std::function<bool(const Json&)> AcceptReal(bool (*in_range)(double)) {
  return [=](const Json& value) { return in_range(value.get<double>()); };
}

std::function<bool(const Json&)> AcceptOneOf(std::vector<std::string> words) {
  return [words = std::move(words)](const Json& value) {
    return std::find(words.begin(), words.end(), value.get<std::string>()) != words.end();
  };
}

std::function<bool(const Json&)> AcceptAnyCase(std::vector<std::string> words) {
  return [words = std::move(words)](const Json& value) {
    for (const std::string& word : words) {
      if (EqualsIgnoringCase(value.get<std::string>(), word)) return true;
    }
    return false;
  };
}

bool IsAboveZero(double value) { return value > 0.0; }
bool IsAboveZeroUpToOne(double value) { return value > 0.0 && value <= 1.0; }
bool IsNotNegative(double value) { return value >= 0.0; }

}  // namespace firesteel
