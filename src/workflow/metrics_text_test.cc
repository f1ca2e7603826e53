#include "workflow/metrics_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace firesteel {
namespace {

TEST(MetricsTextTest, WritesFloatsAsPythonDoes) {
  EXPECT_EQ(FormatPythonFloat(1.0), "1.0");
  EXPECT_EQ(FormatPythonFloat(0.0), "0.0");
  EXPECT_EQ(FormatPythonFloat(-0.1), "-0.1");
  EXPECT_EQ(FormatPythonFloat(0.6958332657814026), "0.6958332657814026");
  EXPECT_EQ(FormatPythonFloat(0.0001), "0.0001");
  EXPECT_EQ(FormatPythonFloat(0.00001), "1e-05");
  EXPECT_EQ(FormatPythonFloat(1234567890123456.0), "1234567890123456.0");
  EXPECT_EQ(FormatPythonFloat(1e16), "1e+16");
  EXPECT_EQ(FormatPythonFloat(1.5e300), "1.5e+300");
  EXPECT_EQ(FormatPythonFloat(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(FormatPythonFloat(-std::numeric_limits<double>::infinity()), "-Infinity");
}

TEST(MetricsTextTest, WritesTheFourKeysInOrder) {
  EXPECT_EQ(MetricsToText({1.5, 2.0}, {3.0, 0.25}),
            "{\"raw_predictions_mean_absolute_error\": 1.5, "
            "\"raw_predictions_mean_squared_error\": 2.0, "
            "\"rounded_predictions_mean_absolute_error\": 3.0, "
            "\"rounded_predictions_mean_squared_error\": 0.25}");
}

}  // namespace
}  // namespace firesteel
