#include "features/min_max_scaler.h"

#include <gmock/gmock.h>

#include <cmath>

#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MinMaxScalerTest : public StageFixture {
 protected:
  Relation Scale(const std::string& lines, const std::string& params) {
    return FitTransform(
        R"([{"VectorAssembler": {"inputCols": ["x", "c"], "outputCol": "v",
                                 "handleInvalid": "keep"}},
            {"MinMaxScaler": {"inputCol": "v", "outputCol": "w")" +
            params + "}}]",
        Rows("x,c\n" + lines, {{"x", kDoubleType}, {"c", kDoubleType}}));
  }
};

TEST_F(MinMaxScalerTest, MapsTheRangeToZeroAndOneAndAConstantToTheMiddle) {
  EXPECT_THAT(Numbers(Scale("1,7\n3,7\n5,7\n", ""), "w", 2), ElementsAre(0, 0.5, 0.5, 0.5, 1, 0.5));
}

TEST_F(MinMaxScalerTest, MapsToTheRangeItIsTold) {
  EXPECT_THAT(Numbers(Scale("1,7\n3,7\n5,7\n", R"(, "min": -1, "max": 3)"), "w", 2),
              ElementsAre(-1, 1, 1, 1, 3, 1));
}

TEST_F(MinMaxScalerTest, NanIsNotCountedAndStays) {
  const std::vector<double> scaled = Numbers(Scale("1,7\nNaN,7\n5,7\n", ""), "w", 2);
  EXPECT_EQ(scaled[0], 0.0);
  EXPECT_TRUE(std::isnan(scaled[2]));
  EXPECT_EQ(scaled[4], 1.0);
}

TEST_F(MinMaxScalerTest, MinMustBeBelowMax) {
  const Error error =
      Thrown([&] { MakePipeline(R"([{"MinMaxScaler": {"inputCol": "v", "min": 2, "max": 1}}])"); });
  EXPECT_EQ(error.kind(), ErrorKind::kUsage);
  EXPECT_THAT(error.what(),
              HasSubstr("test: MinMaxScaler: parameter 'min' is 2.0, it must be below max, 1.0"));
}

}  // namespace
}  // namespace firesteel
