#include "learn/spark_random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace firesteel {
namespace {

// Outputs of Spark 4.3.0. Source: spec I.5.
TEST(XorShiftRandom, GivesSparksNumbers) {
  struct Case {
    std::int64_t seed;
    std::array<std::int32_t, 3> ints;
    double then;
  };
  for (const Case& c :
       {Case{0, {520798028, 1576938828, 437779267}, 0.10698297690858893},
        Case{42, {444206279, 1508163723, -1911958253}, 0.0878356757203187},
        Case{-1, {20335744, 2141775558, -1723279260}, 0.40047900307389594},
        Case{123456789012, {-89122714, 967105938, -1857883880}, 0.8001498676056185}}) {
    XorShiftRandom random(c.seed);
    for (const std::int32_t expected : c.ints) EXPECT_EQ(random.NextInt(), expected) << c.seed;
    EXPECT_EQ(random.NextDouble(), c.then) << c.seed;
  }
}

// The numbers that java.util.Random gives for nextLong() after seeding with 0 and 42.
TEST(JavaRandom, GivesJavasLongs) {
  EXPECT_EQ(JavaRandom(0).NextLong(), -4962768465676381896);
  EXPECT_EQ(JavaRandom(42).NextLong(), -5025562857975149833);
}

TEST(SampleItems, TakesDistinctItemsOfTheRange) {
  for (std::int64_t seed = 0; seed < 50; ++seed) {
    std::vector<std::size_t> items = SampleItems(20, 7, seed);
    std::sort(items.begin(), items.end());
    EXPECT_EQ(std::unique(items.begin(), items.end()), items.end());
    EXPECT_EQ(items.size(), 7u);
    EXPECT_LT(items.back(), 20u);
  }
  EXPECT_THAT(SampleItems(3, 3, 1), ::testing::ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace firesteel
