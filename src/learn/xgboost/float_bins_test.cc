#include "learn/xgboost/float_bins.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace firesteel {
namespace {

std::vector<WeightedValue> Values(const std::vector<double>& values) {
  std::vector<WeightedValue> weighted;
  for (const double value : values) weighted.push_back({.value = value, .weight = 1, .count = 1});
  return weighted;
}

TEST(FloatBins, EachValueHasItsBinWhereTheyAreFew) {
  // The two in the middle are one 32-bit number.
  const FloatBins bins = MakeFloatBins(Values({-2, 1, 1 + 1e-12, 7}), 3);
  EXPECT_TRUE(bins.is_exact);
  EXPECT_EQ(bins.representatives, (std::vector<float>{-2, 1, 7}));
  EXPECT_EQ(bins.bins.BinOf(1 + 1e-12), 1);
  EXPECT_EQ(bins.bins.BinOf(0.999), 0);
  EXPECT_EQ(bins.bins.BinOf(6.999), 1);
  EXPECT_EQ(bins.bins.BinOf(7), 2);
}

TEST(FloatBins, ManyValuesShareBinsOfEqualWeight) {
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(i);
  const FloatBins bins = MakeFloatBins(Values(values), 4);
  EXPECT_FALSE(bins.is_exact);
  EXPECT_EQ(bins.representatives, (std::vector<float>{0, 25, 50, 75}));
  EXPECT_EQ(bins.bins.BinOf(24.99), 0);
  EXPECT_EQ(bins.bins.BinOf(25), 1);
}

TEST(FloatBins, AHeavyValueHasABinOfItsOwn) {
  std::vector<WeightedValue> values = Values({0, 1, 2, 3, 4, 5});
  values[2].count = 1000;
  const FloatBins bins = MakeFloatBins(values, 3);
  EXPECT_EQ(bins.representatives, (std::vector<float>{0, 2, 3}));
}

TEST(FloatBins, NeverMoreBinsThanAsked) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<WeightedValue> values;
    double value = 0.0;
    const std::size_t size = 1 + random() % 200;
    for (std::size_t i = 0; i < size; ++i) {
      value += 1 + random() % 3;
      values.push_back({.value = value,
                        .weight = static_cast<double>(random() % 4),
                        .count = static_cast<std::int64_t>(1 + random() % 50)});
    }
    const std::size_t max_bins = 2 + random() % 40;
    const FloatBins bins = MakeFloatBins(values, max_bins);
    EXPECT_LE(bins.representatives.size(), max_bins);
    EXPECT_EQ(bins.bins.num_bins(), bins.representatives.size());
    EXPECT_EQ(bins.is_exact, size <= max_bins);
    for (std::size_t i = 0; i < bins.representatives.size(); ++i) {
      EXPECT_EQ(bins.bins.BinOf(bins.representatives[i]), i);
    }
  }
}

}  // namespace
}  // namespace firesteel
