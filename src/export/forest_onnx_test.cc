#include "export/forest_onnx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "export/export_fixture.h"

namespace firesteel {
namespace {

TEST(ForestOnnx, ReadsBackWhatItWrote) {
  for (const SavedModel& saved :
       {SmallModel(), CategoricalModel({0, 2, 3}), CategoricalModel({}), DrawnModel(5, 5)}) {
    const ExportedForest forest = MakeExportedForest(saved);
    const ExportedForest read = ForestFromOnnx(ForestToOnnx(forest));
    EXPECT_EQ(read.trees.size(), forest.trees.size());
    EXPECT_EQ(read.features.size(), forest.features.size());
    const VerificationRows rows = MakeReplayRows(saved, forest);
    EXPECT_EQ(PredictForest(read, rows), rows.predictions);
  }
}

TEST(ForestOnnx, FloatsLinkAndBaseAreKept) {
  ExportedForest forest = MakeExportedForest(SmallModel());
  forest.sums_floats = true;
  forest.link = ExportedForest::Link::kExp;
  forest.base = 0.5;
  for (ExportedTree& tree : forest.trees) {
    for (ExportedNode& node : tree.nodes) {
      if (node.test == ExportedNode::Test::kLeaf) continue;
      node.test = ExportedNode::Test::kBelow;
      node.missing_passes = true;
      node.cut = static_cast<float>(node.threshold);
      node.threshold = LeastDoubleAtCut(node.cut);
    }
  }
  const ExportedForest read = ForestFromOnnx(ForestToOnnx(forest));
  EXPECT_TRUE(read.sums_floats);
  EXPECT_EQ(read.link, forest.link);
  EXPECT_EQ(read.base, 0.5);
  const VerificationRows rows = MakeReplayRows(SmallModel(), forest);
  EXPECT_EQ(PredictForest(read, rows), PredictForest(forest, rows));
}

TEST(ForestOnnx, ATreeOfOneLeafIsATestThatDecidesNothing) {
  const SavedModel saved = TestModel({Tree{{TestLeaf(3.5)}}}, {2.0}, {TestFeature("x")});
  const ExportedForest read = ForestFromOnnx(ForestToOnnx(MakeExportedForest(saved)));
  ASSERT_EQ(read.trees[0].nodes.size(), 3U);
  EXPECT_EQ(read.trees[0].nodes[1].leaf, 7.0);
  EXPECT_EQ(read.trees[0].nodes[2].leaf, 7.0);
}

TEST(ForestOnnx, RefusesAFeatureTestedInBothWays) {
  const SavedModel saved =
      TestModel({Tree{{TestCategories(0, 3, {0}, 1, 2), TestLeaf(1.0), TestSplit(0, 1.5, 3, 4),
                       TestLeaf(2.0), TestLeaf(3.0)}}},
                {1.0}, {TestFeature("x", 3)});
  try {
    static_cast<void>(ForestToOnnx(MakeExportedForest(saved)));
    FAIL() << "it was written";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_THAT(error.what(), testing::HasSubstr("feature 0 'x' is tested both by threshold"));
  }
}

TEST(ForestOnnx, RefusesWhatIsNoSuchFile) {
  const std::string good = ForestToOnnx(MakeExportedForest(SmallModel()));
  for (const std::string& bytes : {std::string(), std::string("text"), good.substr(0, 200)}) {
    EXPECT_THROW(static_cast<void>(ForestFromOnnx(bytes)), Error);
  }
}

}  // namespace
}  // namespace firesteel
