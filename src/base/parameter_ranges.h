#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace firesteel {

// What ParameterSpec::accepts is made of: each returns a test of one value of the right type.

/// Whole numbers from `low` to `high`.
std::function<bool(const nlohmann::ordered_json&)> AcceptWhole(std::int64_t low, std::int64_t high);
/// Whole numbers of 32 bits from `low` on.
std::function<bool(const nlohmann::ordered_json&)> AcceptFrom(std::int64_t low);
/// Numbers that `in_range` is true of. NaN, of which every comparison is false, is none as a rule.
std::function<bool(const nlohmann::ordered_json&)> AcceptReal(bool (*in_range)(double));
/// Texts that are one of `words`, spelled exactly so.
std::function<bool(const nlohmann::ordered_json&)> AcceptOneOf(std::vector<std::string> words);
/// Texts that are one of `words`, in any letter case.
std::function<bool(const nlohmann::ordered_json&)> AcceptAnyCase(std::vector<std::string> words);

bool IsAboveZero(double value);
bool IsAboveZeroUpToOne(double value);
bool IsNotNegative(double value);

}  // namespace firesteel
