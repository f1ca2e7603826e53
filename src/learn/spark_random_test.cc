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

// Outputs of Spark 4.3.0's JVM. Source: spec I.5.
TEST(JavaRandom, GivesJavasGaussians) {
  struct Case {
    std::int64_t seed;
    std::array<double, 3> gaussians;
    std::int64_t then;
  };
  for (const Case& c :
       {Case{0, {0.8025330637390305, -0.9015460884175122, 2.080920790428163}, -7423979211207825555},
        Case{1, {1.561581040188955, -0.6081826070068602, -1.0912278829447088}, -594798593157429144},
        Case{42,
             {1.1419053154730547, 0.9194079489827879, -0.9498666368908959},
             -6169532649852302182},
        Case{-5,
             {-1.2205675173074388, -0.8777731685139304, -0.8282939255209294},
             6370092549091603725}}) {
    JavaRandom random(c.seed);
    for (const double expected : c.gaussians) EXPECT_EQ(random.NextGaussian(), expected) << c.seed;
    EXPECT_EQ(random.NextLong(), c.then) << c.seed;
  }
}

TEST(SampleRows, KeepsAllRowsWithoutDrawing) {
  EXPECT_THAT(SampleRows(3, 1.0, 7), ::testing::ElementsAre(0, 1, 2));
  EXPECT_THAT(SampleRows(0, 0.5, 7), ::testing::IsEmpty());
}

TEST(SampleRows, KeepsAboutTheFraction) {
  for (const double fraction : {0.02, 0.3, 0.4, 0.41, 0.9}) {
    const std::vector<std::size_t> rows = SampleRows(20000, fraction, 43);
    EXPECT_NEAR(static_cast<double>(rows.size()) / 20000.0, fraction, 0.015) << fraction;
    EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
    EXPECT_EQ(std::adjacent_find(rows.begin(), rows.end()), rows.end());
    EXPECT_LT(rows.back(), 20000u);
  }
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
