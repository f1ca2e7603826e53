#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace firesteel {
namespace {

using ::testing::ElementsAre;

TEST(SnakeCaseTest, FollowsTheReferencesColumnNames) {
  EXPECT_EQ(SnakeCase("OrderID"), "order_id");
  EXPECT_EQ(SnakeCase("YShippingDistance"), "y_shipping_distance");
  EXPECT_EQ(SnakeCase("ActualShippingDays"), "actual_shipping_days");
  EXPECT_EQ(SnakeCase("a-b"), "a_b");
  EXPECT_EQ(SnakeCase("Size2Big"), "size2_big");
  EXPECT_EQ(SnakeCase("already_snake"), "already_snake");
  EXPECT_EQ(SnakeCase("HTTPServer"), "http_server");
}

TEST(ClosestNameTest, ForgivesASlipAndRefusesAnotherWord) {
  const std::vector<std::string> names = {"maxIter", "maxDepth", "stepSize"};
  EXPECT_EQ(ClosestName("maxIters", names), "maxIter");
  EXPECT_EQ(ClosestName("maxItre", names), "maxIter");
  EXPECT_EQ(ClosestName("MAXDEPTH", names), "maxDepth");
  EXPECT_EQ(ClosestName("colour", names), std::nullopt);
  EXPECT_EQ(DidYouMean("maxIters", names), "; did you mean 'maxIter'?");
  EXPECT_EQ(DidYouMean("colour", names), "");
}

TEST(SplitTest, KeepsEmptyParts) {
  EXPECT_THAT(Split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(Split("", ','), ElementsAre(""));
}

TEST(TrimTest, RemovesBlanksAtBothEnds) {
  EXPECT_EQ(Trim(" \ta b\r\n"), "a b");
  EXPECT_EQ(Trim("  "), "");
}

TEST(WithThousandsTest, GroupsByThree) {
  EXPECT_EQ(WithThousands(0), "0");
  EXPECT_EQ(WithThousands(999), "999");
  EXPECT_EQ(WithThousands(1234567), "1,234,567");
  EXPECT_EQ(WithThousands(-1000), "-1,000");
}

TEST(EqualsIgnoringCaseTest, FoldsAsciiOnly) {
  EXPECT_TRUE(EqualsIgnoringCase("Order_ID", "order_id"));
  EXPECT_FALSE(EqualsIgnoringCase("É", "é"));
  EXPECT_FALSE(EqualsIgnoringCase("a", "ab"));
}

}  // namespace
}  // namespace firesteel
