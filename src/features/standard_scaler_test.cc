#include "features/standard_scaler.h"

#include <gmock/gmock.h>

#include <cmath>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StandardScalerTest : public StageFixture {
 protected:
  // x: mean 3, deviation sqrt((4 + 0 + 4) / 2) = 2. c does not vary.
  std::vector<double> Scale(const std::string& params) {
    const Relation rows =
        Rows("x,c\n1,0.1\n3,0.1\n5,0.1\n", {{"x", kDoubleType}, {"c", kDoubleType}});
    scaled_ = FitTransform(
        R"([{"VectorAssembler": {"inputCols": ["x", "c"], "outputCol": "v"}},
            {"StandardScaler": {"inputCol": "v", "outputCol": "w")" +
            params + "}}]",
        rows);
    return Numbers(scaled_, "w", 2);
  }

  // Says that x has two categories, so that the encoder need not look at it.
  static Relation WithCategories(const Relation& rows) {
    Schema schema = rows.schema();
    Attribute attribute;
    attribute.kind = Attribute::Kind::kNominal;
    attribute.values = {"a", "b"};
    schema.at(1).attributes = attribute;
    return rows.WithSchema(schema);
  }

  Relation scaled_;
};

TEST_F(StandardScalerTest, DividesByTheDeviation) {
  EXPECT_THAT(Scale(""), ElementsAre(0.5, 0, 1.5, 0, 2.5, 0));
}

TEST_F(StandardScalerTest, WithMeanCentres) {
  EXPECT_THAT(Scale(R"(, "withMean": true)"), ElementsAre(-1, 0, 0, 0, 1, 0));
}

TEST_F(StandardScalerTest, WithoutDeviationOnlyTheMeanGoes) {
  EXPECT_THAT(Scale(R"(, "withMean": true, "withStd": false)"), ElementsAre(-2, 0, 0, 0, 2, 0));
}

TEST_F(StandardScalerTest, WithNeitherNothingChanges) {
  EXPECT_THAT(Scale(R"(, "withStd": false)"), ElementsAre(1, 0.1, 3, 0.1, 5, 0.1));
}

TEST_F(StandardScalerTest, TheOutputKnowsItsSizeOnly) {
  Scale("");
  EXPECT_EQ(GroupOf(scaled_, "w").size, 2u);
  EXPECT_FALSE(GroupOf(scaled_, "w").slots.has_value());
}

TEST_F(StandardScalerTest, NoRowsAndNullVectorsCannotBeFittedOn) {
  const auto fit = [&](const std::string& lines) {
    return std::string(
        Thrown([&] {
          FitTransform(
              R"([{"OneHotEncoder": {"inputCol": "x", "outputCol": "v", "handleInvalid": "keep"}},
                       {"StandardScaler": {"inputCol": "v", "outputCol": "w"}}])",
              WithCategories(Rows("k,x\n" + lines, {{"k", kIntType}, {"x", kDoubleType}})));
        }).what());
  };
  EXPECT_THAT(fit(""), HasSubstr("column 'v' has no rows"));
  EXPECT_THAT(fit("1,0\n2,\n"), HasSubstr("column 'v' is null in 1 rows"));
}

}  // namespace
}  // namespace firesteel
