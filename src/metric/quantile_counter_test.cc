#include "metric/quantile_counter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"

namespace firesteel {
namespace {

TEST(QuantileCounter, LiesBetweenNeighboursOnALine) {
  QuantileCounter counter;
  for (const double value : {4.0, 1.0, 2.0, 10.0}) counter.Add(value, 1);
  EXPECT_EQ(counter.Quantile(0.0), 1.0);
  EXPECT_EQ(counter.Quantile(0.5), 3.0);  // Position 1.5: halfway from 2 to 4.
  EXPECT_EQ(counter.Quantile(0.9), 4.0 + 0.7000000000000002 * 6.0);  // Position 2.7.
  EXPECT_EQ(counter.Quantile(1.0), 10.0);
  EXPECT_TRUE(counter.is_exact());
}

TEST(QuantileCounter, ACountStandsForThatManyValues) {
  QuantileCounter counter;
  counter.Add(5.0, 3);
  counter.Add(1.0, 1);
  counter.Add(5.0, 1);
  counter.Add(7.0, 0);
  EXPECT_EQ(counter.Quantile(0.25), 5.0);  // Position 1 of 1 5 5 5 5.
  EXPECT_EQ(counter.Quantile(0.125), 3.0);
  EXPECT_EQ(counter.Quantile(1.0), 5.0);
}

TEST(QuantileCounter, NothingAndNanGiveNan) {
  QuantileCounter counter;
  EXPECT_TRUE(std::isnan(counter.Quantile(0.5)));
  counter.Add(1.0, 1);
  counter.Add(std::numeric_limits<double>::quiet_NaN(), 1);
  EXPECT_TRUE(std::isnan(counter.Quantile(0.5)));
}

TEST(QuantileCounter, InfinityIsTheLargest) {
  QuantileCounter counter;
  counter.Add(std::numeric_limits<double>::infinity(), 2);
  counter.Add(1.0, 3);
  EXPECT_EQ(counter.Quantile(0.5), 1.0);
  EXPECT_EQ(counter.Quantile(0.9), std::numeric_limits<double>::infinity());
}

TEST(QuantileCounter, ManyValuesFallIntoNarrowBucketsInAnyOrder) {
  constexpr int kNumValues = 1000000;
  QuantileCounter forwards, backwards;
  for (int i = 0; i < kNumValues; ++i) {
    forwards.Add(i, 1);
    backwards.Add(kNumValues - 1 - i, 1);
  }
  EXPECT_FALSE(forwards.is_exact());
  for (const double probability : {0.0, 0.001, 0.5, 0.9, 1.0}) {
    const double exact = probability * (kNumValues - 1);
    EXPECT_NEAR(forwards.Quantile(probability), exact, exact * 0.0005) << probability;
    EXPECT_EQ(forwards.Quantile(probability), backwards.Quantile(probability)) << probability;
  }
}

}  // namespace
}  // namespace firesteel
