#include "export/exported_forest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "export/export_fixture.h"

namespace firesteel {
namespace {

using testing::ElementsAre;

TEST(ExportedForest, LeavesAreWeighted) {
  const ExportedForest forest = MakeExportedForest(SmallModel());
  ASSERT_EQ(forest.trees.size(), 2U);
  // Leaves 1, 2 and 4 of weight 1; 8 and 16 of weight 0.25.
  EXPECT_EQ(forest.trees[0].nodes[1].leaf, 1.0);
  EXPECT_EQ(forest.trees[1].nodes[1].leaf, 2.0);
  EXPECT_EQ(forest.trees[1].nodes[2].leaf, 4.0);
}

TEST(ExportedForest, UnknownCategoriesFailTheTest) {
  // Of five categories, 0, 2, 3 go left, more than half: unknown ones do too. So the test is for
  // the two others.
  const ExportedForest forest = MakeExportedForest(CategoricalModel({0, 2, 3}));
  const ExportedNode& root = forest.trees[0].nodes[0];
  EXPECT_EQ(root.test, ExportedNode::Test::kMember);
  EXPECT_THAT(root.categories, ElementsAre(1, 4));
  EXPECT_EQ(forest.trees[0].nodes[static_cast<std::size_t>(root.no)].leaf, 1.0);
  const ExportedForest other = MakeExportedForest(CategoricalModel({0, 2}));
  EXPECT_THAT(other.trees[0].nodes[0].categories, ElementsAre(0, 2));
  EXPECT_EQ(other.trees[0].nodes[static_cast<std::size_t>(other.trees[0].nodes[0].yes)].leaf, 1.0);
}

TEST(ExportedForest, PredictsWhatTheModelDoes) {
  for (const SavedModel& saved :
       {SmallModel(), CategoricalModel({0, 2, 3}), CategoricalModel({}), DrawnModel(40, 6)}) {
    const ExportedForest forest = MakeExportedForest(saved);
    const VerificationRows rows = MakeReplayRows(saved, forest);
    EXPECT_GE(rows.predictions.size(), 90U);
    EXPECT_EQ(PredictForest(forest, rows), rows.predictions);
  }
}

TEST(ExportedForest, AWrongPredictionIsFound) {
  const SavedModel saved = SmallModel();
  const ExportedForest forest = MakeExportedForest(saved);
  const VerificationRows rows = MakeReplayRows(saved, forest);
  std::vector<double> predictions = rows.predictions;
  CheckReplay(forest, rows, predictions, 1e-6);
  predictions[1] = std::nextafter(predictions[1], 100.0);
  try {
    CheckReplay(forest, rows, predictions, 1e-6);
    FAIL() << "a bit more was not seen";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInternal);
    EXPECT_THAT(error.what(), testing::HasSubstr("for row 2 of those it is tried with"));
  }
  predictions.pop_back();
  EXPECT_THROW(CheckReplay(forest, rows, predictions, 1e-6), Error);
}

TEST(ExportedForest, AForestThatCouldNotBeWalkedIsRefused) {
  ExportedForest forest = MakeExportedForest(SmallModel());
  CheckForest(forest);
  forest.trees[1].nodes[0].yes = 0;
  EXPECT_THROW(CheckForest(forest), Error);
  forest.trees[1].nodes.clear();
  EXPECT_THROW(CheckForest(forest), Error);
}

TEST(LeastDoubleAtCut, SplitsDoublesAsRoundingToFloatsDoes) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float cut :
       {0.0F, 1.0F, -1.0F, 0.1F, -0.1F, 16777216.0F, std::nextafterf(1.0F, 2.0F), 1e-45F, -1e-45F,
        std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest(), kInfinity}) {
    const double least = LeastDoubleAtCut(cut);
    EXPECT_GE(static_cast<float>(least), cut) << cut;
    EXPECT_LT(static_cast<float>(std::nextafter(least, -HUGE_VAL)), cut) << cut;
  }
  EXPECT_EQ(LeastDoubleAtCut(-kInfinity), -HUGE_VAL);
}

}  // namespace
}  // namespace firesteel
