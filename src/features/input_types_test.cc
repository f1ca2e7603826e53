#include "features/input_types.h"

#include <gmock/gmock.h>

#include <optional>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::HasSubstr;

class InputTypesTest : public StageFixture {
 protected:
  /// Fitted stages that take text in s, numbers in x and y, a date in day.
  const std::vector<const FittedStage*>& Stages() {
    if (model_) return stages_;
    const Relation rows =
        Rows("s,x,y,day\na,1,2,2024-01-31\n",
             {{"s", kStringType}, {"x", kDoubleType}, {"y", kDoubleType}, {"day", kDateType}});
    model_.emplace(MakePipeline(R"([
        {"SQLTransformer": {"statement": "SELECT *, sqrt(x) AS root, month(day) AS m FROM __THIS__"}},
        {"StringIndexer": {"inputCol": "s", "outputCol": "i"}},
        {"VectorAssembler": {"inputCols": ["i", "root", "y"], "outputCol": "v"}}])")
                       .Fit(engine(), rows));
    for (const auto& stage : model_->stages()) stages_.push_back(stage.get());
    return stages_;
  }

  Relation Texts(const std::string& csv) {
    return Rows(csv,
                {{"s", kStringType}, {"x", kStringType}, {"y", kStringType}, {"day", kStringType}});
  }

 private:
  std::optional<PipelineModel> model_;
  std::vector<const FittedStage*> stages_;
};

TEST_F(InputTypesTest, AColumnWithoutValuesGetsTheTypeThatStagesTake) {
  const Relation rows = FitTextColumns(engine(), Stages(), Texts("s,x,y,day\na,,,\n,,,\n"));
  EXPECT_EQ(rows.schema().Get("s").type, kStringType);
  EXPECT_EQ(rows.schema().Get("x").type, kDoubleType);
  EXPECT_EQ(rows.schema().Get("y").type, kDoubleType);
  EXPECT_EQ(rows.schema().Get("day").type, kDateType);
  EXPECT_EQ(engine().Count(rows), 2);
}

TEST_F(InputTypesTest, TextWithValuesIsRefused) {
  const Types texts = {
      {"s", kStringType}, {"x", kStringType}, {"y", kDoubleType}, {"day", kDateType}};
  EXPECT_THAT(Thrown([&] {
                FitTextColumns(engine(), Stages(),
                               Rows("s,x,y,day\na,far,1,\na,2,1,\na,far,1,\n", texts));
              }).what(),
              HasSubstr("column 'x' is string and must be double: in 2 rows it is none, as 'far'"));
  EXPECT_STREQ(Thrown([&] {
                 FitTextColumns(engine(), Stages(), Rows("s,x,y,day\na,2,1,\n", texts));
               }).what(),
               "column 'x' is string and must be double");
}

TEST_F(InputTypesTest, OtherColumnsStay) {
  const Relation rows =
      Rows("s,x,y,day\na,1,2,2024-01-31\n",
           {{"s", kStringType}, {"x", kIntType}, {"y", kDoubleType}, {"day", kDateType}});
  EXPECT_EQ(FitTextColumns(engine(), Stages(), rows).schema(), rows.schema());
  EXPECT_EQ(FitTextColumns(engine(), {}, rows).schema(), rows.schema());
}

}  // namespace
}  // namespace firesteel
