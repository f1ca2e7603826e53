#include "engine/spark/connect/backoff.h"

#include <algorithm>
#include <cstdint>

namespace firesteel {

std::optional<std::chrono::milliseconds> Backoff::Next(
    std::optional<std::chrono::milliseconds> asked) {
  ++num_failed_;
  if (num_failed_ >= policy_.max_attempts) return std::nullopt;
  std::chrono::milliseconds wait = policy_.first_wait;
  for (int i = 1; i < num_failed_ && wait < policy_.longest_wait; ++i) wait *= policy_.factor;
  wait = std::min(wait, policy_.longest_wait);
  if (asked) wait = std::max(wait, std::min(*asked, policy_.longest_asked));
  if (wait >= policy_.jitter_over) {
    wait += std::chrono::milliseconds(
        random_.NextBelow(static_cast<std::uint64_t>(policy_.jitter.count()) + 1));
  }
  return wait;
}

void Backoff::Reset() { num_failed_ = 0; }

}  // namespace firesteel
