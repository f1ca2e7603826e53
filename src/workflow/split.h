#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace firesteel {

/// Rows per date, null first, then ascending.
using DateCount = std::pair<std::optional<std::string>, std::int64_t>;

/// The last date of the training part: the first whose cumulative share of rows, summed in order in
/// doubles, reaches `fraction`, but never the last date of all. Nothing if that "date" is the null
/// one (both parts are then empty). Throws Error(kInvalidArgument) for fewer than two distinct
/// dates. Source: spec F.4.
std::optional<std::string> FindCutOffDate(std::span<const DateCount> counts, double fraction);

}  // namespace firesteel
