#include "workflow/python_literal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::HasSubstr;

std::string RefusalOf(std::string_view text) {
  try {
    return "accepted: " + ParseParameterLiteral(text).dump();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
}

TEST(PythonLiteralTest, ReadsPythonDicts) {
  EXPECT_EQ(
      ParseParameterLiteral("{'maxIter': 32, 'cacheNodeIds': True, \"lossType\": 'absolute'}"),
      Json::parse(R"({"maxIter": 32, "cacheNodeIds": true, "lossType": "absolute"})"));
  EXPECT_EQ(ParseParameterLiteral("  { 'a' : None , } \n"), Json::parse(R"({"a": null})"));
  EXPECT_EQ(ParseParameterLiteral("{}"), Json::object());
  EXPECT_EQ(ParseParameterLiteral("{'a': [1, (2, 3), (4,), (5), {'b': []}]}"),
            Json::parse(R"({"a": [1, [2, 3], [4], 5, {"b": []}]})"));
}

TEST(PythonLiteralTest, ReadsJson) {
  EXPECT_EQ(ParseParameterLiteral(R"({"a": true, "b": null, "c": "\u00e9\ud83d\ude00\/"})"),
            Json::parse(R"({"a": true, "b": null, "c": "é😀/"})"));
}

TEST(PythonLiteralTest, KeepsIntsAndFloatsApart) {
  const Json value = ParseParameterLiteral(
      "{'a': 0x10, 'b': 1e-5, 'c': -3, 'd': +.5, 'e': 1_000, 'f': 5., 'g': 0o17, 'h': 0b11, "
      "'i': -9223372036854775808, 'j': 9223372036854775808, 'k': 00, 'l': 1_0.2_5}");
  EXPECT_EQ(value["a"], Json(16));
  EXPECT_EQ(value["b"], Json(1e-5));
  EXPECT_EQ(value["c"], Json(-3));
  EXPECT_EQ(value["d"], Json(0.5));
  EXPECT_EQ(value["e"], Json(1000));
  EXPECT_TRUE(value["f"].is_number_float());
  EXPECT_EQ(value["g"], Json(15));
  EXPECT_EQ(value["h"], Json(3));
  EXPECT_EQ(value["i"].get<std::int64_t>(), std::numeric_limits<std::int64_t>::min());
  EXPECT_TRUE(value["j"].is_number_float());
  EXPECT_EQ(value["k"], Json(0));
  EXPECT_EQ(value["l"], Json(10.25));
}

TEST(PythonLiteralTest, UnescapesText) {
  EXPECT_EQ(ParseParameterLiteral(R"({'a': 'it\'s "x" \n\x41\101\u20ac\q' "b" '''c'd'''})")["a"],
            "it's \"x\" \nAA€\\qbc'd");
}

TEST(PythonLiteralTest, LaterDuplicatesWin) {
  EXPECT_EQ(ParseParameterLiteral("{'a': 1, 'a': 2}"), Json::parse(R"({"a": 2})"));
}

TEST(PythonLiteralTest, SaysWhereAndWhatIsWrong) {
  EXPECT_EQ(RefusalOf("{'maxIter': }"), "at character 13: the key 'maxIter' has no value");
  EXPECT_EQ(RefusalOf("maxIter=3"),
            "at character 1: a dict such as {'maxIter': 32} is expected, in braces");
  EXPECT_EQ(RefusalOf("{'maxIter': 2+3}"),
            "at character 13: an expression is not evaluated; give its value");
  EXPECT_EQ(RefusalOf("{'maxIter': squared}"),
            "at character 13: 'squared' is no value; text is put in quotes, and there are True, "
            "False and None");
  EXPECT_EQ(RefusalOf("{1: 2}"),
            "at character 2: a key in quotes is expected, as in {'maxIter': 32}");
  EXPECT_EQ(RefusalOf("{'a': 'b}"), "at character 7: a text is not closed with '");
  EXPECT_EQ(RefusalOf("{'a': 1} x"), "at character 10: text follows the closing brace");
  EXPECT_EQ(RefusalOf("{'a': 1 'b': 2}"), "at character 9: ',' or '}' is expected, not '''");
}

TEST(PythonLiteralTest, RefusesEverythingElse) {
  for (const char* text : {"",
                           "  ",
                           "[1]",
                           "5",
                           "None",
                           "('a', 1)",
                           "{",
                           "{'a'",
                           "{'a':",
                           "{'a': 1",
                           "{'a': 1,",
                           "{'a': {1, 2}}",
                           "{'a': 010}",
                           "{'a': 1__0}",
                           "{'a': 0x}",
                           "{'a': 1.2.3}",
                           "{'a': 1e}",
                           "{'a': --1}",
                           "{'a': 2j}",
                           "{'a': b'x'}",
                           "{'a': nan}",
                           "{'a': 1e999}",
                           "{'a': [1}",
                           "{'a': '\\ud800'}",
                           "{'a': '\\xg'}",
                           "{,}",
                           "{'a': 1,,}",
                           "{'a': \xff}",
                           "{'a': f()}"}) {
    EXPECT_THAT(RefusalOf(text), ::testing::Not(HasSubstr("accepted"))) << text;
  }
  EXPECT_THAT(RefusalOf("{'a': " + std::string(5000, '[')), HasSubstr("nested too deeply"));
}

}  // namespace
}  // namespace firesteel
