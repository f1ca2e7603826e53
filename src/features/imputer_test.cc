#include "features/imputer.h"

#include <gmock/gmock.h>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImputerTest : public StageFixture {
 protected:
  // The numbers 1, 2, 2, 7, 7, 10: mean 29 / 6, lower median 2, modes 2 and 7.
  Relation Gaps() {
    return Rows("n,x\n1,1\n2,2\n2,2\n7,7\n7,7\n,NaN\n10,10\n",
                {{"n", kIntType}, {"x", kDoubleType}});
  }

  std::vector<double> Fill(const std::string& column, const std::string& params) {
    return Numbers(FitTransform(R"([{"Imputer": {"inputCol": ")" + column +
                                    R"(", "outputCol": "y")" + params + "}}]",
                                Gaps()),
                   "y");
  }
};

TEST_F(ImputerTest, FillsByTheMean) {
  EXPECT_THAT(Fill("x", ""), ElementsAre(1, 2, 2, 7, 7, 29.0 / 6.0, 10));
}

TEST_F(ImputerTest, FillsByTheLowerMedian) {
  EXPECT_THAT(Fill("x", R"(, "strategy": "median")"), ElementsAre(1, 2, 2, 7, 7, 2, 10));
}

TEST_F(ImputerTest, FillsByTheSmallestOfTheMostFrequent) {
  EXPECT_THAT(Fill("x", R"(, "strategy": "mode")"), ElementsAre(1, 2, 2, 7, 7, 2, 10));
}

TEST_F(ImputerTest, TheOutputHasTheTypeOfTheInput) {
  const Relation filled =
      FitTransform(R"([{"Imputer": {"inputCol": "n", "outputCol": "y"}}])", Gaps());
  EXPECT_EQ(filled.schema().Get("y").type, kIntType);
  // 4.83 cut to a whole number.
  EXPECT_THAT(Numbers(filled, "y"), ElementsAre(1, 2, 2, 7, 7, 4, 10));
}

TEST_F(ImputerTest, AMissingValueIsFilledAndNotCounted) {
  // 1, 7, 7, 10 remain: lower median 7. NaN is then a value like others, and stays.
  const std::vector<double> filled = Fill("n", R"(, "strategy": "median", "missingValue": 2)");
  EXPECT_THAT(filled, ElementsAre(1, 7, 7, 7, 7, 7, 10));
}

TEST_F(ImputerTest, AnOutputNamedAsAnInputTakesItsPlace) {
  const Relation filled =
      FitTransform(R"([{"Imputer": {"inputCols": ["n"], "outputCols": ["N"]}}])", Gaps());
  EXPECT_THAT(filled.schema().names(), ElementsAre("N", "x"));
  EXPECT_THAT(Numbers(filled, "n"), ElementsAre(1, 2, 2, 7, 7, 4, 10));
}

TEST_F(ImputerTest, AColumnOfGapsIsAnError) {
  const Relation rows = Rows("n,x\n1,\n2,NaN\n", {{"n", kIntType}, {"x", kDoubleType}});
  for (const char* strategy : {"mean", "median", "mode"}) {
    EXPECT_THAT(Thrown([&] {
                  FitTransform(R"([{"Imputer": {"inputCol": "x", "outputCol": "y",
                                                "strategy": ")" +
                                   std::string(strategy) + R"("}}])",
                               rows);
                }).what(),
                HasSubstr("column 'x' has no " + std::string(strategy)));
  }
}

TEST_F(ImputerTest, RefusesTextAndDecimals) {
  const Relation rows =
      Rows("s,m\na,1.5\n", {{"s", kStringType}, {"m", {TypeKind::kDecimal, 5, 2}}});
  EXPECT_THAT(Thrown([&] {
                FitTransform(R"([{"Imputer": {"inputCol": "s", "outputCol": "y"}}])", rows);
              }).what(),
              HasSubstr("column 's' must be numeric, it is string"));
  EXPECT_THAT(Thrown([&] {
                FitTransform(R"([{"Imputer": {"inputCol": "m", "outputCol": "y"}}])", rows);
              }).what(),
              HasSubstr("cast it to double"));
}

}  // namespace
}  // namespace firesteel
