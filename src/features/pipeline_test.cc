#include "features/pipeline.h"

#include <gmock/gmock.h>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PipelineTest : public StageFixture {};

TEST_F(PipelineTest, AnEmptyPipelineChangesNothing) {
  const Relation rows = Rows("n\n1\n2\n", {{"n", kIntType}});
  const Relation output = FitTransform("[]", rows);
  EXPECT_EQ(output.schema(), rows.schema());
  EXPECT_THAT(Numbers(output, "n"), ElementsAre(1, 2));
}

TEST_F(PipelineTest, AModelHasTheUidsOfItsStages) {
  const Relation rows = Rows("s\na\nb\n", {{"s", kStringType}});
  const PipelineModel model =
      MakePipeline(R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i"}},
                       {"OneHotEncoder": {"inputCol": "i", "outputCol": "v"}}])")
          .Fit(engine(), rows);
  EXPECT_EQ(model.uid(), "pipeline");
  ASSERT_EQ(model.stages().size(), 2u);
  EXPECT_EQ(model.stages()[1]->uid(), "stage_1");
}

TEST_F(PipelineTest, TheFirstStageWithABadRowIsNamed) {
  const std::string stages =
      R"([{"SQLTransformer": {"statement": "SELECT *, x - 1 AS y FROM __THIS__"}},
          {"Bucketizer": {"inputCol": "y", "outputCol": "b", "splits": [0, 1, 2]}},
          {"VectorAssembler": {"inputCols": ["b", "y"], "outputCol": "v"}}])";
  EXPECT_THAT(Thrown([&] {
                FitTransform(stages,
                             Rows("x,k\n1,1\n9,2\n,3\n", {{"x", kDoubleType}, {"k", kIntType}}));
              }).what(),
              HasSubstr("stage stage_1: column 'y' lies outside the splits, 0.0 to 2.0, in 1 row: "
                        "'8.0'"));
  // Without it, the assembler meets the null.
  EXPECT_THAT(Thrown([&] {
                FitTransform(stages, Rows("x,k\n1,1\n,3\n", {{"x", kDoubleType}, {"k", kIntType}}));
              }).what(),
              HasSubstr("stage stage_2: column 'b' is null or NaN in 1 row: null"));
}

TEST_F(PipelineTest, ARowThatAnEarlierStageDropsIsNotBad) {
  const Relation rows = Rows("s,x\na,1\n,9\nb,2\n", {{"s", kStringType}, {"x", kDoubleType}});
  const Relation output = FitTransform(
      R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i", "handleInvalid": "skip"}},
          {"Bucketizer": {"inputCol": "x", "outputCol": "b", "splits": [0, 2, 3]}}])",
      rows);
  EXPECT_THAT(Numbers(output, "b"), ElementsAre(0, 1));
}

TEST_F(PipelineTest, ARenamedColumnIsCheckedUnderItsNewName) {
  const Relation rows = Rows("a,b\n1,\n2,3\n", {{"a", kDoubleType}, {"b", kDoubleType}});
  // b is now what was a, which has no null.
  const Relation output = FitTransform(
      R"([{"SQLTransformer": {"statement": "SELECT a AS b, b AS a FROM __THIS__"}},
          {"VectorAssembler": {"inputCols": ["b"], "outputCol": "v"}}])",
      rows);
  EXPECT_THAT(Numbers(output, "v", 1), ElementsAre(1, 2));
}

TEST_F(PipelineTest, StagesThatDoubleAnExpressionAreCheckedToo) {
  std::string stages = "[";
  for (int i = 0; i < 14; ++i) {
    stages += R"({"SQLTransformer": {"statement": "SELECT (x + x) / 2 AS x FROM __THIS__"}},)";
  }
  stages += R"({"VectorAssembler": {"inputCols": ["x"], "outputCol": "v"}}])";
  EXPECT_THAT(Thrown([&] {
                FitTransform(stages, Rows("x,k\n1,1\n,2\n", {{"x", kDoubleType}, {"k", kIntType}}));
              }).what(),
              HasSubstr("column 'x' is null or NaN in 1 row: null"));
}

TEST_F(PipelineTest, AFailingFitSaysWhichStage) {
  EXPECT_THAT(Thrown([&] {
                FitTransform(R"([{"StringIndexer": {"inputCol": "zz", "outputCol": "i"}}])",
                             Rows("s\na\n", {{"s", kStringType}}));
              }).what(),
              HasSubstr("fitting stage 1 of 1: "));
}

}  // namespace
}  // namespace firesteel
