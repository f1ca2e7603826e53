#include "learn/gbt/gbt_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "learn/gbt/tree_fixture.h"
#include "learn/memory_source.h"
#include "model/tree_ensemble.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;

TreeEnsemble TrainOn(MemoryRows rows, const GbtParameters& parameters) {
  MemorySource source(std::move(rows));
  const TrainedModel trained = TrainGbt(source, parameters, {});
  return dynamic_cast<const TreeEnsemble&>(*trained.model);
}

TreeEnsemble Train(const std::vector<Row>& rows, std::vector<Attribute> attributes,
                   const GbtParameters& parameters) {
  return TrainOn(ToMemory(rows, std::move(attributes)), parameters);
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

// The trees of spec I.2, outputs of Spark 4.3.0.

TEST(TrainGbt, TieInsideAFeatureGoesToTheLowerThreshold) {
  const auto nodes = TrainTree({{0, {1}}, {1, {2}}, {1, {3}}, {0, {4}}}, {Continuous()}, 1);
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_EQ(nodes[0].threshold, 1.5);
  EXPECT_EQ(nodes[0].gain, 0.08333333333333331);
  EXPECT_EQ(nodes[1].prediction, 0.0);
  EXPECT_EQ(nodes[2].prediction, 0.6666666666666666);
}

TEST(TrainGbt, TieAcrossFeaturesGoesToTheLowerIndex) {
  const auto nodes = TrainTree({{0, {1, 9}}, {0, {2, 8}}, {4, {3, 7}}, {4, {4, 6}}},
                               {Continuous(), Continuous()}, 1);
  EXPECT_EQ(nodes[0].feature, 0);
  EXPECT_EQ(nodes[0].threshold, 2.5);
  EXPECT_EQ(nodes[0].gain, 4.0);
}

TEST(TrainGbt, CategoriesAreSplitByTheirMeans) {
  const auto nodes = TrainTree({{2, {0}}, {2, {2}}, {5, {1}}, {2, {3}}}, {Nominal(4)}, 1);
  EXPECT_THAT(nodes[0].left_categories, ElementsAre(0, 2, 3));
  EXPECT_EQ(nodes[0].arity, 4);
  EXPECT_EQ(nodes[0].gain, 1.6875);
  EXPECT_EQ(nodes[1].prediction, 2.0);
  EXPECT_EQ(nodes[2].prediction, 5.0);
}

TEST(TrainGbt, AbsentCategoriesGoRight) {
  const auto nodes = TrainTree({{3, {0}}, {5, {2}}, {6, {3}}, {3, {0}}}, {Nominal(4)}, 2);
  ASSERT_EQ(nodes.size(), 5u);
  EXPECT_THAT(nodes[0].left_categories, ElementsAre(0));
  EXPECT_EQ(nodes[0].gain, 1.5625);
  EXPECT_EQ(nodes[0].right, 2);
  EXPECT_THAT(nodes[2].left_categories, ElementsAre(2));
  EXPECT_EQ(nodes[2].gain, 0.25);
}

TEST(TrainGbt, ConstantFeatureGivesALeafOfImpurityMinusOne) {
  const auto nodes = TrainTree({{3, {1}}, {4, {1}}, {3.5, {1}}}, {Continuous()}, 1);
  ASSERT_EQ(nodes.size(), 1u);
  ExpectLeaf(nodes[0], 3.5, -1.0, {3, 10.5, 37.25});
}

TEST(TrainGbt, RoundingAloneMayMakeASplit) {
  ExpectASplitByRounding(TrainTree(EqualRows(), {Continuous()}, 1));
}

TEST(TrainGbt, PrunesLeavesThatPredictTheSame) {
  ExpectThePrunedTree(TrainTree(PrunableRows(), {Continuous(), Continuous()}, 3));
}

TEST(TrainGbt, PrunedNodeKeepsItsOwnStatistics) {
  // Feature 0 gains nothing, so the whole tree is one leaf; its impurity is real, as a split was
  // possible: (1 + 9 + 1 + 9) / 4 - 2^2 = 1.
  const auto nodes = TrainTree({{1, {0}}, {3, {0}}, {1, {1}}, {3, {1}}}, {Continuous()}, 2);
  ASSERT_EQ(nodes.size(), 1u);
  ExpectLeaf(nodes[0], 2.0, 1.0, {4, 8, 20});
}

TEST(TrainGbt, DepthZeroIsALeafWithItsImpurity) {
  const auto nodes = TrainTree({{1, {0}}, {3, {1}}}, {Continuous()}, 0);
  ASSERT_EQ(nodes.size(), 1u);
  ExpectLeaf(nodes[0], 2.0, 1.0, {2, 4, 10});
}

TEST(TrainGbt, UnknownCategoriesFollowTheLargerSide) {
  const TreeEnsemble model = Train({{1, {0}}, {1, {0}}, {5, {1}}, {5, {1}}, {9, {2}}, {9.1, {2}}},
                                   {Nominal(3)}, {.max_iter = 1, .max_depth = 1});
  const std::vector<double> values = {2, 3, -1, 0.5};
  std::vector<double> out(values.size());
  model.Predict(MatrixView<const double>(values.data(), values.size(), 1), out);
  EXPECT_THAT(out, ElementsAre(9.05, 3.0, 3.0, 3.0));
}

TEST(TrainGbt, GrowsTheTwoTreesOfTheSpec) {
  // Source: spec I.3, G1.
  const TreeEnsemble model = Train(EightRows(), {Nominal(3), Continuous()},
                                   {.max_iter = 2, .max_depth = 2, .step_size = 0.1});
  ExpectTheTwoTrees(model);
}

TEST(TrainGbt, MinimumOfRowsHoldsOnBothSides) {
  // Splitting off the 9 alone would gain most; with 2 rows a side only the middle is left.
  const auto nodes = Train({{1, {1}}, {2, {2}}, {3, {3}}, {9, {4}}}, {Continuous()},
                           {.max_iter = 1, .max_depth = 1, .min_instances_per_node = 2})
                         .trees()[0]
                         .nodes;
  EXPECT_EQ(nodes[0].threshold, 2.5);
}

TEST(TrainGbt, MinimumGainThatNoSplitReachesGivesALeaf) {
  // The only split gains 1: variance 1 to 0.
  const GbtParameters parameters = {.max_iter = 1, .min_info_gain = 1.5};
  const TreeEnsemble model = Train({{1, {1}}, {3, {2}}}, {Continuous()}, parameters);
  ASSERT_EQ(model.trees()[0].nodes.size(), 1u);
  ExpectLeaf(model.trees()[0].nodes[0], 2.0, -1.0, {2, 4, 10});
}

TEST(TrainGbt, FewRowsMeanFewBins) {
  // Two rows allow two bins; a nominal feature of four categories does not fit.
  EXPECT_EQ(
      MessageOf({{1, {0}}, {2, {3}}}, {Nominal(4)}),
      "gbt: maxBins (= 2, as there are never more bins than rows) is less than the 4 categories "
      "of feature 0; raise maxBins, leave the feature out or add rows");
}

TEST(TrainGbt, CategoryValuesCountWhole) {
  // 1.5 is category 1 in training.
  const auto nodes = TrainTree({{1, {0}}, {3, {1.5}}}, {Binary()}, 1);
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_EQ(nodes[2].prediction, 3.0);
}

TEST(TrainGbt, RefusesANominalFeatureWithoutItsNumberOfCategories) {
  Attribute attribute;
  attribute.kind = Attribute::Kind::kNominal;
  EXPECT_EQ(MessageOf({{1, {0}}, {2, {1}}}, {attribute}),
            "gbt: feature 0 is nominal, but its attribute does not say how many categories it has");
}

TEST(TrainGbt, NamesTheFeatureOfMostCategories) {
  Attribute carrier = Nominal(3);
  Attribute city = Nominal(5);
  city.name = "city";
  EXPECT_EQ(
      MessageOf({{1, {0, 0}}, {2, {1, 4}}}, {carrier, city}),
      "gbt: maxBins (= 2, as there are never more bins than rows) is less than the 5 categories "
      "of feature 1 ('city'); raise maxBins, leave the feature out or add rows");
}

TEST(TrainGbt, RefusesMoreBinsThanCellsHave) {
  // 65537 values have as many bins, if maxBins allows them.
  std::vector<Row> rows;
  for (int i = 0; i < 65537; ++i) rows.push_back({0, {static_cast<double>(i)}});
  try {
    Train(rows, {Continuous()}, {.max_iter = 1, .max_bins = 70000});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_STREQ(error.what(),
                 "gbt: feature 0 would have 65537 bins, and 65536 is the most; lower maxBins");
  }
  EXPECT_EQ(Train(rows, {Continuous()}, {.max_iter = 1, .max_bins = 65536}).trees().size(), 1u);
}

TEST(TrainGbt, WhatProgressThrowsEndsTheTraining) {
  MemorySource source(ToMemory({{1, {1}}, {2, {2}}}, {Continuous()}));
  const auto stop = [](int done, int) {
    if (done == 2) throw Error(ErrorKind::kInterrupted, "stopped");
  };
  EXPECT_THROW(TrainGbt(source, {}, {.progress = stop}), Error);
}

TEST(TrainGbt, RefusesDataWithoutFeatures) {
  EXPECT_EQ(MessageOf({{1, {}}}, {}), "gbt: there is no feature to learn from");
}

TEST(TrainGbt, FeatureOfOneCategoryNeverSplits) {
  const auto nodes = TrainTree({{1, {0, 1}}, {3, {0, 2}}}, {Nominal(1), Continuous()}, 1);
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_EQ(nodes[0].feature, 1);
}

TEST(TrainGbt, AbsoluteLossLearnsTheSideOfEachRow) {
  // Source: spec I.3, G2.
  const TreeEnsemble model =
      Train(EightRows(), {Nominal(3), Continuous()},
            {.max_iter = 2, .max_depth = 2, .loss = Loss::kAbsolute, .step_size = 0.5});
  const auto& nodes = model.trees()[1].nodes;
  ASSERT_EQ(nodes.size(), 5u);
  ExpectNode(nodes[0], 0.25, 0.9375, {8, 2, 8}, 0.5625);
  EXPECT_EQ(nodes[0].threshold, 2.5);
  ExpectNode(nodes[1], -0.5, 0.75, {4, -2, 4}, 0.75);
  EXPECT_EQ(nodes[1].threshold, 0.5);
  EXPECT_EQ(nodes[2].prediction, 1.0);
  EXPECT_EQ(nodes[3].prediction, -1.0);
  EXPECT_EQ(nodes[4].prediction, 1.0);
  EXPECT_EQ(nodes[4].impurity, 0.0);
  EXPECT_THAT(PredictAll(model, EightRows()), ElementsAre(3.0, 5.5, 4.0, 9.0, 8.0, 6.5, 1.5, 6.5));
}

TEST(TrainGbt, SamplesRowsAsSparkDoes) {
  // Source: spec I.3, G3.
  const TreeEnsemble model =
      Train(EightRows(), {Nominal(3), Continuous()},
            {.max_iter = 2, .max_depth = 1, .step_size = 0.1, .subsampling_rate = 0.6, .seed = 5});
  const auto& first = model.trees()[0].nodes;
  ASSERT_EQ(first.size(), 3u);
  ExpectNode(first[0], 3.5, 3.25, {4, 14, 62}, 2.25);
  EXPECT_EQ(first[0].threshold, 1.5);
  EXPECT_EQ(first[1].prediction, 2.0);
  EXPECT_EQ(first[2].prediction, 5.0);
  const auto& second = model.trees()[1].nodes;
  ASSERT_EQ(second.size(), 3u);
  ExpectNode(second[0], 3.0, 29.0, {4, 12, 152}, 27.0);
  EXPECT_THAT(second[0].left_categories, ElementsAre(0, 1));
  EXPECT_THAT(PredictAll(model, EightRows()), ElementsAre(2.0, 5.0, 5.0, 6.2, 3.2, 5.0, 2.0, 5.0));
}

TEST(TrainGbt, PredictsTheSquaresOfTheSpec) {
  // Source: spec I.3, G4.
  std::vector<Row> rows;
  for (int i = 0; i < 8; ++i)
    rows.push_back({static_cast<double>(i * i), {static_cast<double>(i)}});
  const TreeEnsemble model =
      Train(rows, {Continuous()}, {.max_iter = 3, .max_depth = 2, .step_size = 0.1});
  EXPECT_THAT(PredictAll(model, rows),
              ElementsAre(1.6666666666666667, 1.6666666666666667, 1.6666666666666667, 12.5, 12.5,
                          28.52, 32.480000000000004, 49.0));
}

TEST(TrainGbt, WeightsCountLikeRows) {
  // A row of weight 3 against three rows: the same sums, and as minInstancesPerNode counts rows,
  // 2 of them forbid the split that three rows allow.
  MemoryRows weighted = ToMemory({{2, {1}}, {6, {2}}}, {Continuous()});
  weighted.weights = {3, 1};
  const std::vector<Row> repeated = {{2, {1}}, {2, {1}}, {2, {1}}, {6, {2}}};
  const GbtParameters parameters = {.max_iter = 1, .max_depth = 1};
  const TreeEnsemble model = TrainOn(weighted, parameters);
  const auto& nodes = model.trees()[0].nodes;
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_EQ(nodes[0].stats, (std::array<double, 3>{4, 12, 48}));
  EXPECT_EQ(nodes[0].num_rows, 2);
  EXPECT_EQ(nodes[0].gain, Train(repeated, {Continuous()}, parameters).trees()[0].nodes[0].gain);
  EXPECT_EQ(TrainOn(weighted, {.max_iter = 1, .min_instances_per_node = 2}).trees()[0].nodes.size(),
            1u);
}

TEST(TrainGbt, EachSideNeedsItsShareOfTheWeight) {
  // Splitting off the 9 alone would gain most; a quarter of 4 rows is 1 and allows it, 0.3 does
  // not.
  const std::vector<Row> rows = {{1, {1}}, {2, {2}}, {3, {3}}, {9, {4}}};
  const auto threshold = [&](double fraction) {
    return Train(rows, {Continuous()},
                 {.max_iter = 1, .max_depth = 1, .min_weight_fraction_per_node = fraction})
        .trees()[0]
        .nodes[0]
        .threshold;
  };
  EXPECT_EQ(threshold(0.25), 3.5);
  EXPECT_EQ(threshold(0.3), 2.5);
}

TEST(TrainGbt, StopsWhenHeldOutRowsGainNoMore) {
  // Labels 0 and 8; tree 0 predicts them exactly, and the held-out rows (1 and 7) are off by 1. All
  // further trees are 0: the error stays 1, which is an improvement of 0 < 0.01, so tree 1 ends it.
  MemoryRows rows = ToMemory({{0, {1}}, {1, {1}}, {8, {2}}, {7, {2}}}, {Continuous()});
  rows.held_out = {false, true, false, true};
  MemorySource source(rows);
  int calls = 0;
  const TrainedModel trained =
      TrainGbt(source, {}, {.progress = [&](int, int total) { calls += total == 20 ? 1 : 100; }});
  EXPECT_EQ(dynamic_cast<const TreeEnsemble&>(*trained.model).trees().size(), 1u);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(trained.facts["stopped_early"], true);
  EXPECT_EQ(trained.facts["num_held_out_rows"], 2);
  // Without tolerance an improvement of 0 is no reason to stop, and none to keep the tree either.
  const TrainedModel patient = TrainGbt(source, {.max_iter = 5, .validation_tol = 0.0}, {});
  EXPECT_EQ(dynamic_cast<const TreeEnsemble&>(*patient.model).trees().size(), 1u);
  EXPECT_EQ(patient.facts["stopped_early"], false);
}

TEST(TrainGbt, SaysWhatItTrainedOn) {
  MemorySource collapsing(ToMemory({{1, {1}}, {1, {1}}, {2, {1}}, {3, {2}}}, {Continuous()}));
  EXPECT_EQ(TrainGbt(collapsing, {.max_iter = 2}, {}).facts,
            (nlohmann::ordered_json{{"trained_on", "cells"},
                                    {"num_rows", 4},
                                    {"num_cells", 3},
                                    {"num_bin_combinations", 2},
                                    {"num_trees", 2},
                                    {"loss", "squared"}}));
  MemorySource distinct(ToMemory({{1, {1}}, {2, {2}}}, {Continuous()}));
  EXPECT_EQ(TrainGbt(distinct, {.max_iter = 1}, {}).facts["trained_on"], "rows");
}

}  // namespace
}  // namespace firesteel
