#include "base/order_free_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"

namespace firesteel {
namespace {

double SumOf(const std::vector<double>& values) {
  OrderFreeSum sum;
  for (const double value : values) sum.Add(value);
  return sum.Result();
}

TEST(OrderFreeSumTest, NothingSumsToZero) { EXPECT_EQ(SumOf({}), 0.0); }

TEST(OrderFreeSumTest, SumsThatFitAreExact) {
  EXPECT_EQ(SumOf({1.5, 2.25, -0.75}), 3.0);
  EXPECT_EQ(SumOf({-3.0, 1.0}), -2.0);
  // Plain sums lose the 1 beside 1e300.
  EXPECT_EQ(SumOf({1e300, 1.0, -1e300}), 1.0);
  EXPECT_EQ(SumOf({1.0, -1e-20, -1.0}), -1e-20);
}

TEST(OrderFreeSumTest, TenTenthsAreOneToTheLastPlace) {
  // 0.1 is 0.1000000000000000055511151231257827: ten of them exceed 1 by 5.6e-17, half of the
  // distance to the next double.
  EXPECT_EQ(SumOf(std::vector<double>(10, 0.1)), 1.0);
}

TEST(OrderFreeSumTest, TheEndsOfTheRangeAreThere) {
  constexpr double kSmallest = std::numeric_limits<double>::denorm_min();
  constexpr double kLargest = std::numeric_limits<double>::max();
  EXPECT_EQ(SumOf({kSmallest, kSmallest}), 2 * kSmallest);
  EXPECT_EQ(SumOf({kLargest, -kLargest, kSmallest}), kSmallest);
  EXPECT_EQ(SumOf({kLargest, kLargest}), std::numeric_limits<double>::infinity());
  EXPECT_EQ(SumOf({kLargest, kLargest, -kLargest}), kLargest);
}

TEST(OrderFreeSumTest, WhatIsNotFiniteStaysSo) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(SumOf({1.0, -kInfinity}), -kInfinity);
  EXPECT_TRUE(std::isnan(SumOf({kInfinity, -kInfinity})));
  EXPECT_TRUE(std::isnan(SumOf({1.0, std::nan("")})));
}

TEST(OrderFreeSumTest, ACountAddsAValueThatOften) {
  OrderFreeSum counted, one_by_one;
  for (const double value : {0.1, -3e-300, 7e250, -0.7}) {
    counted.Add(value, 1000);
    for (int i = 0; i < 1000; ++i) one_by_one.Add(value);
  }
  counted.Add(std::numeric_limits<double>::infinity(), 0);
  EXPECT_EQ(counted.Result(), one_by_one.Result());
  EXPECT_EQ(counted.Result(), 7e253);
}

TEST(OrderFreeSumTest, AnyOrderGivesTheSameBits) {
  SplitMix64 random(7);
  std::vector<double> values;
  for (int i = 0; i < 5000; ++i) {
    values.push_back(std::ldexp(random.NextDouble() - 0.5, static_cast<int>(random.NextBelow(90))));
  }
  const double expected = SumOf(values);
  long double plain = 0.0L;
  for (const double value : values) plain += value;
  EXPECT_NEAR(expected / static_cast<double>(plain), 1.0, 1e-12);
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = values.size() - 1; i > 0; --i) {
      std::swap(values[i], values[random.NextBelow(i + 1)]);
    }
    EXPECT_EQ(SumOf(values), expected);
  }
}

}  // namespace
}  // namespace firesteel
