#include "workflow/split.h"

#include <fmt/format.h>

#include <cstddef>

#include "base/error.h"

namespace firesteel {

std::optional<std::string> FindCutOffDate(std::span<const DateCount> counts, double fraction) {
  if (counts.size() < 2) {
    std::string found = "none";
    if (counts.size() == 1) {
      found = counts[0].first ? "only " + *counts[0].first : "only rows without a date";
    }
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("a split by date needs at least two distinct dates; found {}", found));
  }
  std::int64_t total = 0;
  for (const DateCount& count : counts) total += count.second;

  // Added up in order, as Spark's window does: the last share may be a little below one.
  double share = 0.0;
  std::size_t cut = 0;
  for (; cut < counts.size(); ++cut) {
    share += static_cast<double>(counts[cut].second) / static_cast<double>(total);
    if (share >= fraction) break;
  }
  if (cut >= counts.size() - 1) cut = counts.size() - 2;
  return counts[cut].first;
}

}  // namespace firesteel
