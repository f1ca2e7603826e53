#include "workflow/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "workflow/ledger.h"

namespace firesteel {
namespace {

using ::testing::HasSubstr;

std::vector<DateCount> Counts(const std::vector<std::int64_t>& counts) {
  std::vector<DateCount> result;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    result.emplace_back("day" + std::to_string(i), counts[i]);
  }
  return result;
}

TEST(SplitTest, TakesTheFirstDateThatReachesTheFraction) {
  // Shares 0.25, 0.5, 0.75, 1: all exact.
  EXPECT_EQ(FindCutOffDate(Counts({1, 1, 1, 1}), 0.5), "day1");
  EXPECT_EQ(FindCutOffDate(Counts({1, 1, 1, 1}), 0.51), "day2");
  EXPECT_EQ(FindCutOffDate(Counts({1, 1, 1, 1}), 0.01), "day0");
}

TEST(SplitTest, NeverTakesTheLastDate) {
  EXPECT_EQ(FindCutOffDate(Counts({1, 9}), 0.9), "day0");
  EXPECT_EQ(FindCutOffDate(Counts({1, 1, 98}), 0.9), "day1");
}

TEST(SplitTest, SharesAreAddedOneAfterTheOther) {
  // Ten equal shares of 0.1: eight of them add up to 0.7999999999999999 in doubles, so that the
  // ninth date is the first to reach 0.8, where 8 * 0.1 would have taken the eighth.
  const std::vector<DateCount> counts = Counts(std::vector<std::int64_t>(10, 1));
  double sum = 0.0;
  for (int i = 0; i < 8; ++i) sum += 0.1;
  ASSERT_LT(sum, 0.8);
  EXPECT_EQ(FindCutOffDate(counts, 0.8), "day8");
  EXPECT_EQ(FindCutOffDate(counts, 0.9), "day8");
}

TEST(SplitTest, AFractionThatTheSumNeverReachesGivesTheLastDateButOne) {
  // 63 equal shares add up to 0.9999999999999982 in doubles.
  const std::vector<DateCount> counts = Counts(std::vector<std::int64_t>(63, 1));
  EXPECT_EQ(FindCutOffDate(counts, 0.9999999999999999), "day61");
}

TEST(SplitTest, RowsWithoutADateComeFirst) {
  const std::vector<DateCount> counts = {{std::nullopt, 5}, {"2020-01-01", 1}, {"2020-01-02", 4}};
  EXPECT_EQ(FindCutOffDate(counts, 0.5), std::nullopt);
  EXPECT_EQ(FindCutOffDate(counts, 0.55), "2020-01-01");
}

TEST(SplitTest, FewerThanTwoDatesAreRefused) {
  const auto refusal = [](const std::vector<DateCount>& counts) -> std::string {
    try {
      FindCutOffDate(counts, 0.9);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal({}), HasSubstr("at least two distinct dates; found none"));
  EXPECT_THAT(refusal({{"2020-01-01", 7}}), HasSubstr("found only 2020-01-01"));
  EXPECT_THAT(refusal({{std::nullopt, 7}}), HasSubstr("found only rows without a date"));
}

TEST(LedgerTest, EveryRowIsAccountedFor) {
  RowLedger ledger{.read = 10, .used = 7, .rejected = {{"null_date", 3}}};
  EXPECT_NO_THROW(ledger.Check("orders"));
  EXPECT_EQ(ledger.ToJson().dump(), R"({"read":10,"used":7,"rejected":{"null_date":3}})");
  ledger.used = 6;
  EXPECT_THROW(ledger.Check("orders"), Error);
}

}  // namespace
}  // namespace firesteel
