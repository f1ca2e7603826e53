#include "base/parameter_table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

const std::vector<ParameterSpec>& Table() {
  static const std::vector<ParameterSpec> table = {
      {.name = "maxIter",
       .type = ParameterType::kInt,
       .default_json = "20",
       .range = "1 or more",
       .sentence = "Trees in all.",
       .accepts = [](const Json& value) { return value.get<int>() >= 1; }},
      {.name = "stepSize",
       .type = ParameterType::kDouble,
       .default_json = "0.1",
       .range = "]0, 1]",
       .sentence = "Learning rate.",
       .accepts =
           [](const Json& value) { return value.get<double>() > 0 && value.get<double>() <= 1; }},
      {.name = "inputCols",
       .type = ParameterType::kStringList,
       .default_json = "",
       .range = "",
       .sentence = "Columns."},
      {.name = "keep",
       .type = ParameterType::kBool,
       .default_json = "false",
       .range = "",
       .sentence = "Keep."}};
  return table;
}

std::string MessageFor(const char* given) {
  try {
    CheckParameters(Table(), Json::parse(given), "--model-params");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "no error";
}

TEST(CheckParametersTest, ConvertsNumbersAsPySparkDoes) {
  const Json checked =
      CheckParameters(Table(), Json::parse(R"({"stepSize": 1, "maxIter": 5.0})"), "here");
  EXPECT_EQ(checked.dump(), R"({"maxIter":5,"stepSize":1.0})");
}

TEST(CheckParametersTest, TakesNullForZeroAsPySparkDoes) {
  EXPECT_EQ(CheckParameters(Table(), Json::parse(R"({"keep": null})"), "here").dump(),
            R"({"keep":false})");
  EXPECT_EQ(MessageFor(R"({"maxIter": null})"),
            "--model-params: parameter 'maxIter' is null; allowed: 1 or more");
}

TEST(CheckParametersTest, RefusesAnUnknownNameWithTheNearest) {
  EXPECT_EQ(MessageFor(R"({"maxIters": 5})"),
            "--model-params: unknown parameter 'maxIters'; did you mean 'maxIter'?");
  EXPECT_EQ(MessageFor(R"({"colour": 5})"),
            "--model-params: unknown parameter 'colour'; known are maxIter, stepSize, inputCols, "
            "keep");
}

TEST(CheckParametersTest, RefusesTheWrongType) {
  EXPECT_EQ(MessageFor(R"({"maxIter": 5.5})"),
            "--model-params: parameter 'maxIter' must be a whole number, not 5.5");
  EXPECT_EQ(MessageFor(R"({"maxIter": true})"),
            "--model-params: parameter 'maxIter' must be a whole number, not true");
  EXPECT_EQ(MessageFor(R"({"maxIter": 3000000000})"),
            "--model-params: parameter 'maxIter' must be a whole number, not 3000000000");
  EXPECT_EQ(MessageFor(R"({"stepSize": "0.1"})"),
            "--model-params: parameter 'stepSize' must be a number, not \"0.1\"");
  EXPECT_EQ(MessageFor(R"({"keep": 1})"),
            "--model-params: parameter 'keep' must be true or false, not 1");
  EXPECT_EQ(MessageFor(R"({"inputCols": ["a", 1]})"),
            "--model-params: parameter 'inputCols' must be a list of texts, not [\"a\",1]");
}

TEST(CheckParametersTest, RefusesAValueOutOfRange) {
  EXPECT_EQ(MessageFor(R"({"stepSize": 1.5})"),
            "--model-params: parameter 'stepSize' is 1.5; allowed: ]0, 1]");
}

TEST(DefaultParametersTest, LeavesOutWhatHasNone) {
  EXPECT_EQ(DefaultParameters(Table()).dump(), R"({"maxIter":20,"stepSize":0.1,"keep":false})");
}

}  // namespace
}  // namespace firesteel
