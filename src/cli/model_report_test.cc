#include "cli/model_report.h"

#include <gmock/gmock.h>

#include <cmath>

#include "model/factorization_machine.h"
#include "model/tree_ensemble.h"

namespace firesteel {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

SavedModel Sample() {
  TreeNode root;
  root.feature = 1;
  root.threshold = 2.5;
  root.gain = 4.0;
  root.stats = {10, 50, 300};
  root.num_rows = 10;
  root.prediction = 5.0;
  root.left = 1;
  root.right = 2;
  TreeNode low;
  low.prediction = 3.0;
  low.num_rows = 1;
  TreeNode high;
  high.prediction = 6.0;
  high.num_rows = 9;
  SavedModel model;
  model.kind = "gbt";
  model.uid = "GBTRegressor_1";
  model.label_column = "price";
  model.model = std::make_shared<TreeEnsemble>(std::vector<Tree>{{{root, low, high}}},
                                               std::vector<double>{1.0}, 2);
  model.params = {{"maxIter", 1}};
  model.resolved = {{"maxIter", 1}, {"stepSize", 0.1}};
  Attribute colour;
  colour.kind = Attribute::Kind::kNominal;
  colour.name = "colour";
  colour.values = {"red", "blue"};
  Attribute size;
  size.name = "size";
  model.attributes = {colour, size};
  model.facts = {{"trained_on", "cells"}, {"num_cells", 7}};
  return model;
}

TEST(ModelReport, TextSaysAllButTrees) {
  EXPECT_EQ(ModelReportToText(Sample(), false),
            "gbt predicting price from 2 features\n"
            "1 tree with 3 nodes, of which 2 leaves; depth 1 at most\n"
            "\n"
            "Parameters (* as given)\n"
            "  maxIter   1 *\n"
            "  stepSize  0.1\n"
            "\n"
            "Importances\n"
            "  size  1.000000\n"
            "\n"
            "Features\n"
            "  colour  nominal, 2 categories: red, blue\n"
            "  size    numeric\n"
            "\n"
            "Training\n"
            "  trained_on: cells\n"
            "  num_cells: 7\n");
}

TEST(ModelReport, TreesFollowInWords) {
  EXPECT_THAT(ModelReportToText(Sample(), true),
              EndsWith("\nTree 1 of 1, weight 1\n"
                       "if size <= 2.5: (10 rows, mean 5, gain 4)\n"
                       "  predict 3 (1 row)\n"
                       "else:\n"
                       "  predict 6 (9 rows)\n"));
}

TEST(ModelReport, JsonHasEverything) {
  const nlohmann::ordered_json json = ModelReportToJson(Sample(), true);
  EXPECT_EQ(json["parameters"].dump(), R"({"maxIter":1})");
  EXPECT_EQ(json["resolved_parameters"]["stepSize"], 0.1);
  EXPECT_EQ(json["features"][0].dump(),
            R"({"name":"colour","type":"nominal","values":["red","blue"],"importance":0.0})");
  EXPECT_EQ(json["features"][1]["importance"], 1.0);
  EXPECT_EQ(json["forest"].dump(), R"({"num_trees":1,"num_nodes":3,"num_leaves":2,"max_depth":1})");
  EXPECT_EQ(json["facts"]["trained_on"], "cells");
  EXPECT_EQ(json["trees"][0]["nodes"][0]["split"], "size <= 2.5");
  EXPECT_EQ(json["trees"][0]["nodes"][2]["prediction"], 6.0);
  EXPECT_FALSE(ModelReportToJson(Sample(), false).contains("trees"));
}

TEST(ModelReport, AModelOfLeavesHasNoImportances) {
  SavedModel model = Sample();
  model.model = std::make_shared<TreeEnsemble>(std::vector<Tree>{{{TreeNode()}}},
                                               std::vector<double>{1.0}, 2);
  EXPECT_THAT(ModelReportToText(model, false), ::testing::HasSubstr("none: no tree has a split"));
  EXPECT_THAT(
      ModelReportToText(model, false),
      StartsWith("gbt predicting price from 2 features\n1 tree with 1 node, of which 1 leaf;"
                 " depth 0 at most\n"));
}

SavedModel Machine(double bias) {
  SavedModel model = Sample();
  model.kind = "factorization_machine";
  model.model = std::make_shared<FactorizationMachine>(FactorizationMachine::Parameters{
      .bias = bias, .linear = {0.25, -1e7}, .factors = {1, 2, 3, 4}, .factor_size = 2});
  return model;
}

TEST(ModelReport, TextOfAFactorizationMachine) {
  const std::string text = ModelReportToText(Machine(1.5), true);
  EXPECT_THAT(text, StartsWith("factorization_machine predicting price from 2 features\n"
                               "2 factors for each feature; intercept 1.5\n"
                               "\n"
                               "Parameters (* as given)\n"));
  EXPECT_THAT(text, HasSubstr("\nLinear terms\n"
                              "  colour  0.25\n"
                              "  size    -1e+07\n"
                              "\n"
                              "Features\n"));
  EXPECT_THAT(ModelReportToText(Machine(std::nan("")), false),
              HasSubstr("intercept nan; not all coefficients are finite\n"));
}

TEST(ModelReport, JsonOfAFactorizationMachine) {
  const auto json = ModelReportToJson(Machine(std::nan("")), false);
  EXPECT_EQ(
      json["factorization_machine"],
      (nlohmann::ordered_json{{"factor_size", 2}, {"intercept", "NaN"}, {"linear", {0.25, -1e7}}}));
  EXPECT_FALSE(json.contains("forest"));
}

}  // namespace
}  // namespace firesteel
