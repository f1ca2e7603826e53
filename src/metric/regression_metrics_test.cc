#include "metric/regression_metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace firesteel {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

RegressionMetrics Judge(const std::vector<double>& labels, const std::vector<double>& predictions) {
  RegressionMetricsAccumulator accumulator;
  accumulator.Add(labels, predictions);
  return accumulator.Result();
}

TEST(RegressionMetrics, MatchesSparkOnFourRows) {
  // Source: spec I.7, an output of Spark 4.3.0.
  const RegressionMetrics metrics = Judge({3, 5, 7, 10}, {2.7, 5.25, 6.1, 11.333333333});
  EXPECT_EQ(metrics.mean_absolute_error, 0.6958332657814026);
  EXPECT_EQ(metrics.mean_squared_error, 0.6850692682796335);
}

TEST(RegressionMetrics, CastsToSinglePrecisionFirst) {
  // 0.1f is 0.100000001490116...: the errors of 0.1 and of its float are the same.
  const RegressionMetrics metrics = Judge({0.0}, {0.1});
  EXPECT_EQ(metrics.mean_absolute_error, static_cast<double>(0.1f));
}

TEST(RegressionMetrics, BatchesAddUp) {
  RegressionMetricsAccumulator accumulator;
  accumulator.Add(std::vector<double>{1, 2}, std::vector<double>{2, 4});
  accumulator.Add(std::vector<double>{3}, std::vector<double>{0});
  EXPECT_EQ(accumulator.num_rows(), 3);
  // Errors 1, 2, -3: (1 + 2 + 3) / 3 = 2; sqrt(14)^2 is 14 or its neighbour.
  EXPECT_EQ(accumulator.Result().mean_absolute_error, 2.0);
  EXPECT_DOUBLE_EQ(accumulator.Result().mean_squared_error, 14.0 / 3.0);
}

TEST(RegressionMetrics, EqualRowsAddUpAtOnce) {
  RegressionMetricsAccumulator accumulator;
  accumulator.Add(0.1, 0.7, 3);
  accumulator.Add(2.0, 1.0, 1);
  const RegressionMetrics one_by_one = Judge({0.1, 0.1, 2.0, 0.1}, {0.7, 0.7, 1.0, 0.7});
  EXPECT_EQ(accumulator.Result().mean_absolute_error, one_by_one.mean_absolute_error);
  EXPECT_EQ(accumulator.Result().mean_squared_error, one_by_one.mean_squared_error);
}

TEST(RegressionMetrics, NanMakesBothNan) {
  const RegressionMetrics metrics = Judge({1, kNan}, {1, 1});
  EXPECT_TRUE(std::isnan(metrics.mean_absolute_error));
  EXPECT_TRUE(std::isnan(metrics.mean_squared_error));
}

TEST(RegressionMetrics, RefusesNoRows) {
  try {
    RegressionMetricsAccumulator().Result();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    EXPECT_STREQ(
        error.what(),
        "regression metrics: there is no row to judge; check that the data set is not empty");
  }
}

TEST(RoundPrediction, RoundsHalvesAwayFromZero) {
  EXPECT_EQ(RoundPrediction(2.5), 3.0);
  EXPECT_EQ(RoundPrediction(-2.5), -3.0);
  EXPECT_EQ(RoundPrediction(0.49999999999999994), 0.0);
  EXPECT_EQ(RoundPrediction(14.2), 14.0);
}

TEST(RoundPrediction, NeverGivesMinusZero) {
  EXPECT_FALSE(std::signbit(RoundPrediction(-0.4)));
  EXPECT_FALSE(std::signbit(RoundPrediction(-0.0)));
}

TEST(RoundPrediction, PassesNanAndInfinities) {
  EXPECT_TRUE(std::isnan(RoundPrediction(kNan)));
  EXPECT_EQ(RoundPrediction(kInfinity), kInfinity);
  EXPECT_EQ(RoundPrediction(-kInfinity), -kInfinity);
}

}  // namespace
}  // namespace firesteel
