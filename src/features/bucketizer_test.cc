#include "features/bucketizer.h"

#include <gmock/gmock.h>

#include <cmath>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BucketizerTest : public StageFixture {
 protected:
  Relation Numbered(const std::string& lines) {
    return Rows("k,x\n" + lines, {{"k", kIntType}, {"x", kDoubleType}});
  }
  Relation Bucketize(const Relation& rows, const std::string& splits,
                     const std::string& handling = "error") {
    return FitTransform(R"([{"Bucketizer": {"inputCol": "x", "outputCol": "y", "splits": )" +
                            splits + R"(, "handleInvalid": ")" + handling + R"("}}])",
                        rows);
  }
};

TEST_F(BucketizerTest, ABucketHoldsItsLowerBoundAndTheLastBothBounds) {
  const Relation buckets = Bucketize(Numbered("1,0\n2,0.9\n3,1\n4,1.5\n5,2\n"), "[0, 1, 2]");
  EXPECT_THAT(Numbers(buckets, "y"), ElementsAre(0, 0, 1, 1, 1));
}

TEST_F(BucketizerTest, LabelsAreTheBoundsAsJavaPrintsThem) {
  const Relation buckets = Bucketize(Numbered("1,0\n"), R"(["-Inf", 0, 1e7, "Infinity"])");
  const Attribute attribute = AttributeOf(buckets, "y");
  EXPECT_THAT(attribute.values, ElementsAre("-Infinity, 0.0", "0.0, 1.0E7", "1.0E7, Infinity"));
  EXPECT_EQ(attribute.is_ordinal, true);
  EXPECT_EQ(attribute.name, std::nullopt);
}

TEST_F(BucketizerTest, NegativeZeroLiesBelowASplitOfZero) {
  const Relation buckets = Bucketize(Numbered("1,-0.0\n2,0.0\n"), "[-1, 0, 1]");
  EXPECT_THAT(Numbers(buckets, "y"), ElementsAre(0, 1));
}

TEST_F(BucketizerTest, KeepGivesNanABucketAndNullStaysNull) {
  const std::vector<double> buckets =
      Numbers(Bucketize(Numbered("1,NaN\n2,\n3,0\n"), "[0, 1, 2]", "keep"), "y");
  EXPECT_EQ(buckets[0], 2.0);
  EXPECT_TRUE(std::isnan(buckets[1]));
  EXPECT_EQ(buckets[2], 0.0);
}

TEST_F(BucketizerTest, SkipDropsNanAndNull) {
  EXPECT_THAT(Numbers(Bucketize(Numbered("1,NaN\n2,\n3,0\n"), "[0, 1, 2]", "skip"), "k"),
              ElementsAre(3));
}

TEST_F(BucketizerTest, OutsideTheSplitsIsAlwaysAnError) {
  for (const char* handling : {"error", "skip", "keep"}) {
    EXPECT_STREQ(
        Thrown([&] { Bucketize(Numbered("1,5\n2,5\n3,-1\n"), "[0, 1, 2]", handling); }).what(),
        "stage stage_0: column 'x' lies outside the splits, 0.0 to 2.0, in 3 rows: 2 different "
        "values, most often '5.0' (2 rows); widen the splits; -Inf and Inf take in every number");
  }
}

TEST_F(BucketizerTest, ARowThatSkipDropsMayLieOutside) {
  const Relation rows = Rows("x,z\n1,2\nNaN,99\n", {{"x", kDoubleType}, {"z", kDoubleType}});
  const Relation buckets = FitTransform(
      R"([{"Bucketizer": {"inputCols": ["x", "z"], "outputCols": ["y", "w"],
          "splitsArray": [[0, 1, 2], [0, 5, 6]], "handleInvalid": "skip"}}])",
      rows);
  EXPECT_THAT(Numbers(buckets, "w"), ElementsAre(0));
}

TEST_F(BucketizerTest, NanIsAnErrorByDefault) {
  EXPECT_THAT(Thrown([&] { Bucketize(Numbered("1,NaN\n"), "[0, 1, 2]"); }).what(),
              HasSubstr("column 'x' is NaN in 1 row: 'NaN'; set handleInvalid to keep or skip"));
}

TEST_F(BucketizerTest, SplitsMustRise) {
  for (const char* splits : {"[0, 1]", "[1, 0, 2]", "[0, 0, 1]", R"([0, "NaN", 1])"}) {
    const Error error = Thrown([&] { Bucketize(Numbered("1,1\n"), splits); });
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("allowed: at least 3 numbers, each above the one before"));
  }
}

TEST_F(BucketizerTest, FormsDoNotMix) {
  EXPECT_THAT(Thrown([&] {
                MakePipeline(R"([{"Bucketizer": {"inputCols": ["x"], "outputCols": ["y"],
                                                 "splits": [0, 1, 2]}}])");
              }).what(),
              HasSubstr("parameter 'splits' does not fit"));
  EXPECT_THAT(Thrown([&] { MakePipeline(R"([{"Bucketizer": {"inputCol": "x"}}])"); }).what(),
              HasSubstr("parameter 'splits' is missing"));
}

}  // namespace
}  // namespace firesteel
