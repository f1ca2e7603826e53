#include "learn/gbt/thresholds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Those of rows with one value each and a weight of 1.
std::vector<double> Thresholds(const std::vector<double>& rows, std::size_t max_bins) {
  std::map<double, std::int64_t> counts;
  for (const double value : rows) ++counts[value];
  std::vector<WeightedValue> values;
  for (const auto& [value, count] : counts) {
    values.push_back({.value = value, .weight = 1.0, .count = count});
  }
  return FindThresholds(values, max_bins);
}

// The thresholds of spec I.1, outputs of Spark 4.3.0.

TEST(FindThresholds, AreMidpointsOfFewValues) {
  // S1, with both zeros.
  EXPECT_THAT(Thresholds({-2, 0, -0.0, 5, 5, 7.5}, 32), ElementsAre(-1.0, 2.5, 6.25));
}

TEST(FindThresholds, StrideMayGiveFewerThanAllowed) {
  // S2: 20 rows, 4 bins, stride 5. The rows below each gap are 1, 10, 12, 14, 15, 16, 17: 1 is
  // nearer to the first target 5 than 10 is, 10 hits the second, 15 the third; none is left for 20.
  const std::vector<double> values = {1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 8, 8};
  EXPECT_THAT(Thresholds(values, 4), ElementsAre(1.5, 2.5, 5.5));
}

TEST(FindThresholds, ZerosCountLikeOtherValues) {
  // S3.
  const std::vector<double> values = {0, 0, 0, 0, 0, 0, -1, -1, -3, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_THAT(Thresholds(values, 5), ElementsAre(-0.5, 0.5, 1.5, 4.5));
}

TEST(FindThresholds, ConstantFeatureHasNone) {
  // S4.
  EXPECT_THAT(Thresholds({4, 4, 4}, 32), IsEmpty());
  EXPECT_THAT(Thresholds({0, 0, 0}, 32), IsEmpty());
  EXPECT_THAT(Thresholds({1, 2, 3}, 32), ElementsAre(1.5, 2.5));
}

TEST(FindThresholds, StridePicksTheNearerGap) {
  // S5.
  const std::vector<double> five = {1, 2, 3, 4, 5};
  EXPECT_THAT(Thresholds(five, 32), ElementsAre(1.5, 2.5, 3.5, 4.5));
  EXPECT_THAT(Thresholds(five, 3), ElementsAre(2.5, 3.5));
  // S8.
  const std::vector<double> pairs = {1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6};
  EXPECT_THAT(Thresholds(pairs, 3), ElementsAre(2.5, 4.5));
  EXPECT_THAT(Thresholds(pairs, 4), ElementsAre(2.5, 3.5, 5.5));
  EXPECT_THAT(Thresholds(pairs, 6), ElementsAre(1.5, 2.5, 3.5, 4.5, 5.5));
}

TEST(FindThresholds, ZerosMayBeTheLargestOrTheSmallestValue) {
  EXPECT_THAT(Thresholds({-2, -1, 0, 0}, 32), ElementsAre(-1.5, -0.5));
  EXPECT_THAT(Thresholds({0, 1, 3}, 32), ElementsAre(0.5, 2.0));
}

TEST(FindThresholds, WeightsCountInsteadOfRows) {
  // Weights 1, 1, 6, 1, 1 (the 6 in two parts) and 2 bins: stride 5. Below the gaps are 1, 2, 8, 9;
  // 2 is as near to 5 as 8 is, and only a nearer one wins, so the gap after 8 does: 3.5.
  const std::vector<WeightedValue> values = {{1, 1, 1}, {2, 1, 1},   {3, 1.5, 2},
                                             {3, 3, 1}, {4, 0.5, 2}, {5, 1, 1}};
  EXPECT_THAT(FindThresholds(values, 2), ElementsAre(3.5));
}

TEST(FindThresholds, ZerosOfWeightZeroAreNotThere) {
  // Zeros weigh what the others leave: nothing. So -1 and 1 are neighbours.
  const std::vector<WeightedValue> values = {{-1, 1, 1}, {0, 0, 5}, {1, 1, 1}};
  EXPECT_THAT(FindThresholds(values, 32), ElementsAre(0.0));
  // Any other value counts, whatever it weighs.
  const std::vector<WeightedValue> others = {{-1, 1, 1}, {0.5, 0, 5}, {1, 1, 1}};
  EXPECT_THAT(FindThresholds(others, 32), ElementsAre(-0.25, 0.75));
}

}  // namespace
}  // namespace firesteel
