#include "model/xgboost_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"

namespace firesteel {
namespace {

using nlohmann::json;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// x0 < 1.5 ? (x1 < 0 ? 1 : 2) : 4, where a missing x0 goes left and a missing x1 right.
json SmallTree() {
  return {{"tree_param", {{"num_nodes", "5"}, {"num_deleted", "0"}, {"size_leaf_vector", "1"}}},
          {"left_children", {1, 3, -1, -1, -1}},
          {"right_children", {2, 4, -1, -1, -1}},
          {"split_indices", {0, 1, 0, 0, 0}},
          {"split_conditions", {1.5, 0.0, 4.0, 1.0, 2.0}},
          {"default_left", {1, 0, 0, 0, 0}},
          {"split_type", {0, 0, 0, 0, 0}},
          {"sum_hessian", {6.0, 4.0, 2.0, 1.0, 3.0}},
          {"loss_changes", {3.0, 1.0, 0.0, 0.0, 0.0}}};
}

json SmallModel() {
  return {
      {"version", {3, 2, 0}},
      {"learner",
       {{"attributes", json::object()},
        {"feature_names", {"a", "b"}},
        {"objective", {{"name", "reg:squarederror"}}},
        {"learner_model_param",
         {{"base_score", "[5E-1]"}, {"num_class", "0"}, {"num_feature", "2"}, {"num_target", "1"}}},
        {"gradient_booster",
         {{"name", "gbtree"},
          {"model",
           {{"gbtree_model_param", {{"num_trees", "2"}, {"num_parallel_tree", "1"}}},
            {"trees", {SmallTree(), SmallTree()}}}}}}}}};
}

json& Learner(json& model) { return model["learner"]; }
json& FirstTree(json& model) { return model["learner"]["gradient_booster"]["model"]["trees"][0]; }

std::string Bytes(const json& model) {
  const std::vector<std::uint8_t> bytes = json::to_ubjson(model, true, true);
  return std::string(bytes.begin(), bytes.end());
}

std::vector<double> Predict(const XgboostModel& model, const std::vector<double>& rows) {
  std::vector<double> out(rows.size() / model.num_features());
  model.Predict(MatrixView<const double>(rows.data(), out.size(), model.num_features()), out);
  return out;
}

void ExpectRefused(const json& model, ErrorKind kind, const std::string& words) {
  try {
    ParseXgboostFile(Bytes(model));
    FAIL() << "no error: " << words;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_THAT(error.what(), testing::HasSubstr(words));
  }
}

TEST(XgboostModel, AddsTheLeavesOfAllTreesToTheBaseScore) {
  const XgboostModel model(Bytes(SmallModel()));
  EXPECT_EQ(model.num_features(), 2U);
  EXPECT_EQ(model.feature_names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(model.base_margin(), 0.5F);
  // Twice 1, 2 and 4, and 0.5.
  EXPECT_EQ(Predict(model, {1, -1, 1, 0, 1.5, -1}), (std::vector<double>{2.5, 4.5, 8.5}));
}

TEST(XgboostModel, MissingValuesGoToTheDefaultSide) {
  const XgboostModel model(Bytes(SmallModel()));
  EXPECT_EQ(Predict(model, {kNan, -1, kNan, kNan, 1, kNan, 2, kNan}),
            (std::vector<double>{2.5, 4.5, 4.5, 8.5}));
}

TEST(XgboostModel, ComparesIn32Bits) {
  const XgboostModel model(Bytes(SmallModel()));
  // The nearest 32-bit number to the first is 1.5 itself, which is not below 1.5; the largest below
  // is 1.5 - 2^-23.
  EXPECT_EQ(Predict(model, {1.5 - 1e-9, 0, 1.5 - 0x1.0p-23, 0}), (std::vector<double>{8.5, 4.5}));
}

TEST(XgboostModel, LogarithmicObjectivesPredictTheExponential) {
  json file = SmallModel();
  Learner(file)["objective"]["name"] = "reg:gamma";
  const XgboostModel model(Bytes(file));
  EXPECT_EQ(model.base_margin(), std::log(0.5F));
  EXPECT_EQ(Predict(model, {1, -1})[0], std::exp(std::log(0.5F) + 1.0F + 1.0F));
}

TEST(XgboostModel, NodesAreInPreorderWithTheirCoverAndGain) {
  const XgboostForest forest = ParseXgboostFile(Bytes(SmallModel()));
  ASSERT_EQ(forest.trees.size(), 2U);
  const std::vector<XgboostNode>& nodes = forest.trees[0].nodes;
  ASSERT_EQ(nodes.size(), 5U);
  EXPECT_EQ(nodes[0].left, 1);
  EXPECT_EQ(nodes[0].right, 4);
  EXPECT_EQ(nodes[1].feature, 1);
  EXPECT_EQ(nodes[1].gain, 1.0F);
  EXPECT_EQ(nodes[4].leaf, 4.0F);
  EXPECT_EQ(nodes[4].cover, 2.0F);
  EXPECT_TRUE(nodes[4].is_leaf());
}

TEST(XgboostModel, ImportancesAreSharesOfTheGain) {
  // 3 of 4 in each tree.
  EXPECT_EQ(XgboostImportances(XgboostModel(Bytes(SmallModel()))),
            (std::vector<double>{0.75, 0.25}));
}

TEST(XgboostModel, RefusesWrongShapesBeforeWriting) {
  const XgboostModel model(Bytes(SmallModel()));
  const std::vector<double> rows(6);
  std::vector<double> out = {7, 7};
  EXPECT_THROW(model.Predict(MatrixView<const double>(rows.data(), 2, 3), out), Error);
  EXPECT_THROW(model.Predict(MatrixView<const double>(rows.data(), 3, 2), out), Error);
  EXPECT_EQ(out, (std::vector<double>{7, 7}));
}

TEST(LargestBelow, SaysWhatRoundingAndComparingSay) {
  std::mt19937_64 random(1);
  std::vector<float> cuts = {0.0F,
                             1.0F,
                             -1.0F,
                             1.5F,
                             std::numeric_limits<float>::denorm_min(),
                             -std::numeric_limits<float>::denorm_min(),
                             std::numeric_limits<float>::min(),
                             std::numeric_limits<float>::max(),
                             std::numeric_limits<float>::lowest(),
                             std::numeric_limits<float>::infinity()};
  for (int i = 0; i < 1000; ++i) {
    cuts.push_back(static_cast<float>(std::ldexp(static_cast<double>(random()) / 1e19 - 0.5,
                                                 static_cast<int>(random() % 80) - 40)));
  }
  for (const float cut : cuts) {
    const double largest = LargestBelow(cut);
    EXPECT_LT(static_cast<float>(largest), cut);
    const double next = std::nextafter(largest, std::numeric_limits<double>::infinity());
    EXPECT_GE(static_cast<float>(next), cut) << cut;
  }
  EXPECT_TRUE(std::isnan(LargestBelow(-std::numeric_limits<float>::infinity())));
}

// A forest of drawn trees, some cuts of which are neighbours.
json DrawModel(std::mt19937* random, std::size_t num_trees, std::size_t num_leaves) {
  json model = SmallModel();
  json trees = json::array();
  for (std::size_t t = 0; t < num_trees; ++t) {
    std::vector<int> left = {-1};
    std::vector<int> right = {-1};
    while (left.size() < 2 * num_leaves - 1) {
      const std::size_t leaf = (*random)() % left.size();
      if (left[leaf] >= 0) continue;
      left[leaf] = static_cast<int>(left.size());
      right[leaf] = static_cast<int>(left.size()) + 1;
      left.resize(left.size() + 2, -1);
      right.resize(left.size(), -1);
    }
    json tree = SmallTree();
    tree["tree_param"]["num_nodes"] = std::to_string(left.size());
    tree["left_children"] = left;
    tree["right_children"] = right;
    for (const char* name : {"split_indices", "split_conditions", "default_left", "split_type",
                             "sum_hessian", "loss_changes"}) {
      tree[name] = json::array();
    }
    for (std::size_t i = 0; i < left.size(); ++i) {
      auto number = static_cast<float>((*random)() % 20) / 3.0F;
      if ((*random)() % 4 == 0) number = std::nextafter(number, 100.0F);
      tree["split_indices"].push_back((*random)() % 2);
      tree["split_conditions"].push_back(number);
      tree["default_left"].push_back((*random)() % 2);
      tree["split_type"].push_back(0);
      tree["sum_hessian"].push_back(1.0);
      tree["loss_changes"].push_back(1.0);
    }
    trees.push_back(tree);
  }
  json& inner = Learner(model)["gradient_booster"]["model"];
  inner["gbtree_model_param"]["num_trees"] = std::to_string(num_trees);
  inner["trees"] = trees;
  return model;
}

TEST(XgboostModel, PredictsTheBitsOfAPlainWalk) {
  std::mt19937 random(1);
  // Up to 32 leaves, up to 64, and more than have a fast way.
  for (const std::size_t num_leaves : {1, 2, 20, 32, 33, 64, 65, 90}) {
    const XgboostModel model(Bytes(DrawModel(&random, 1 + random() % 40, num_leaves)));
    std::vector<double> rows;
    for (int i = 0; i < 400; ++i) {
      double value = static_cast<double>(random() % 22) / 3.0;
      if (random() % 3 == 0) value = static_cast<float>(value);
      if (random() % 5 == 0) value = std::nextafter(value, 100.0);
      rows.push_back(random() % 6 == 0 ? kNan : value);
    }
    const std::vector<double> predictions = Predict(model, rows);
    for (std::size_t row = 0; row < predictions.size(); ++row) {
      float margin = model.base_margin();
      for (const XgboostTree& tree : model.trees()) {
        const XgboostNode* node = &tree.nodes[0];
        while (!node->is_leaf()) {
          const auto value =
              static_cast<float>(rows[2 * row + static_cast<std::size_t>(node->feature)]);
          const bool left = std::isnan(value) ? node->default_left : value < node->cut;
          node = &tree.nodes[static_cast<std::size_t>(left ? node->left : node->right)];
        }
        margin += node->leaf;
      }
      ASSERT_EQ(predictions[row], margin) << num_leaves << " leaves, row " << row;
    }
  }
}

TEST(XgboostFile, RefusesWhatItCannotPredict) {
  json model = SmallModel();
  Learner(model)["gradient_booster"]["name"] = "dart";
  ExpectRefused(model, ErrorKind::kUnsupported, "'dart' is not supported, only gbtree is");
  model = SmallModel();
  Learner(model)["objective"]["name"] = "multi:softprob";
  ExpectRefused(model, ErrorKind::kUnsupported,
                "'multi:softprob' is not supported; these are: reg");
  model = SmallModel();
  Learner(model)["learner_model_param"]["num_target"] = "2";
  ExpectRefused(model, ErrorKind::kUnsupported, "num_target is 2; only models of one output");
  model = SmallModel();
  Learner(model)["learner_model_param"]["base_score"] = "[1E0,2E0]";
  ExpectRefused(model, ErrorKind::kUnsupported, "base_score: there are several");
  model = SmallModel();
  FirstTree(model)["split_type"][0] = 1;
  ExpectRefused(model, ErrorKind::kUnsupported, "trees[0].split_type[0]: splits by category");
}

TEST(XgboostFile, RefusesBrokenFieldsByName) {
  json model = SmallModel();
  Learner(model).erase("objective");
  ExpectRefused(model, ErrorKind::kInvalidArgument, "learner.objective: it is missing");
  model = SmallModel();
  FirstTree(model)["left_children"][1] = 0;
  ExpectRefused(model, ErrorKind::kInvalidArgument, "trees[0]: its nodes are no tree");
  model = SmallModel();
  FirstTree(model)["right_children"][0] = 9;
  ExpectRefused(model, ErrorKind::kInvalidArgument, "right_children[0]: there is no node 9");
  model = SmallModel();
  FirstTree(model)["split_indices"][1] = 2;
  ExpectRefused(model, ErrorKind::kInvalidArgument, "split_indices[1]: there is no feature 2");
  model = SmallModel();
  FirstTree(model)["split_conditions"] = {1.0, 2.0};
  ExpectRefused(model, ErrorKind::kInvalidArgument, "split_conditions: it has 2 values for 5");
  model = SmallModel();
  FirstTree(model)["tree_param"]["num_nodes"] = "five";
  ExpectRefused(model, ErrorKind::kInvalidArgument, "num_nodes: 'five' is no number");
  model = SmallModel();
  Learner(model)["objective"]["name"] = "reg:gamma";
  Learner(model)["learner_model_param"]["base_score"] = "0";
  ExpectRefused(model, ErrorKind::kInvalidArgument, "base_score: 0 is out of range for reg:gamma");
}

TEST(XgboostFile, RefusesHostileBytes) {
  for (const std::string& bytes :
       {std::string(), std::string("{"), std::string("not a model"), std::string(100000, '['),
        // A list that announces 2^62 nulls.
        std::string("[$Z#L\x40\0\0\0\0\0\0\0", 13)}) {
    try {
      ParseXgboostFile(bytes);
      FAIL() << "no error for " << bytes.size() << " bytes";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    }
  }
}

TEST(XgboostFile, EveryCutFileIsRefused) {
  const std::string bytes = Bytes(SmallModel());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(ParseXgboostFile(bytes.substr(0, size)), Error) << size;
  }
}

TEST(XgboostFile, ChangedBytesAreRefusedOrStillATree) {
  const std::string bytes = Bytes(SmallModel());
  std::mt19937 random(1);
  int num_read = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string changed = bytes;
    changed[random() % changed.size()] = static_cast<char>(random());
    try {
      const XgboostModel model(changed);
      ++num_read;
      if (model.num_features() != 2) continue;
      EXPECT_EQ(Predict(model, {1, kNan}).size(), 1U);
    } catch (const Error&) {
      continue;
    }
  }
  EXPECT_GT(num_read, 0);
}

}  // namespace
}  // namespace firesteel
