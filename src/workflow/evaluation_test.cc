#include "workflow/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <variant>
#include <vector>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::ordered_json;

class EvaluationTest : public StageFixture {
 protected:
  Relation Predictions(const std::string& csv) {
    return Rows(
        "y,raw,plan,category\n" + csv,
        {{"y", kDoubleType}, {"raw", kDoubleType}, {"plan", kDoubleType}, {"category", kIntType}});
  }
  static EvaluatedColumns Columns() {
    EvaluatedColumns columns{.label = "y", .model = "gbt", .raw = "raw"};
    columns.training_mean = 3.0;
    columns.baselines = {{"the plan", "plan"}};
    columns.categories = {
        {{.name = "colour", .expression = nullptr, .values = {"red", "green"}}, "category"}};
    return columns;
  }
};

TEST_F(EvaluationTest, RoundsAsTheRoundedColumnOfAFileIs) {
  const char* const numbers[] = {"0.5",
                                 "-0.5",
                                 "-0.4",
                                 "1.5",
                                 "2.5",
                                 "-2.5",
                                 "0.49999999999999994",
                                 "-0.0",
                                 "1e17",
                                 "-7.5",
                                 "NaN",
                                 "1e30",
                                 "4503599627370495.5"};
  for (const char* const number : numbers) {
    const Relation rows = Predictions(std::string("0,") + number + ",0,0\n");
    const Relation rounded = engine().Query(
        rows, {.items = {{sql::Call("round", {sql::Column("raw")}), "rounded"}}, .where = {}});
    const double expected = std::get<double>(engine().FetchRow(rounded).front().value);
    EvaluatedColumns columns{.label = "y", .model = "gbt", .raw = "raw"};
    const Evaluation evaluation(engine(), rows, columns);
    const double error = evaluation.rounded().Result().mean_absolute_error;
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(error)) << number;
    } else {
      EXPECT_FLOAT_EQ(error, std::fabs(expected)) << number;
    }
  }
}

TEST_F(EvaluationTest, JudgesAllPredictorsAndEachCategory) {
  const Evaluation evaluation(engine(),
                              Predictions("1,1.4,2,0\n"
                                          "2,2.6,2,1\n"
                                          "6,6.0,2,\n"),
                              Columns());
  EXPECT_EQ(evaluation.num_rows(), 3);
  EXPECT_EQ(evaluation.label_mean(), 3.0);
  const Json json = evaluation.ToJson();
  EXPECT_EQ(json["rows"], 3);
  const auto error = [](const Json& predictors, const std::string& name) {
    return predictors[name]["mean_absolute_error"].get<double>();
  };
  const Json& all = json["predictors"];
  EXPECT_DOUBLE_EQ(error(all, "gbt"), (0.4 + 0.6 + 0.0) / 3.0);
  EXPECT_DOUBLE_EQ(error(all, "gbt, rounded"), 1.0 / 3.0);
  EXPECT_DOUBLE_EQ(error(all, "training mean"), (2.0 + 1.0 + 3.0) / 3.0);
  EXPECT_DOUBLE_EQ(error(all, "the plan"), (1.0 + 0.0 + 4.0) / 3.0);
  EXPECT_DOUBLE_EQ(all["gbt, rounded"]["share_within_one"].get<double>(), 1.0);
  const Json& by = json["by"]["colour"];
  ASSERT_EQ(by.size(), 3u);
  EXPECT_EQ(by["red"]["rows"], 1);
  EXPECT_DOUBLE_EQ(error(by["red"]["predictors"], "gbt"), 0.4);
  EXPECT_DOUBLE_EQ(error(by["green"]["predictors"], "gbt, rounded"), 1.0);
  EXPECT_DOUBLE_EQ(error(by["(none of these)"]["predictors"], "the plan"), 4.0);
  EXPECT_TRUE(by["red"]["predictors"]["gbt"]["r2"].is_null());  // One label has no variance.
  EXPECT_THAT(evaluation.Warnings("rows"), IsEmpty());
}

TEST_F(EvaluationTest, AModelThatIsNoBetterThanABaselineIsWarnedOf) {
  const Evaluation evaluation(engine(),
                              Predictions("1,5,1,0\n"
                                          "2,9,3,1\n"),
                              Columns());
  EXPECT_THAT(evaluation.Warnings("validation 'v'"),
              ElementsAre(HasSubstr("validation 'v': the model is NOT BETTER than the baseline "
                                    "'training mean': its mean absolute error is 5.5, that of the "
                                    "baseline 1.5"),
                          HasSubstr("'the plan': its mean absolute error is 5.5, that of the "
                                    "baseline 0.5")));
}

TEST_F(EvaluationTest, ANanPredictionIsWorseThanAnyBaseline) {
  const Evaluation evaluation(engine(), Predictions("1,NaN,,0\n"), Columns());
  EXPECT_TRUE(evaluation.ToJson()["predictors"]["gbt"]["mean_absolute_error"].is_null());
  EXPECT_THAT(evaluation.Warnings("rows"),
              ElementsAre(HasSubstr("NOT BETTER than the baseline 'training mean'"),
                          HasSubstr("'the plan' is null or NaN in some rows")));
}

TEST_F(EvaluationTest, LabelsThatAreNoNumbersAreCounted) {
  const Evaluation evaluation(engine(), Predictions(",1,1,0\nNaN,1,1,0\n1,1,1,0\n"), Columns());
  EXPECT_EQ(evaluation.num_bad_labels(), 2);
}

TEST_F(EvaluationTest, RowsThatDoNotRepeatAreJudgedAlike) {
  // More distinct rows than are grouped; their errors are 0 to 1 in steps of 1 / 100,000.
  std::string csv;
  constexpr int kNumRows = 100001;
  for (int i = 0; i < kNumRows; ++i) {
    const std::string plan = std::to_string(i / 100000.0);
    csv += "0," + plan + "," + plan + ",0\n";
  }
  const Evaluation evaluation(engine(), Predictions(csv), Columns());
  const Json gbt = evaluation.ToJson()["predictors"]["gbt"];
  EXPECT_EQ(evaluation.num_rows(), kNumRows);
  EXPECT_NEAR(gbt["mean_absolute_error"].get<double>(), 0.5, 1e-6);
  EXPECT_NEAR(gbt["median_absolute_error"].get<double>(), 0.5, 0.00025);
  EXPECT_NEAR(gbt["absolute_error_90_percent"].get<double>(), 0.9, 0.00045);
  EXPECT_EQ(gbt["quantiles_within"], 0.0005);
}

TEST_F(EvaluationTest, CategoriesComeFromAttributes) {
  const Relation rows = FitTransform(
      R"([{"StringIndexer": {"inputCols": ["s", "t"], "outputCols": ["s_index", "t_index"]}},
          {"OneHotEncoder": {"inputCols": ["t_index"], "outputCols": ["t_hot"]}}])",
      Rows("s,t,x\na,u,1\na,v,2\nb,v,3\nb,w,4\n",
           {{"s", kStringType}, {"t", kStringType}, {"x", kDoubleType}}));
  const std::vector<CategoryColumn> columns = CategoryColumns(rows.schema());
  ASSERT_EQ(columns.size(), 3u);
  EXPECT_EQ(columns[0].name, "s_index");
  EXPECT_THAT(columns[0].values, ElementsAre("a", "b"));
  EXPECT_EQ(columns[2].name, "t_hot");
  EXPECT_THAT(columns[2].values, ElementsAre("v", "u"));  // The last category has no slot.
  sql::Select select;
  select.items = {{columns[2].expression, "slot"}};
  const std::vector<double> slots = Numbers(engine().Query(rows, select), "slot");
  ASSERT_EQ(slots.size(), 4u);
  EXPECT_EQ(slots[0], 1.0);
  EXPECT_EQ(slots[1], 0.0);
  EXPECT_TRUE(std::isnan(slots[3]));
}

}  // namespace
}  // namespace firesteel
