#include "workflow/engine_training_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "features/stage_fixture.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EngineTrainingSourceTest : public StageFixture {
 protected:
  // Rows with the label y, the weight w, the boolean h and a vector of x and c; c has two
  // categories.
  std::unique_ptr<EngineTrainingSource> Source(const std::string& csv,
                                               const TrainingColumns& columns = {}) {
    const Relation rows = FitTransform(
        R"([{"VectorAssembler": {"inputCols": ["x", "c"], "outputCol": "v",
                                 "handleInvalid": "keep"}}])",
        Rows("y,x,c,w,h\n" + csv, {{"y", kDoubleType},
                                   {"x", kDoubleType},
                                   {"c", kDoubleType},
                                   {"w", kDoubleType},
                                   {"h", kBooleanType}}));
    Attribute number;
    number.name = "x";
    Attribute category;
    category.kind = Attribute::Kind::kBinary;
    category.name = "c";
    return std::make_unique<EngineTrainingSource>(
        engine(), rows, engine().Count(rows),
        EngineTrainingSource::Options{.name = "rows 'test'",
                                      .features = "v",
                                      .label = "y",
                                      .columns = columns,
                                      .attributes = {number, category}});
  }

  static std::vector<FeatureBins> Bins() { return {{.thresholds = {1.5}}, {.arity = 2}}; }

  // All rows as Scan gives them, one after another.
  static std::vector<double> Scanned(TrainingSource* source) {
    std::vector<double> numbers;
    source->Scan([&](MatrixView<const double> rows) {
      for (std::size_t row = 0; row < rows.num_rows(); ++row) {
        numbers.insert(numbers.end(), rows.row(row).begin(), rows.row(row).end());
      }
    });
    return numbers;
  }

  static std::string Refusal(const std::function<void()>& action) {
    const Error error = Thrown(action);
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument) << error.what();
    return error.what();
  }

  const std::vector<std::size_t> both_ = {0, 1};
};

TEST_F(EngineTrainingSourceTest, GivesValuesCellsAndRows) {
  const auto source = Source("5,1,0,2,true\n6,2,1,2,true\n5,1,0,2,false\n");
  EXPECT_EQ(source->num_rows(), 3);
  EXPECT_EQ(source->held_out(), nullptr);
  EXPECT_THAT(source->DistinctValues(both_),
              ElementsAre(ElementsAre(WeightedValue{1, 1, 2}, WeightedValue{2, 1, 1}),
                          ElementsAre(WeightedValue{0, 1, 2}, WeightedValue{1, 1, 1})));
  EXPECT_TRUE(source->DistinctValues({}).empty());
  const Cells cells = source->MakeCells(Bins());
  EXPECT_THAT(cells.bins, ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(cells.labels, ElementsAre(5, 6));
  EXPECT_THAT(cells.counts, ElementsAre(2, 1));
  // Without a weight column every weight is 1.
  EXPECT_THAT(Scanned(source.get()), ElementsAre(1, 0, 5, 1, 2, 1, 6, 1, 1, 0, 5, 1));
}

TEST_F(EngineTrainingSourceTest, WeightsComeAlong) {
  const auto source = Source("5,1,0,2,true\n6,2,1,0,true\n", {.weight = "W"});
  EXPECT_THAT(source->MakeCells(Bins()).weights, ElementsAre(2, 0));
  EXPECT_THAT(Scanned(source.get()), ElementsAre(1, 0, 5, 2, 2, 1, 6, 0));
}

TEST_F(EngineTrainingSourceTest, HeldOutRowsAreASourceOfTheirOwn) {
  const auto source = Source("5,1,0,2,true\n6,2,1,2,false\n7,3,0,2,false\n", {.held_out = "h"});
  EXPECT_EQ(source->num_rows(), 2);
  EXPECT_THAT(Scanned(source.get()), ElementsAre(2, 1, 6, 1, 3, 0, 7, 1));
  ASSERT_NE(source->held_out(), nullptr);
  EXPECT_EQ(source->held_out()->num_rows(), 1);
  EXPECT_THAT(Scanned(source->held_out()), ElementsAre(1, 0, 5, 1));
  EXPECT_EQ(source->held_out()->held_out(), nullptr);
}

TEST_F(EngineTrainingSourceTest, HeldOutColumnsThatDoNotDivideTheRowsAreRefused) {
  EXPECT_EQ(Refusal([&] { Source("5,1,0,2,true\n6,2,1,2,\n", {.held_out = "h"}); }),
            "rows 'test': the column 'h', which says which rows are held out, is null in 1 of 2 "
            "rows; make each true or false");
  EXPECT_THAT(Refusal([&] { Source("5,1,0,2,true\n", {.held_out = "h"}); }),
              HasSubstr("is true in all rows; none is left to train on"));
  EXPECT_THAT(Refusal([&] { Source("5,1,0,2,false\n", {.held_out = "h"}); }),
              HasSubstr("is false in all rows"));
  EXPECT_THAT(Refusal([&] { Source("5,1,0,2,false\n", {.held_out = "w"}); }),
              HasSubstr("is of type double; it must be boolean"));
  EXPECT_THAT(Refusal([&] { Source("5,1,0,2,false\n", {.weight = "h"}); }),
              HasSubstr("the weight 'h' is of type boolean; it must be numeric"));
}

TEST_F(EngineTrainingSourceTest, NumbersThatCanNotBeUsedAreCountedByName) {
  const std::string end = "; leave such rows out or fill them in before training";
  const auto labels = Source("5,1,0,1,true\n,1,0,1,true\nNaN,2,1,1,true\n");
  const std::string of_label =
      "rows 'test': the label 'y' is null, NaN or infinite in 2 of 3 rows" + end;
  EXPECT_EQ(Refusal([&] { labels->MakeCells(Bins()); }), of_label);
  EXPECT_EQ(Refusal([&] { Scanned(labels.get()); }), of_label);

  const auto features = Source("5,1,0,1,true\n5,,0,1,true\n5,Infinity,1,1,true\n");
  const std::string of_feature =
      "rows 'test': the feature 'x' is null, NaN or infinite in 2 of 3 rows" + end;
  EXPECT_EQ(Refusal([&] { features->DistinctValues(both_); }), of_feature);
  EXPECT_EQ(Refusal([&] { features->MakeCells(Bins()); }), of_feature);
  EXPECT_EQ(Refusal([&] { Scanned(features.get()); }), of_feature);

  const auto weights = Source("5,1,0,,true\n", {.weight = "w"});
  EXPECT_EQ(Refusal([&] { weights->MakeCells(Bins()); }),
            "rows 'test': the weight 'w' is null, NaN or infinite in 1 of 1 rows" + end);
}

TEST_F(EngineTrainingSourceTest, NegativeWeightsAreRefused) {
  const auto source = Source("5,1,0,-1,true\n5,1,1,-1,true\n6,2,1,1,true\n", {.weight = "w"});
  const std::string wanted =
      "rows 'test': the weight 'w' is negative in 2 of 3 rows; a weight is 0 or more";
  EXPECT_EQ(Refusal([&] { source->DistinctValues(both_); }), wanted);
  EXPECT_EQ(Refusal([&] { source->MakeCells(Bins()); }), wanted);
  EXPECT_EQ(Refusal([&] { Scanned(source.get()); }), wanted);
}

TEST_F(EngineTrainingSourceTest, CategoriesOutOfRangeAreNamed) {
  const auto source = Source("5,1,0,1,true\n5,1,2,1,true\n6,2,1,1,true\n");
  EXPECT_THAT(Refusal([&] { source->MakeCells(Bins()); }),
              HasSubstr("the feature 'c' has 2 categories by its attributes, 0 to 1, but is 2.0"));
}

}  // namespace
}  // namespace firesteel
