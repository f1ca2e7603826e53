#include "sql/spark_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "base/error.h"
#include "sql/calendar.h"
#include "sql/case_mapping.h"

namespace firesteel::sql {
namespace {

using ::testing::HasSubstr;

constexpr std::uint8_t kText = kCsvString;
constexpr std::uint8_t kDouble = kCsvDouble | kCsvString;
constexpr std::uint8_t kDecimal = kCsvDecimal | kDouble;
constexpr std::uint8_t kLong = kCsvLong | kDecimal;
constexpr std::uint8_t kInt = kCsvInt | kLong;
constexpr std::uint8_t kTimestamp = kCsvTimestamp | kCsvString;
constexpr std::uint8_t kDate = kCsvDate | kTimestamp;

TEST(ParseLongTest, BlanksAreIgnoredAndDigitsRequired) {
  EXPECT_EQ(ParseLong(" 5\t"), 5);
  EXPECT_EQ(ParseLong("+5"), 5);
  EXPECT_EQ(ParseLong("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(ParseLong("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(ParseLong("9223372036854775808"), std::nullopt);
  EXPECT_EQ(ParseLong("-9223372036854775809"), std::nullopt);
  for (const char* text : {"", "-", "+", "1.5", "1_000", "0x10", "1 2", "5L"}) {
    EXPECT_EQ(ParseLong(text), std::nullopt) << text;
  }
}

TEST(ParseDoubleTest, TakesWhatJavaTakes) {
  EXPECT_EQ(ParseDouble("1.5"), 1.5);
  EXPECT_EQ(ParseDouble(" 1e5 "), 100000.0);
  EXPECT_EQ(ParseDouble("-.5"), -0.5);
  EXPECT_EQ(ParseDouble("5."), 5.0);
  EXPECT_EQ(ParseDouble("1.5d"), 1.5);
  EXPECT_EQ(ParseDouble("2F"), 2.0);
  EXPECT_EQ(ParseDouble("0x1p3"), 8.0);
  EXPECT_EQ(ParseDouble("-0x1.8p1"), -3.0);
  EXPECT_EQ(ParseDouble("1e400"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseDouble("-1e400"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseDouble("1e-400"), 0.0);
  EXPECT_TRUE(std::signbit(ParseDouble("-0.0").value()));
  EXPECT_TRUE(std::signbit(ParseDouble("-1e-999").value()));
  EXPECT_TRUE(std::isnan(ParseDouble("nAn").value()));
  EXPECT_EQ(ParseDouble("-INF"), -std::numeric_limits<double>::infinity());
  for (const char* text :
       {"", ".", "e5", "1e", "1e+", "1_000", "0x10", "0x", "+nan", "1.5.5", "1 2", "1dd"}) {
    EXPECT_EQ(ParseDouble(text), std::nullopt) << text;
  }
}

TEST(ParseDoubleTest, RoundsCorrectlyBeyondTheFastPath) {
  // 2^53 + 1 is half-way between two doubles; ties go to the even one.
  EXPECT_EQ(ParseDouble("9007199254740993"), 9007199254740992.0);
  EXPECT_EQ(ParseDouble("9007199254740993.0000000000000000000001"), 9007199254740994.0);
  EXPECT_EQ(ParseDouble("1.7976931348623157e308"), std::numeric_limits<double>::max());
  EXPECT_EQ(ParseDouble("4.9E-324"), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(ParseDouble("123456789012345678901234567890e-29"), 1.2345678901234567);
  EXPECT_EQ(ParseDouble("0.000000000000000000000000000001"), 1e-30);
}

TEST(ParseDoubleTest, ReadsSubnormalNumbersAndVanishingOnes) {
  EXPECT_EQ(ParseDouble("4.9e-324"), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(ParseDouble("-2.5e-310"), -2.5e-310);
  EXPECT_EQ(ParseDouble("1e-400"), 0.0);
  EXPECT_EQ(ParseDouble("-1e999"), -std::numeric_limits<double>::infinity());
}

TEST(ParseFloatTest, RoundsOnce) {
  // 1 + 2^-24 + 2^-60: as a double it is rounded to 1 + 2^-24, half-way between two floats.
  EXPECT_EQ(ParseFloat("1.00000005960464477626"), 1.00000011920928955f);
  EXPECT_EQ(ParseFloat("0.1"), 0.1f);
  EXPECT_EQ(ParseFloat("1e39"), std::numeric_limits<float>::infinity());
  EXPECT_EQ(ParseFloat("x"), std::nullopt);
}

TEST(ParseBooleanTest, KnowsSparksWords) {
  for (const char* text : {"t", "TRUE", "y", " yes ", "1"})
    EXPECT_EQ(ParseBoolean(text), true) << text;
  for (const char* text : {"f", "False", "n", "no", "0"})
    EXPECT_EQ(ParseBoolean(text), false) << text;
  for (const char* text : {"", "2", "on", "tru"})
    EXPECT_EQ(ParseBoolean(text), std::nullopt) << text;
}

TEST(ParseDateTest, CastTakesShortFormsAndATail) {
  EXPECT_EQ(ParseDate("1970-01-02"), 1);
  EXPECT_EQ(ParseDate("1969-12-31"), -1);
  EXPECT_EQ(ParseDate("1970-1-2"), 1);
  EXPECT_EQ(ParseDate("1970"), 0);
  EXPECT_EQ(ParseDate(" 1970-02 "), 31);
  EXPECT_EQ(ParseDate("1970-01-02T03:04"), 1);
  EXPECT_EQ(ParseDate("1970-01-02 anything"), 1);
  for (const char* text : {"", "70-01-01", "1970-", "1970-01-", "1970-01-02x", "1970-02-29",
                           "1970-13-01", "1970-001-01", "1970 x", "9999999-01-01", "1970/01/01"}) {
    EXPECT_EQ(ParseDate(text), std::nullopt) << text;
  }
}

TEST(ParseDateTest, PatternYearsOfTwoDigitsAreOfThisCentury) {
  // 2020-09-11 is day 18516: 50 years of 365 days, 12 leap days to 2020-01-01 (18262), then 254
  // days.
  EXPECT_EQ(ParseDate("9/11/20", "M/d/yy"), 18516);
  EXPECT_EQ(FormatDate(ParseDate("9/11/69", "M/d/yy").value()), "2069-09-11");
  EXPECT_EQ(ParseDate("09/011/20", "M/d/yy"), 18516);
  EXPECT_EQ(ParseDate(" 9/11/20 ", "M/d/yy"), 18516);
  EXPECT_EQ(ParseDateExactly(" 9/11/20", "M/d/yy"), std::nullopt);
  EXPECT_EQ(ParseDate("11.09.2020", "dd.MM.yyyy"), 18516);
  EXPECT_EQ(ParseDate("20200911", "yyyyMMdd"), 18516);
  EXPECT_EQ(ParseDate("2020-09", "yyyy-MM"), 18506);
  for (const char* text :
       {"13/1/20", "2/30/20", "9/11/2020", "9/11/2", "9-11-20", "", "9/11/20x"}) {
    EXPECT_EQ(ParseDate(text, "M/d/yy"), std::nullopt) << text;
  }
  EXPECT_EQ(ParseDate("2020-9-11", "yyyy-MM-dd"), std::nullopt);
}

TEST(ParseDateTest, UnsupportedPatternsAreNamed) {
  const auto message = [](std::string_view pattern) -> std::string {
    try {
      CheckDatePattern(pattern);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message("M/d/yy"), "accepted");
  EXPECT_EQ(message("yyyyMMdd"), "accepted");
  EXPECT_THAT(message("dd MMM yyyy"), HasSubstr("MMM is not supported"));
  EXPECT_THAT(message("yyyy-MM-dd HH"), HasSubstr("the letter H is not supported"));
  EXPECT_THAT(message("Mdyy"), HasSubstr("a single M must be followed by a separator"));
  EXPECT_THAT(message("yyyy-yy"), HasSubstr("y is there twice"));
  EXPECT_THAT(message("M/d"), HasSubstr("it has no year"));
}

TEST(FormatDoubleTest, FollowsJava) {
  const std::pair<double, const char*> cases[] = {
      {15.0, "15.0"},
      {1e-5, "1.0E-5"},
      {0.001, "0.001"},
      {0.0001, "1.0E-4"},
      {9999999, "9999999.0"},
      {1e7, "1.0E7"},
      {123456789.123, "1.23456789123E8"},
      {9007199254740992.0, "9.007199254740992E15"},
      {5e-324, "4.9E-324"},
      {-0.0, "-0.0"},
      {0.0, "0.0"},
      {-2.5, "-2.5"},
      {0.1, "0.1"},
      {1234.5, "1234.5"},
      {2e-323, "2.0E-323"},
      {std::numeric_limits<double>::quiet_NaN(), "NaN"},
      {-std::numeric_limits<double>::infinity(), "-Infinity"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(FormatDouble(value), text);
  EXPECT_EQ(FormatFloat(0.1f), "0.1");
  EXPECT_EQ(FormatFloat(16777216.0f), "1.6777216E7");
  EXPECT_EQ(FormatFloat(1.4e-45f), "1.4E-45");
}

TEST(FormatDateTest, LongYearsGetASign) {
  EXPECT_EQ(FormatDate(0), "1970-01-01");
  EXPECT_EQ(FormatDate(-1), "1969-12-31");
  EXPECT_EQ(FormatDate(ParseDate("+12020-01-02").value()), "+12020-01-02");
  EXPECT_EQ(FormatDate(ParseDate("-0044-03-15").value()), "-0044-03-15");
  EXPECT_EQ(FormatDate(18516, "d.M.yy"), "11.9.20");
}

TEST(CalendarTest, EveryDayOfFourCenturiesComesBack) {
  CivilDate expected{1969, 12, 31};
  for (std::int64_t days = -1; days < 146097; ++days) {
    const CivilDate date = CivilFromDays(days);
    ASSERT_EQ(DaysFromCivil(date), days);
    if (days >= 0) {
      if (++expected.day > DaysInMonth(expected.year, expected.month)) {
        expected.day = 1;
        if (++expected.month > 12) {
          expected.month = 1;
          ++expected.year;
        }
      }
    }
    ASSERT_EQ(date.year, expected.year);
    ASSERT_EQ(date.month, expected.month);
    ASSERT_EQ(date.day, expected.day);
  }
}

TEST(ClassifyCsvFieldTest, FollowsTheTableOfInference) {
  const std::pair<const char*, std::uint8_t> cases[] = {
      {"1", kInt},
      {"-2147483648", kInt},
      {"+5", kInt},
      {"007", kInt},
      {"-0", kInt},
      {"00000000000000000000000000000000000000000000005", kInt},
      {"2147483648", kLong},
      {"9223372036854775807", kLong},
      {"9223372036854775808", kDecimal},
      {"99999999999999999999999999999999999999", kDecimal},
      {"999999999999999999999999999999999999999", kDouble},
      {"5.", kDecimal},
      {"1e0", kDecimal},
      {"-.5e1", kDecimal},
      {"2.5", kDouble},
      {"1e5", kDouble},
      {"10e-1", kDouble},
      {"NaN", kDouble},
      {"Inf", kDouble},
      {"-Inf", kDouble},
      {"+Infinity", kDouble},
      {"1.0d", kDouble},
      {"5f", kDouble},
      {"1e400", kDouble},
      {"0x1p3", kDouble},
      {" 5", kDouble},
      {"5 ", kDouble},
      {"1\t", kDouble},
      {"+Inf", kText},
      {"inf", kText},
      {"nan", kText},
      {"0x10", kText},
      {"1_000", kText},
      {"1,000", kText},
      {"null", kText},
      {"", kText},
      {" ", kText},
      {"-", kText},
      {".", kText},
      {"1L", kText},
      {"2020-01-02", kDate},
      {"+12020-01-02", kDate},
      {"0000-01-01", kDate},
      {"2020-1-2", kTimestamp},
      {"2020-01", kTimestamp},
      {"12020-01-02", kTimestamp},
      {" 2020-01-02", kTimestamp},
      {"12:30", kTimestamp},
      {"T12", kTimestamp},
      {"2020-01-02 03:04:05", kTimestamp},
      {"2020-01-02T03:04:05Z", kTimestamp},
      {"2020-01-02T03:04:05.123456789", kTimestamp},
      {"2020-01-02 03", kTimestamp},
      {"2020-01-02T03:04:05-0800", kTimestamp},
      {"2020", kInt},
      {"20200102", kInt},
      {"9/11/20", kText},
      {"2020-01-02T", kText},
      {"2020-01-32", kText},
      {"2020-01-02T24:00:00", kText},
      {"2020-01-02T03:04:05z", kText},
      {"2020-01-02T03:04:05+18:30", kText},
      {"2020-01-02  03:04:05", kText},
      {"1234567-01-01", kText},
      {"true", kCsvBoolean | kText},
      {"FALSE", kCsvBoolean | kText},
      {" true", kText},
      {"t", kText}};
  for (const auto& [text, kinds] : cases) EXPECT_EQ(ClassifyCsvField(text), kinds) << text;
}

TEST(ParseCsvDoubleTest, InfinityIsSpelledInFewWays) {
  EXPECT_EQ(ParseCsvDouble("1.0f"), 1.0);
  EXPECT_EQ(ParseCsvDouble(" 5"), 5.0);
  EXPECT_EQ(ParseCsvDouble("-Inf"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(ParseCsvDouble("+Inf"), std::nullopt);
  EXPECT_EQ(ParseCsvDouble("inf"), std::nullopt);
  EXPECT_TRUE(std::isnan(ParseCsvDouble("-NaN").value()));
}

TEST(ParseCsvTimestampTest, ZonesAreTakenOff) {
  // 2020-01-02 is day 18263.
  const std::int64_t midnight = 18263LL * 86'400'000'000;
  const std::int64_t time = (3 * 3600 + 4 * 60 + 5) * 1'000'000LL;
  const std::int64_t hour = 3'600'000'000;
  EXPECT_EQ(ParseCsvTimestamp("2020-01-02"), midnight);
  EXPECT_EQ(ParseCsvTimestamp("2020-01-02 03:04:05"), midnight + time);
  EXPECT_EQ(ParseCsvTimestamp("2020-01-02T3:4:5.1"), midnight + time + 100'000);
  EXPECT_EQ(ParseCsvTimestamp("2020-01-02T03:04:05.1234567Z"), midnight + time + 123'456);
  EXPECT_EQ(ParseCsvTimestamp("2020-01-02T03:04:05+01:00"), midnight + time - hour);
  EXPECT_EQ(ParseCsvTimestamp("2020-01-02T03:04:05-0800"), midnight + time + 8 * hour);
  EXPECT_EQ(ParseCsvTimestamp("2020-01-02 03:04:05GMT+1"), midnight + time - hour);
  EXPECT_EQ(ParseCsvTimestamp("2020-01-02T03:04:05 UTC"), midnight + time);
  EXPECT_EQ(ParseCsvTimestamp("2020-01-02 03:04:05 Europe/Berlin"), std::nullopt);
  EXPECT_EQ(ParseCsvTimestamp("294247-01-11T00:00:00"), std::nullopt);
}

TEST(FormatCsvStringTest, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(FormatCsvString(" lead"), "lead");
  EXPECT_EQ(FormatCsvString("with\"quote"), "\"with\\\"quote\"");
  EXPECT_EQ(FormatCsvString("a\\\"b"), "\"a\\\\\\\"b\"");
  EXPECT_EQ(FormatCsvString("back\\slash"), "back\\slash");
  EXPECT_EQ(FormatCsvString("a,b"), "\"a,b\"");
  EXPECT_EQ(FormatCsvString("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(FormatCsvString(""), "\"\"");
  EXPECT_EQ(FormatCsvString("  "), "\"\"");
}

TEST(CaseMappingTest, MapsBeyondAscii) {
  EXPECT_EQ(ToUpper("straße é ŉ"), "STRASSE É ʼN");
  EXPECT_EQ(ToLower("ÀÉ İ"), "àé i̇");
  EXPECT_EQ(ToLower("ΟΔΟΣ ΣΑΣ Σ"), "οδος σας σ");
  EXPECT_EQ(ToUpper("日本語😀"), "日本語😀");
}

}  // namespace
}  // namespace firesteel::sql
