#include "features/one_hot_encoder.h"

#include <gmock/gmock.h>

#include <cmath>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OneHotEncoderTest : public StageFixture {
 protected:
  Relation Indices() { return Rows("x\n0\n2\n1\n", {{"x", kIntType}}); }

  Relation Encode(const std::string& params) {
    return FitTransform(R"([{"OneHotEncoder": {"inputCol": "x", "outputCol": "v")" + params + "}}]",
                        Indices());
  }
};

TEST_F(OneHotEncoderTest, TheLastCategoryHasNoPlaceOfItsOwn) {
  const Relation encoded = Encode("");
  EXPECT_THAT(Numbers(encoded, "v", 2), ElementsAre(1, 0, 0, 0, 0, 1));
  EXPECT_THAT(SlotNames(encoded, "v"), ElementsAre("0", "1"));
  EXPECT_EQ(GroupOf(encoded, "v").slots->front().kind, Attribute::Kind::kBinary);
  EXPECT_TRUE(encoded.schema().Get("v").nullable);
}

TEST_F(OneHotEncoderTest, WithoutDropLastEveryCategoryHas) {
  EXPECT_THAT(Numbers(Encode(R"(, "dropLast": false)"), "v", 3),
              ElementsAre(1, 0, 0, 0, 0, 1, 0, 1, 0));
}

TEST_F(OneHotEncoderTest, KeepGivesInvalidIndicesThePlaceBehindTheLast) {
  const PipelineModel model =
      MakePipeline(R"([{"OneHotEncoder": {"inputCol": "x", "outputCol": "v", "dropLast": false,
                       "handleInvalid": "keep"}}])")
          .Fit(engine(), Indices());
  const Relation other = Rows("x\n-0.5\n1.5\nNaN\n7\n", {{"x", kDoubleType}});
  const Relation encoded = model.Transform(engine(), other);
  EXPECT_THAT(Numbers(encoded, "v", 4),
              ElementsAre(0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1));
  EXPECT_THAT(SlotNames(encoded, "v"), ElementsAre("0", "1", "2", "invalidValues"));
}

TEST_F(OneHotEncoderTest, SlotsAreNamedAfterTheLabelsOfAnIndexer) {
  const Relation rows = Rows("s\na\nb\na\nc\n", {{"s", kStringType}});
  const Relation encoded = FitTransform(
      R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i"}},
          {"OneHotEncoder": {"inputCol": "i", "outputCol": "v"}}])",
      rows);
  EXPECT_THAT(SlotNames(encoded, "v"), ElementsAre("a", "b"));
  EXPECT_THAT(Numbers(encoded, "v", 2), ElementsAre(1, 0, 0, 1, 1, 0, 0, 0));
}

TEST_F(OneHotEncoderTest, NullStaysNull) {
  const PipelineModel model =
      MakePipeline(R"([{"OneHotEncoder": {"inputCol": "x", "outputCol": "v"}}])")
          .Fit(engine(), Indices());
  const Relation encoded =
      model.Transform(engine(), Rows("y,x\n1,\n2,0\n", {{"y", kIntType}, {"x", kIntType}}));
  const std::vector<double> numbers = Numbers(encoded, "v", 2);
  EXPECT_TRUE(std::isnan(numbers[0]) && std::isnan(numbers[1]));
  EXPECT_EQ(numbers[2], 1.0);
}

TEST_F(OneHotEncoderTest, AnUnknownIndexIsAnError) {
  const PipelineModel model =
      MakePipeline(R"([{"OneHotEncoder": {"inputCol": "x", "outputCol": "v"}}])")
          .Fit(engine(), Indices());
  const Relation other = Rows("x\n3\n-1\n3\n0\n", {{"x", kIntType}});
  EXPECT_STREQ(Thrown([&] { model.Transform(engine(), other); }).what(),
               "stage stage_0: column 'x' has a value that is none of the category indices 0 to 2 "
               "in 3 rows: 2 different values, most often '3' (2 rows); set handleInvalid to keep, "
               "or fit the stage on such rows too");
}

TEST_F(OneHotEncoderTest, FitsOnWholeNumbersFromZeroOnly) {
  const auto fit = [&](const std::string& value) {
    return std::string(Thrown([&] {
                         FitTransform(
                             R"([{"OneHotEncoder": {"inputCol": "x", "outputCol": "v"}}])",
                             Rows("y,x\n1," + value + "\n", {{"y", kIntType}, {"x", kDoubleType}}));
                       }).what());
  };
  EXPECT_THAT(fit("1.5"), HasSubstr("it holds 1.5"));
  EXPECT_THAT(fit("-1"), HasSubstr("it holds -1.0"));
  EXPECT_THAT(fit("NaN"), HasSubstr("it holds NaN"));
  EXPECT_THAT(fit(""), HasSubstr("column 'x' is null in 1 rows"));
}

TEST_F(OneHotEncoderTest, AnotherNumberOfCategoriesIsAnError) {
  const PipelineModel model =
      MakePipeline(R"([{"OneHotEncoder": {"inputCol": "x", "outputCol": "v"}}])")
          .Fit(engine(), Indices());
  Schema schema = Indices().schema();
  Attribute attribute;
  attribute.kind = Attribute::Kind::kNominal;
  attribute.values = {"a", "b"};
  schema.at(0).attributes = attribute;
  EXPECT_THAT(
      Thrown([&] { model.Transform(engine(), Indices().WithSchema(schema)); }).what(),
      HasSubstr("column 'x' has 2 categories by its attributes, the stage was fitted on 3"));
}

TEST_F(OneHotEncoderTest, ASingleLabelLeavesNothingToEncode) {
  const std::string indexer = R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i"}},
                                  {"OneHotEncoder": {"inputCol": "i", "outputCol": "v")";
  const Relation rows = Rows("s\na\n", {{"s", kStringType}});
  EXPECT_THAT(Thrown([&] { FitTransform(indexer + "}}]", rows); }).what(),
              HasSubstr("column 'i' has one category only"));
  EXPECT_THAT(Numbers(FitTransform(indexer + R"(, "dropLast": false}}])", rows), "v", 1),
              ElementsAre(1));
}

TEST_F(OneHotEncoderTest, TheBucketOfNanIsNoCategory) {
  const std::string stages =
      R"([{"SQLTransformer": {"statement": "SELECT coalesce(x, 0.0D) AS x FROM __THIS__"}},
          {"Bucketizer": {"inputCol": "x", "outputCol": "b", "splits": [0, 1, 2],
                          "handleInvalid": "keep"}},
          {"OneHotEncoder": {"inputCol": "b", "outputCol": "v"}}])";
  const Relation rows = Rows("x\n0\nNaN\n", {{"x", kDoubleType}});
  EXPECT_THAT(Thrown([&] { FitTransform(stages, rows); }).what(),
              HasSubstr("column 'b' has a value that is none of the category indices 0 to 1 in 1 "
                        "row: '2.0'"));
}

TEST_F(OneHotEncoderTest, AnEmptyLabelCannotNameASlot) {
  Schema schema = Indices().schema();
  Attribute attribute;
  attribute.kind = Attribute::Kind::kNominal;
  attribute.values = {"a", "", "c"};
  schema.at(0).attributes = attribute;
  EXPECT_THAT(Thrown([&] {
                FitTransform(R"([{"OneHotEncoder": {"inputCol": "x", "outputCol": "v"}}])",
                             Indices().WithSchema(schema));
              }).what(),
              HasSubstr("column 'x' has an empty text among its categories"));
}

}  // namespace
}  // namespace firesteel
