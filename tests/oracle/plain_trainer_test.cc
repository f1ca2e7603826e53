#include "oracle/plain_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "learn/gbt/tree_fixture.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;

TreeEnsemble Train(const std::vector<Row>& rows, std::vector<Attribute> attributes,
                   const GbtParameters& parameters) {
  return TrainGbtPlain(ToMemory(rows, std::move(attributes)), parameters);
}

std::vector<TreeNode> TrainTree(const std::vector<Row>& rows, std::vector<Attribute> attributes,
                                int max_depth) {
  return Train(rows, std::move(attributes), {.max_iter = 1, .max_depth = max_depth})
      .trees()[0]
      .nodes;
}

std::string MessageOf(const std::vector<Row>& rows, std::vector<Attribute> attributes) {
  try {
    TrainTree(rows, std::move(attributes), 1);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    return error.what();
  }
  return "no error";
}

// The thresholds of spec I.1, outputs of Spark 4.3.0.

TEST(FindThresholdsPlainly, StrideMayGiveFewerThanAllowed) {
  // S2: 20 rows, 4 bins, stride 5. The rows below each gap are 1, 10, 12, 14, 15, 16, 17: 1 is
  // nearer to the first target 5 than 10 is, 10 hits the second, 15 the third; none is left for 20.
  const std::vector<double> values = {1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 8, 8};
  EXPECT_THAT(FindThresholdsPlainly(values, std::vector<double>(values.size(), 1.0), 4),
              ElementsAre(1.5, 2.5, 5.5));
}

TEST(FindThresholdsPlainly, ZerosCountLikeOtherValues) {
  // S3.
  const std::vector<double> values = {0, 0, 0, 0, 0, 0, -1, -1, -3, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_THAT(FindThresholdsPlainly(values, std::vector<double>(values.size(), 1.0), 5),
              ElementsAre(-0.5, 0.5, 1.5, 4.5));
}

TEST(TrainGbtPlain, CategoriesAreSplitByTheirMeans) {
  const auto nodes = TrainTree({{2, {0}}, {2, {2}}, {5, {1}}, {2, {3}}}, {Nominal(4)}, 1);
  EXPECT_THAT(nodes[0].left_categories, ElementsAre(0, 2, 3));
  EXPECT_EQ(nodes[0].arity, 4);
  EXPECT_EQ(nodes[0].gain, 1.6875);
  EXPECT_EQ(nodes[1].prediction, 2.0);
  EXPECT_EQ(nodes[2].prediction, 5.0);
}

TEST(TrainGbtPlain, RoundingAloneMayMakeASplit) {
  ExpectASplitByRounding(TrainTree(EqualRows(), {Continuous()}, 1));
}

TEST(TrainGbtPlain, PrunesLeavesThatPredictTheSame) {
  ExpectThePrunedTree(TrainTree(PrunableRows(), {Continuous(), Continuous()}, 3));
}

TEST(TrainGbtPlain, GrowsTheTwoTreesOfTheSpec) {
  ExpectTheTwoTrees(Train(EightRows(), {Nominal(3), Continuous()},
                          {.max_iter = 2, .max_depth = 2, .step_size = 0.1}));
}

TEST(TrainGbtPlain, RefusesValuesThatAreNoCategory) {
  Attribute carrier = Nominal(3);
  carrier.name = "carrier";
  const std::vector<Row> rows = {{1, {0}}, {2, {1}}, {3, {5}}};
  EXPECT_EQ(
      MessageOf(rows, {carrier}),
      "gbt: feature 0 ('carrier') has 3 categories, but row 2 (counted from 0) holds 5, which "
      "is none of them");
  EXPECT_EQ(MessageOf({{1, {0}}, {2, {-0.5}}, {3, {2}}}, {Nominal(3)}),
            "gbt: feature 0 has 3 categories, but row 1 (counted from 0) holds -0.5, which is none "
            "of them");
}

TEST(TrainGbtPlain, AbsoluteLossLearnsTheSideOfEachRow) {
  // Source: spec I.3, G2.
  const TreeEnsemble model =
      Train(EightRows(), {Nominal(3), Continuous()},
            {.max_iter = 2, .max_depth = 2, .loss = Loss::kAbsolute, .step_size = 0.5});
  const auto& nodes = model.trees()[1].nodes;
  ASSERT_EQ(nodes.size(), 5u);
  ExpectNode(nodes[0], 0.25, 0.9375, {8, 2, 8}, 0.5625);
  ExpectNode(nodes[1], -0.5, 0.75, {4, -2, 4}, 0.75);
}

}  // namespace
}  // namespace firesteel
