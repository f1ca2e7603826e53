#include "features/marked_transform.h"

#include <gmock/gmock.h>

#include <cmath>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsNan;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class MarkedTransformTest : public StageFixture {
 protected:
  /// A model of `stages`, fitted on rows of CSV text.
  PipelineModel Fit(const std::string& stages, const std::string& csv, Types types) {
    return MakePipeline(stages).Fit(engine(), Rows(csv, std::move(types)));
  }

  MarkedRows Transform(const PipelineModel& model, const Relation& input,
                       MarkedTransformOptions options) {
    std::vector<const FittedStage*> stages;
    for (const auto& stage : model.stages()) stages.push_back(stage.get());
    return TransformMarked(engine(), stages, input, options);
  }

  /// The problems that rows have, with the number of rows.
  std::vector<std::pair<std::string, int>> Problems(const MarkedRows& marked) {
    std::vector<std::pair<std::string, int>> found;
    for (const ValueCount& count : engine().ValueCounts(marked.rows, sql::Column(kProblemColumn))) {
      std::string text = "none";
      if (count.value) {
        const RowProblem& problem = marked.problems.at(std::stoul(*count.value));
        text = problem.column + " " + problem.problem;
      }
      found.emplace_back(text, static_cast<int>(count.count));
    }
    return found;
  }
};

constexpr const char* kIndexed =
    R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i"}},
        {"OneHotEncoder": {"inputCol": "i", "outputCol": "h", "dropLast": false}},
        {"VectorAssembler": {"inputCols": ["h", "x"], "outputCol": "v"}}])";
// The labels are a, b.
constexpr const char* kFittedOn = "s,x\na,1\na,2\nb,3\n";
const std::vector<std::pair<std::string, DataType>> kTypes = {{"s", kStringType},
                                                              {"x", kDoubleType}};

TEST_F(MarkedTransformTest, AnErrorNamesColumnValueAndAdvice) {
  const PipelineModel model = Fit(kIndexed, kFittedOn, kTypes);
  const Relation rows = Rows("s,x\na,1\nz,2\n", kTypes);
  EXPECT_THAT(Thrown([&] { Transform(model, rows, {.advice = "do this"}); }).what(),
              HasSubstr("stage stage_0: column 's' is null or has a value that the stage was not "
                        "fitted on in 1 row: 'z'; do this"));
  const MarkedRows fine = Transform(model, Rows("s,x\nb,1\n", kTypes), {});
  EXPECT_FALSE(fine.rows.schema().Find(kProblemColumn));
  EXPECT_THAT(Numbers(fine.rows, "v", 3), ElementsAre(0, 1, 1));
}

TEST_F(MarkedTransformTest, KeepGivesVectorsOfTheSameLength) {
  const PipelineModel model = Fit(kIndexed, kFittedOn, kTypes);
  const MarkedRows marked =
      Transform(model, Rows("s,x\na,1\nz,2\n,\n", kTypes), {.on_unseen = UnseenPolicy::kKeep});
  EXPECT_THAT(Numbers(marked.rows, "i"), ElementsAre(0, 2, 2));
  EXPECT_THAT(Numbers(marked.rows, "v", 3), ElementsAre(1, 0, 1, 0, 0, 2, 0, 0, IsNan()));
  EXPECT_EQ(GroupOf(marked.rows, "v").size, 3u);
  EXPECT_THAT(AttributeOf(marked.rows, "i").values, ElementsAre("a", "b"));
  EXPECT_THAT(
      Problems(marked),
      UnorderedElementsAre(Pair("none", 1),
                           Pair("s is null or has a value that the stage was not fitted on", 2)));
}

TEST_F(MarkedTransformTest, RejectKeepsRowsAndNamesTheFirstProblem) {
  const PipelineModel model = Fit(kIndexed, kFittedOn, kTypes);
  const MarkedRows marked =
      Transform(model, Rows("s,x\na,1\nz,\nb,\n", kTypes), {.on_unseen = UnseenPolicy::kReject});
  EXPECT_EQ(engine().Count(marked.rows), 3);
  EXPECT_THAT(
      Problems(marked),
      UnorderedElementsAre(Pair("none", 1),
                           Pair("s is null or has a value that the stage was not fitted on", 1),
                           Pair("x is null or NaN", 1)));
  const std::vector<ValueCount> values =
      engine().ValueCounts(marked.rows, sql::Column(kProblemValueColumn));
  EXPECT_THAT(values, SizeIs(2));  // 'z', and null: of the sound row, and of x.
}

TEST_F(MarkedTransformTest, WhatAStageKeepsIsNoProblem) {
  const PipelineModel model = Fit(
      R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i", "handleInvalid": "keep"}},
          {"OneHotEncoder": {"inputCol": "i", "outputCol": "h"}},
          {"VectorAssembler": {"inputCols": ["h"], "outputCol": "v"}}])",
      kFittedOn, kTypes);
  const MarkedRows marked = Transform(model, Rows("s,x\nz,1\nb,2\n", kTypes), {});
  EXPECT_THAT(Numbers(marked.rows, "v", 2), ElementsAre(0, 0, 0, 1));
}

TEST_F(MarkedTransformTest, NoStageDropsARow) {
  const PipelineModel model = Fit(
      R"([{"SQLTransformer": {"statement": "SELECT s, x, 1 / x AS y FROM __THIS__ WHERE x <> 0"}},
          {"StringIndexer": {"inputCol": "s", "outputCol": "i", "handleInvalid": "skip"}},
          {"SQLTransformer": {"statement": "SELECT i, x, 2 / x AS z FROM __THIS__"}},
          {"VectorAssembler": {"inputCols": ["i", "z"], "outputCol": "v", "handleInvalid": "skip"}}])",
      kFittedOn, kTypes);
  const Relation rows = Rows("s,x\na,0\nz,2\nb,4\n", kTypes);
  const MarkedRows marked = Transform(model, rows, {.on_unseen = UnseenPolicy::kReject});
  EXPECT_THAT(Problems(marked),
              UnorderedElementsAre(
                  Pair("none", 1), Pair("x has a value that the statement's WHERE leaves out", 1),
                  Pair("s is null or has a value that the stage was not fitted on", 1)));
  EXPECT_THAT(
      Thrown([&] { Transform(model, Rows("s,x\nq,1\n", kTypes), {.advice = "do this"}); }).what(),
      HasSubstr("stage stage_1: column 's' is null or has a value that the stage was not "
                "fitted on in 1 row: 'q'; do this"));
  // Nothing divides by the zero here.
  const PipelineModel kept =
      Fit(R"([{"SQLTransformer": {"statement": "SELECT x + 1 AS y FROM __THIS__ WHERE x > 0"}}])",
          kFittedOn, kTypes);
  EXPECT_THAT(Numbers(Transform(kept, rows, {.on_unseen = UnseenPolicy::kKeep}).rows, "y"),
              ElementsAre(1, 3, 5));
}

TEST_F(MarkedTransformTest, KeepPutsWhatIsOutsideSplitsInABucketOfItsOwn) {
  const PipelineModel model = Fit(
      R"([{"Bucketizer": {"inputCol": "x", "outputCol": "b", "splits": [0, 1, 2]}},
          {"VectorAssembler": {"inputCols": ["b"], "outputCol": "v"}}])",
      "s,x\na,1\n", kTypes);
  const Relation rows = Rows("s,x\na,-1\na,0.5\na,1.5\na,9\na,NaN\na,\n", kTypes);
  const MarkedRows marked = Transform(model, rows, {.on_unseen = UnseenPolicy::kKeep});
  EXPECT_THAT(Numbers(marked.rows, "v", 1), ElementsAre(2, 0, 1, 2, 2, IsNan()));
  const MarkedRows rejected = Transform(model, rows, {.on_unseen = UnseenPolicy::kReject});
  EXPECT_THAT(
      Problems(rejected),
      UnorderedElementsAre(Pair("none", 2), Pair("x lies outside the splits, 0.0 to 2.0,", 2),
                           Pair("x is NaN", 1), Pair("b is null or NaN", 1)));
}

TEST_F(MarkedTransformTest, AnIndexThatIsNoCategoryHasNoEntry) {
  const Types types = {{"i", kDoubleType}};
  const PipelineModel model =
      Fit(R"([{"OneHotEncoder": {"inputCol": "i", "outputCol": "h"}}])", "i\n0\n1\n2\n", types);
  const MarkedRows marked = Transform(model, Rows("i\n1\n7\n-1\n\n", types),
                                      {.on_unseen = UnseenPolicy::kKeep, .features = "h"});
  EXPECT_THAT(Numbers(marked.rows, "h", 2), ElementsAre(0, 1, 0, 0, 0, 0));
}

TEST_F(MarkedTransformTest, CopiesReachTheEndAsTheyCame) {
  const PipelineModel model =
      Fit(R"([{"SQLTransformer": {"statement": "SELECT x * 10 AS x FROM __THIS__"}}])", kFittedOn,
          kTypes);
  const MarkedRows marked = Transform(model, Rows(kFittedOn, kTypes), {.copied = {"x", "s"}});
  EXPECT_THAT(marked.rows.schema().names(), ElementsAre("x", InputCopy("x"), InputCopy("s")));
  EXPECT_THAT(Numbers(marked.rows, "x"), ElementsAre(10, 20, 30));
  EXPECT_THAT(Numbers(marked.rows, InputCopy("x")), ElementsAre(1, 2, 3));
}

TEST_F(MarkedTransformTest, NoStageSeesTheRowColumn) {
  const PipelineModel model =
      Fit(R"([{"SQLTransformer": {"statement": "SELECT *, x + 1 AS y FROM __THIS__"}}])", kFittedOn,
          kTypes);
  const Relation rows = Rows(kFittedOn, kTypes);
  const MarkedRows marked = Transform(model, engine().NumberRows(rows, "n"), {.row_column = "n"});
  EXPECT_THAT(marked.rows.schema().names(), ElementsAre("s", "x", InputCopy("n"), "y"));
  EXPECT_THAT(Numbers(marked.rows, InputCopy("n")), ElementsAre(0, 1, 2));
  const PipelineModel asking =
      Fit(R"([{"SQLTransformer": {"statement": "SELECT n FROM __THIS__"}}])", "n\n1\n",
          {{"n", kIntType}});
  EXPECT_THAT(Thrown([&] {
                Transform(asking, engine().NumberRows(rows, "n"), {.row_column = "n"});
              }).what(),
              HasSubstr("there is no column 'n' (did you mean 's'?); columns are s, x"));
}

TEST_F(MarkedTransformTest, AMissingLabelIsNullForStatementsAndNotIndexed) {
  const PipelineModel model = Fit(
      R"([{"StringIndexer": {"inputCols": ["s", "y"], "outputCols": ["i", "y_index"]}},
          {"SQLTransformer": {"statement": "SELECT i, y, x FROM __THIS__"}}])",
      "s,x,y\na,1,5\n", {{"s", kStringType}, {"x", kDoubleType}, {"y", kIntType}});
  const Relation rows = Rows("s,x\na,1\n", kTypes);
  const MarkedRows marked = Transform(model, rows, {.label = "y"});
  EXPECT_TRUE(marked.label_is_made);
  EXPECT_THAT(Numbers(marked.rows, "y"), ElementsAre(IsNan()));
  EXPECT_THAT(Thrown([&] { Transform(model, rows, {}); }).what(),
              HasSubstr("stage stage_0: there is no column 'y'"));
}

TEST_F(MarkedTransformTest, AllMissingColumnsAreNamed) {
  const PipelineModel model = Fit(kIndexed, kFittedOn, kTypes);
  const Types types = {{"ss", kStringType}, {"x", kDoubleType}};
  EXPECT_THAT(
      Thrown([&] { Transform(model, Rows("ss,x\na,1\n", types), {}); }).what(),
      HasSubstr("stage stage_0: there is no column 's' (did you mean 'ss'?); columns are ss, x"));
  const PipelineModel statement =
      Fit(R"([{"SQLTransformer": {"statement": "SELECT x + 1 AS y FROM __THIS__ WHERE s = 'a'"}}])",
          kFittedOn, kTypes);
  EXPECT_THAT(Thrown([&] {
                Transform(
                    statement,
                    Rows("colour,price\na,1\n", {{"colour", kStringType}, {"price", kDoubleType}}),
                    {});
              }).what(),
              HasSubstr("there are no columns 'x', 's'; columns are colour, price"));
}

TEST_F(MarkedTransformTest, AVectorThatNoStageMakesMayBeNull) {
  const PipelineModel model =
      Fit(R"([{"OneHotEncoder": {"inputCol": "x", "outputCol": "h"}}])", "s,x\na,0\na,1\n", kTypes);
  const Relation vectors = model.Transform(engine(), Rows("s,x\na,0\na,\n", kTypes));
  const MarkedTransformOptions wanted{.features = "h", .advice = "do this"};
  EXPECT_THAT(Thrown([&] { TransformMarked(engine(), {}, vectors, wanted); }).what(),
              HasSubstr("column 'h' is null in 1 row: 'null'; do this"));
  const MarkedRows marked =
      TransformMarked(engine(), {}, vectors, {.on_unseen = UnseenPolicy::kReject, .features = "h"});
  EXPECT_THAT(Problems(marked), UnorderedElementsAre(Pair("none", 1), Pair("h is null", 1)));
}

}  // namespace
}  // namespace firesteel
