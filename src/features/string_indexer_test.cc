#include "features/string_indexer.h"

#include <gmock/gmock.h>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StringIndexerTest : public StageFixture {
 protected:
  // Counts: a 2, b 2, d 2, c 1.
  Relation Letters() { return Rows("s\nb\na\nc\nb\nd\nd\na\n", {{"s", kStringType}}); }

  std::vector<std::string> LabelsInOrder(const std::string& order) {
    return AttributeOf(FitTransform(R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i",
                                       "stringOrderType": ")" +
                                        order + R"("}}])",
                                    Letters()),
                       "i")
        .values;
  }
};

TEST_F(StringIndexerTest, OrdersByCountThenText) {
  EXPECT_THAT(LabelsInOrder("frequencyDesc"), ElementsAre("a", "b", "d", "c"));
  EXPECT_THAT(LabelsInOrder("frequencyAsc"), ElementsAre("c", "a", "b", "d"));
}

TEST_F(StringIndexerTest, OrdersByText) {
  EXPECT_THAT(LabelsInOrder("alphabetDesc"), ElementsAre("d", "c", "b", "a"));
  EXPECT_THAT(LabelsInOrder("alphabetAsc"), ElementsAre("a", "b", "c", "d"));
}

TEST_F(StringIndexerTest, TextOrderIsThatOfCodePoints) {
  const Relation rows = Rows("s\n😀\n~\n｡\nA\na\nB\n", {{"s", kStringType}});
  const Relation indexed =
      FitTransform(R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i"}}])", rows);
  EXPECT_THAT(AttributeOf(indexed, "i").values, ElementsAre("A", "B", "a", "~", "｡", "😀"));
}

TEST_F(StringIndexerTest, OutputIsADoubleWithoutNullsBehindAllInputs) {
  const Relation indexed =
      FitTransform(R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i"}}])", Letters());
  EXPECT_THAT(indexed.schema().names(), ElementsAre("s", "i"));
  EXPECT_EQ(indexed.schema().Get("i").type, kDoubleType);
  EXPECT_FALSE(indexed.schema().Get("i").nullable);
  EXPECT_EQ(AttributeOf(indexed, "i").name, "i");
  EXPECT_EQ(AttributeOf(indexed, "i").kind, Attribute::Kind::kNominal);
  EXPECT_THAT(Numbers(indexed, "i"), ElementsAre(1, 0, 3, 1, 2, 2, 0));
}

TEST_F(StringIndexerTest, DefaultOutputIsNamedAfterTheStage) {
  const Relation indexed = FitTransform(R"([{"StringIndexer": {"inputCol": "s"}}])", Letters());
  EXPECT_THAT(indexed.schema().names(), ElementsAre("s", "stage_0__output"));
}

TEST_F(StringIndexerTest, NumbersAreIndexedByTheirTextAndNanIsNotCounted) {
  const Relation rows =
      Rows("k,x\n1,1\n2,1\n3,NaN\n4,0\n5,-0.0\n6,\n7,1e7\n", {{"k", kIntType}, {"x", kDoubleType}});
  const Relation indexed = FitTransform(
      R"([{"StringIndexer": {"inputCol": "x", "outputCol": "i", "handleInvalid": "keep"}}])", rows);
  EXPECT_THAT(AttributeOf(indexed, "i").values,
              ElementsAre("1.0", "-0.0", "0.0", "1.0E7", "__unknown"));
  EXPECT_THAT(Numbers(indexed, "i"), ElementsAre(0, 0, 4, 2, 1, 4, 3));
}

TEST_F(StringIndexerTest, SkipDropsRowsThatAnyColumnCannotIndex) {
  const Relation rows = Rows("s,t\na,x\n,x\nb,\na,y\n", {{"s", kStringType}, {"t", kStringType}});
  const Relation indexed = FitTransform(
      R"([{"StringIndexer": {"inputCols": ["s", "t"], "outputCols": ["i", "j"],
          "handleInvalid": "skip"}}])",
      rows);
  EXPECT_THAT(Numbers(indexed, "i"), ElementsAre(0, 0));
  EXPECT_THAT(Numbers(indexed, "j"), ElementsAre(0, 1));
}

TEST_F(StringIndexerTest, AnErrorNamesColumnValueAndCount) {
  const PipelineModel model =
      MakePipeline(R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i"}}])")
          .Fit(engine(), Letters());
  const Relation other =
      Rows("k,s\n1,a\n2,zz\n3,zz\n4,y\n5,\n", {{"k", kIntType}, {"s", kStringType}});
  const Error error = Thrown([&] { model.Transform(engine(), other); });
  EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
  EXPECT_STREQ(error.what(),
               "stage stage_0: column 's' is null or has a value that the stage was not fitted on "
               "in 4 rows: 3 different values, most often 'zz' (2 rows); set handleInvalid to keep "
               "or skip, or fit the stage on such rows too");
}

TEST_F(StringIndexerTest, AnInputThatIsGoneIsLeftOut) {
  const PipelineModel model =
      MakePipeline(R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i"}}])")
          .Fit(engine(), Letters());
  const Relation other = Rows("t\na\n", {{"t", kStringType}});
  EXPECT_THAT(model.Transform(engine(), other).schema().names(), ElementsAre("t"));
}

TEST_F(StringIndexerTest, RefusesBooleansAndTakenOutputNames) {
  const Relation rows = Rows("b,s\ntrue,a\n", {{"b", kBooleanType}, {"s", kStringType}});
  EXPECT_THAT(Thrown([&] {
                FitTransform(R"([{"StringIndexer": {"inputCol": "b", "outputCol": "i"}}])", rows);
              }).what(),
              HasSubstr("column 'b' must be text or numeric, it is boolean"));
  EXPECT_THAT(Thrown([&] {
                FitTransform(R"([{"StringIndexer": {"inputCol": "s", "outputCol": "B"}}])", rows);
              }).what(),
              HasSubstr("output column 'B' already exists"));
}

}  // namespace
}  // namespace firesteel
