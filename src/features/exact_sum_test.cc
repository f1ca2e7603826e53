#include "features/exact_sum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace firesteel {
namespace {

TEST(ExactSum, GivesMeanAndSampleDeviation) {
  ExactSum sum;
  // Mean 5, squared deviations 9 + 1 + 1 + 9 = 20, over 3.
  for (const double value : {2.0, 4.0, 6.0, 8.0}) sum.Add(value);
  EXPECT_EQ(sum.count(), 4);
  EXPECT_EQ(sum.Mean(), 5.0);
  EXPECT_DOUBLE_EQ(sum.StandardDeviation(), std::sqrt(20.0 / 3.0));
}

TEST(ExactSum, KeepsSmallTermsBesideLargeOnes) {
  ExactSum sum;
  for (const double value : {1e16, 1.0, -1e16, 1.0}) sum.Add(value);
  EXPECT_EQ(sum.Mean(), 0.5);
}

TEST(ExactSum, KeepsTheDigitsOfADeviationFarFromZero) {
  ExactSum sum;
  // Deviations -1, 0, 1 from 1e9: variance 2 / 2.
  for (const double value : {1e9 - 1.0, 1e9, 1e9 + 1.0}) sum.Add(value);
  EXPECT_DOUBLE_EQ(sum.StandardDeviation(), 1.0);
}

TEST(ExactSum, EqualValuesDeviateByExactlyZero) {
  ExactSum sum;
  for (int i = 0; i < 3; ++i) sum.Add(0.1);
  EXPECT_EQ(sum.Mean(), 0.1);  // A plain sum of three, 0.30000000000000004, would not give it.
  EXPECT_EQ(sum.StandardDeviation(), 0.0);
}

TEST(ExactSum, OneValueAndNoneHaveNoDeviation) {
  ExactSum sum;
  EXPECT_TRUE(std::isnan(sum.Mean()));
  EXPECT_EQ(sum.StandardDeviation(), 0.0);
  sum.Add(7.0);
  EXPECT_EQ(sum.Mean(), 7.0);
  EXPECT_EQ(sum.StandardDeviation(), 0.0);
}

TEST(ExactSum, NanAndInfinityGoThrough) {
  ExactSum with_nan;
  with_nan.Add(1.0);
  with_nan.Add(std::numeric_limits<double>::quiet_NaN());
  EXPECT_TRUE(std::isnan(with_nan.Mean()));
  EXPECT_TRUE(std::isnan(with_nan.StandardDeviation()));
  ExactSum with_infinity;
  with_infinity.Add(1.0);
  with_infinity.Add(std::numeric_limits<double>::infinity());
  EXPECT_EQ(with_infinity.Mean(), std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace firesteel
