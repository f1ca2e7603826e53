#include "engine/spark/connect/backoff.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace firesteel {
namespace {

using std::chrono::milliseconds;

TEST(BackoffTest, WaitsGrowToTheLongestAndEnd) {
  Backoff backoff({.max_attempts = 8, .jitter = milliseconds(0)}, 1);
  std::vector<int> waits;
  while (const auto wait = backoff.Next()) waits.push_back(static_cast<int>(wait->count()));
  // 50 ms times 4 each time, at most a minute; the eighth try is the last.
  EXPECT_EQ(waits, (std::vector<int>{50, 200, 800, 3'200, 12'800, 51'200, 60'000}));
  EXPECT_EQ(backoff.num_failed(), 8);
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), milliseconds(50));
}

TEST(BackoffTest, LongWaitsAreMadeUnequal) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Backoff backoff({}, seed);
    EXPECT_EQ(backoff.Next(), milliseconds(50));
    EXPECT_EQ(backoff.Next(), milliseconds(200));
    EXPECT_EQ(backoff.Next(), milliseconds(800));
    const auto wait = backoff.Next();
    EXPECT_GE(wait, milliseconds(3'200));
    EXPECT_LE(wait, milliseconds(3'700));
  }
  EXPECT_NE(Backoff({.first_wait = milliseconds(5'000)}, 1).Next(),
            Backoff({.first_wait = milliseconds(5'000)}, 2).Next());
}

TEST(BackoffTest, AServerMayAskForMoreButNotForTooMuch) {
  Backoff backoff({.jitter = milliseconds(0)}, 1);
  EXPECT_EQ(backoff.Next(milliseconds(10)), milliseconds(50));
  EXPECT_EQ(backoff.Next(milliseconds(7'000)), milliseconds(7'000));
  EXPECT_EQ(backoff.Next(milliseconds(3'600'000)), milliseconds(600'000));
}

}  // namespace
}  // namespace firesteel
