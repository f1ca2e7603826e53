#include "learn/memory_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "base/error.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

MemoryRows TwoFeatures() {
  Attribute continuous;
  continuous.name = "distance";
  Attribute binary;
  binary.kind = Attribute::Kind::kBinary;
  return {.attributes = {continuous, binary},
          .features = {0.5, 1, -0.0, 0, 2, 1, 0.0, 0, 0.5, 1},
          .labels = {7, 3, 5, 3, 7},
          .weights = {1, 2, 1, 2, 1}};
}

std::string MessageOf(MemoryRows rows) {
  try {
    MemorySource source(std::move(rows));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    return error.what();
  }
  return "no error";
}

TEST(MemorySource, CountsDistinctValuesWithTheirWeights) {
  MemorySource source(TwoFeatures());
  const std::vector<std::size_t> features = {0};
  EXPECT_THAT(source.DistinctValues(features),
              ElementsAre(ElementsAre(WeightedValue{0.0, 2.0, 2}, WeightedValue{0.5, 1.0, 2},
                                      WeightedValue{2.0, 1.0, 1})));
}

TEST(MemorySource, GroupsRowsIntoSortedCells) {
  MemorySource source(TwoFeatures());
  const std::vector<FeatureBins> bins = {{.thresholds = {0.25, 1.25}}, {.arity = 2}};
  const Cells cells = source.MakeCells(bins);
  EXPECT_EQ(cells.num_features, 2u);
  EXPECT_THAT(cells.bins, ElementsAre(0, 0, 1, 1, 2, 1));
  EXPECT_THAT(cells.labels, ElementsAre(3, 7, 5));
  EXPECT_THAT(cells.weights, ElementsAre(2, 1, 1));
  EXPECT_THAT(cells.counts, ElementsAre(2, 2, 1));
}

TEST(MemorySource, ScansRowsInTheirOrderWithLabelAndWeight) {
  MemorySource source(TwoFeatures());
  std::vector<double> seen;
  source.Scan([&](MatrixView<const double> rows) {
    for (std::size_t row = 0; row < rows.num_rows(); ++row) {
      seen.insert(seen.end(), rows.row(row).begin(), rows.row(row).end());
    }
  });
  EXPECT_THAT(seen, ElementsAre(0.5, 1, 7, 1, 0, 0, 3, 2, 2, 1, 5, 1, 0, 0, 3, 2, 0.5, 1, 7, 1));
}

TEST(MemorySource, SetsHeldOutRowsAside) {
  MemoryRows rows = TwoFeatures();
  rows.held_out = {false, true, false, true, false};
  MemorySource source(rows);
  EXPECT_EQ(source.num_rows(), 3);
  ASSERT_NE(source.held_out(), nullptr);
  EXPECT_EQ(source.held_out()->num_rows(), 2);
  EXPECT_EQ(source.held_out()->held_out(), nullptr);
  rows.held_out = {false, false, false, false, false};
  EXPECT_EQ(MessageOf(rows), "training rows: no row is held out");
  rows.held_out = {true, true, true, true, true};
  EXPECT_EQ(MessageOf(rows), "training rows: there is no row to learn from");
}

TEST(MemorySource, RefusesUnusableValuesByName) {
  MemoryRows rows = TwoFeatures();
  rows.features[0] = kNan;
  rows.features[4] = INFINITY;
  EXPECT_EQ(MessageOf(rows),
            "training rows: feature 0 ('distance') is NaN or infinite in 2 rows; fill in or drop "
            "them");
  rows = TwoFeatures();
  rows.labels[1] = kNan;
  EXPECT_EQ(MessageOf(rows),
            "training rows: the label is NaN or infinite in 1 row; fill in or drop them");
  rows = TwoFeatures();
  rows.weights[1] = -1.0;
  EXPECT_EQ(
      MessageOf(rows),
      "training rows: the weight is NaN, infinite or negative in 1 row; fill in or drop them");
}

TEST(MemorySource, RefusesCategoriesOutOfRangeAndTooManyBins) {
  MemoryRows rows = TwoFeatures();
  rows.features[1] = -0.5;
  MemorySource source(rows);
  try {
    source.MakeCells(std::vector<FeatureBins>{{}, {.arity = 2}});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    EXPECT_STREQ(error.what(),
                 "training rows: feature 1 has 2 categories, 0 to 1, but a row holds -0.5");
  }
  try {
    source.MakeCells(std::vector<FeatureBins>{{}, {.arity = 65537}});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_STREQ(error.what(),
                 "training rows: feature 1 has 65537 bins, and cells have 65536 at most");
  }
}

TEST(MemorySource, RefusesShapesThatDisagree) {
  MemoryRows rows = TwoFeatures();
  rows.labels.pop_back();
  EXPECT_EQ(MessageOf(rows), "training rows: there are 10 values for 4 labels of 2 features each");
}

}  // namespace
}  // namespace firesteel
