#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace firesteel {

/// Lower case of ASCII letters; other bytes stay.
std::string AsciiLower(std::string_view text);
/// True if the two are equal but for the case of ASCII letters.
bool EqualsIgnoringCase(std::string_view left, std::string_view right);
/// "a, b and c" style lists are for prose; this joins with `separator`.
std::string Join(std::span<const std::string> parts, std::string_view separator);
std::vector<std::string> Split(std::string_view text, char separator);
/// Without blanks, tabs and line ends at either end.
std::string_view Trim(std::string_view text);

/// The candidate nearest to `name` by edit distance (case ignored), if it is near enough to be a
/// slip of the pen.
std::optional<std::string> ClosestName(std::string_view name,
                                       std::span<const std::string> candidates);
/// "; did you mean 'x'?" or nothing.
std::string DidYouMean(std::string_view name, std::span<const std::string> candidates);

/// "OrderID" -> "order_id", "YShippingDistance" -> "y_shipping_distance", "a-b" -> "a_b".
/// Source: spec F.3 (the inflection package's `underscore`).
std::string SnakeCase(std::string_view name);

/// 1234567 -> "1,234,567".
std::string WithThousands(long long value);

}  // namespace firesteel
