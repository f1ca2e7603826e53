#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/random.h"

namespace firesteel {

/// How often something is tried, and how long before each try again.
struct BackoffPolicy {
  int max_attempts = 15;  // The first included.
  std::chrono::milliseconds first_wait{50};
  std::chrono::milliseconds longest_wait{60'000};
  int factor = 4;
  /// Up to that much is added at random to waits from `jitter_over` on, so that many clients of a
  /// server that comes back do not come back together.
  std::chrono::milliseconds jitter{500};
  std::chrono::milliseconds jitter_over{2'000};
  /// A server may ask for a longer wait than ours, up to this.
  std::chrono::milliseconds longest_asked{600'000};
};

/// The waits between the tries of one call. Source: Spark's client, 4.3.0 (retries.py).
class Backoff {
 public:
  Backoff(const BackoffPolicy& policy, std::uint64_t seed) : policy_(policy), random_(seed) {}

  /// After a failed try: how long to wait before the next one, at least `asked`. Nothing if there
  /// is to be none.
  std::optional<std::chrono::milliseconds> Next(
      std::optional<std::chrono::milliseconds> asked = std::nullopt);
  /// It worked: begin anew.
  void Reset();
  /// Tries that have failed since the last Reset.
  int num_failed() const { return num_failed_; }

 private:
  BackoffPolicy policy_;
  SplitMix64 random_;
  int num_failed_ = 0;
};

}  // namespace firesteel
