#include "features/vector_assembler.h"

#include <gmock/gmock.h>

#include <cmath>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class VectorAssemblerTest : public StageFixture {
 protected:
  Relation Gaps() {
    return Rows("n,x\n1,2.5\n,3\n3,NaN\n4,\n", {{"n", kIntType}, {"x", kDoubleType}});
  }
};

TEST_F(VectorAssemblerTest, PutsNumbersAndBooleansSideBySide) {
  const Relation rows = Rows("n,x,b\n1,2.5,true\n-3,0,false\n",
                             {{"n", kIntType}, {"x", kDoubleType}, {"b", kBooleanType}});
  const Relation assembled = FitTransform(
      R"([{"VectorAssembler": {"inputCols": ["b", "X", "n"], "outputCol": "v"}}])", rows);
  EXPECT_THAT(Numbers(assembled, "v", 3), ElementsAre(1, 2.5, 1, 0, 0, -3));
  EXPECT_THAT(SlotNames(assembled, "v"), ElementsAre("b", "X", "n"));
}

TEST_F(VectorAssemblerTest, MergesAttributesOfColumnsAndVectors) {
  const Relation rows = Rows("s,n\na,7\nb,8\na,9\nc,9\n", {{"s", kStringType}, {"n", kIntType}});
  const Relation assembled = FitTransform(
      R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i"}},
          {"OneHotEncoder": {"inputCol": "i", "outputCol": "o"}},
          {"VectorAssembler": {"inputCols": ["o", "i", "n"], "outputCol": "v"}},
          {"MinMaxScaler": {"inputCol": "v", "outputCol": "m"}},
          {"VectorAssembler": {"inputCols": ["m", "v"], "outputCol": "w"}}])",
      rows);
  EXPECT_THAT(SlotNames(assembled, "v"), ElementsAre("o_a", "o_b", "i", "n"));
  const AttributeGroup group = GroupOf(assembled, "v");
  EXPECT_EQ((*group.slots)[0].kind, Attribute::Kind::kBinary);
  EXPECT_EQ((*group.slots)[2].kind, Attribute::Kind::kNominal);
  EXPECT_THAT((*group.slots)[2].values, ElementsAre("a", "b", "c"));
  EXPECT_EQ((*group.slots)[3].kind, Attribute::Kind::kNumeric);
  EXPECT_THAT(SlotNames(assembled, "w"),
              ElementsAre("m_0", "m_1", "m_2", "m_3", "v_o_a", "v_o_b", "v_i", "v_n"));
}

TEST_F(VectorAssemblerTest, KeepPutsNanForNull) {
  const Relation assembled = FitTransform(
      R"([{"VectorAssembler": {"inputCols": ["n", "x"], "outputCol": "v",
          "handleInvalid": "keep"}}])",
      Gaps());
  const std::vector<double> numbers = Numbers(assembled, "v", 2);
  ASSERT_EQ(numbers.size(), 8u);
  EXPECT_EQ(numbers[1], 2.5);
  EXPECT_TRUE(std::isnan(numbers[2]));
  EXPECT_EQ(numbers[3], 3.0);
  EXPECT_TRUE(std::isnan(numbers[5]));
  EXPECT_TRUE(std::isnan(numbers[7]));
}

TEST_F(VectorAssemblerTest, SkipDropsRowsWithNullOrNan) {
  const Relation assembled = FitTransform(
      R"([{"VectorAssembler": {"inputCols": ["n", "x"], "outputCol": "v",
          "handleInvalid": "skip"}}])",
      Gaps());
  EXPECT_THAT(Numbers(assembled, "v", 2), ElementsAre(1, 2.5));
}

TEST_F(VectorAssemblerTest, AnErrorNamesTheFirstColumnWithGaps) {
  const Error error = Thrown([&] {
    FitTransform(R"([{"VectorAssembler": {"inputCols": ["x", "n"], "outputCol": "v"}}])", Gaps());
  });
  EXPECT_STREQ(error.what(),
               "stage stage_0: column 'x' is null or NaN in 2 rows: 2 different values, most often "
               "null (1 rows); set handleInvalid to keep or skip, or fill the column before");
}

TEST_F(VectorAssemblerTest, RefusesTextAndDatesTogether) {
  const Relation rows =
      Rows("s,d,n\na,2020-01-01,1\n", {{"s", kStringType}, {"d", kDateType}, {"n", kIntType}});
  EXPECT_THAT(Thrown([&] {
                FitTransform(R"([{"VectorAssembler": {"inputCols": ["s", "n", "d"],
                                                      "outputCol": "v"}}])",
                             rows);
              }).what(),
              HasSubstr("'s' is string, 'd' is date"));
}

TEST_F(VectorAssemblerTest, RefusesAVectorOfUnknownLength) {
  const Relation rows = Rows("n\n1\n", {{"n", kIntType}});
  const Relation assembled =
      FitTransform(R"([{"VectorAssembler": {"inputCols": ["n"], "outputCol": "v"}}])", rows);
  Schema schema = assembled.schema();
  schema.at(1).attributes = {};
  EXPECT_THAT(Thrown([&] {
                FitTransform(R"([{"VectorAssembler": {"inputCols": ["v"], "outputCol": "w"}}])",
                             assembled.WithSchema(schema));
              }).what(),
              HasSubstr("vector column 'v' has no ML attributes"));
}

}  // namespace
}  // namespace firesteel
