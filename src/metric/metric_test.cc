#include "metric/metric.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>

namespace firesteel {
namespace {

std::map<std::string, double> All(const ErrorAccumulator& errors) {
  std::map<std::string, double> values;
  for (const Metric& metric : RegressionMetricTable()) {
    values[std::string(metric.name)] = errors.Value(metric);
  }
  return values;
}

TEST(RegressionMetricTable, JudgesFourRows) {
  ErrorAccumulator errors;
  // Errors 1, -2, 0, 0.
  errors.Add(1.0, 2.0, 1);
  errors.Add(5.0, 3.0, 1);
  errors.Add(6.0, 6.0, 1);
  errors.Add(2.0, 2.0, 0);
  errors.Add(4.0, 4.0, 1);
  ASSERT_EQ(errors.num_rows(), 4);
  const auto values = All(errors);
  EXPECT_EQ(values.at("mean_absolute_error"), 0.75);
  EXPECT_EQ(values.at("mean_squared_error"), 1.25);
  EXPECT_EQ(values.at("root_mean_squared_error"), std::sqrt(1.25));
  // Mean 4, squares 9 + 1 + 4 + 0 = 14, variance 3.5.
  EXPECT_EQ(values.at("r2"), 1.0 - 1.25 / 3.5);
  EXPECT_EQ(values.at("median_absolute_error"), 0.5);
  EXPECT_EQ(values.at("absolute_error_90_percent"), 1.0 + 0.7000000000000002);
  EXPECT_EQ(values.at("share_within_one"), 0.75);
}

TEST(RegressionMetricTable, EqualRowsCountAsOftenAsTheyAre) {
  ErrorAccumulator counted, one_by_one;
  counted.Add(0.1, 1.7, 3);
  counted.Add(2.0, 0.3, 2);
  for (int i = 0; i < 3; ++i) one_by_one.Add(0.1, 1.7, 1);
  for (int i = 0; i < 2; ++i) one_by_one.Add(2.0, 0.3, 1);
  EXPECT_EQ(All(counted), All(one_by_one));
}

TEST(RegressionMetricTable, ANanMakesAllNan) {
  ErrorAccumulator errors;
  errors.Add(1.0, 1.0, 1);
  errors.Add(1.0, std::numeric_limits<double>::quiet_NaN(), 1);
  for (const auto& [name, value] : All(errors)) EXPECT_TRUE(std::isnan(value)) << name;
}

TEST(RegressionMetricTable, WithoutRowsAllAreNan) {
  for (const auto& [name, value] : All(ErrorAccumulator())) EXPECT_TRUE(std::isnan(value)) << name;
}

TEST(RegressionMetricTable, EqualLabelsHaveNoVarianceToExplain) {
  ErrorAccumulator errors;
  errors.Add(3.0, 2.0, 2);
  EXPECT_TRUE(std::isnan(All(errors).at("r2")));
  EXPECT_EQ(All(errors).at("mean_absolute_error"), 1.0);
}

}  // namespace
}  // namespace firesteel
