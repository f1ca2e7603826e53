#include "export/exported_forest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "model/categories.h"
#include "model/tree_ensemble.h"
#include "model/xgboost_model.h"
#include "sparkml/feature_names.h"
#include "sql/spark_text.h"
#include "table/matrix_view.h"

namespace firesteel {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Categories that stand in neither set go where those of the larger one go, so the test is for the
// smaller one: who fails it goes the unknown way.
ExportedNode CategoricalTest(const TreeNode& node) {
  ExportedNode test{.test = ExportedNode::Test::kMember,
                    .yes = node.left,
                    .no = node.right,
                    .feature = node.feature,
                    .categories = node.left_categories};
  if (!UnknownGoesLeft(node)) return test;
  std::swap(test.yes, test.no);
  test.categories.clear();
  for (std::int32_t category = 0; category < node.arity; ++category) {
    if (!std::binary_search(node.left_categories.begin(), node.left_categories.end(), category)) {
      test.categories.push_back(category);
    }
  }
  return test;
}

ExportedTree ToExportedTree(const Tree& tree, double weight) {
  ExportedTree exported;
  for (const TreeNode& node : tree.nodes) {
    if (node.is_leaf()) {
      exported.nodes.push_back({.leaf = node.prediction * weight});
    } else if (node.arity >= 0) {
      exported.nodes.push_back(CategoricalTest(node));
    } else {
      exported.nodes.push_back({.test = ExportedNode::Test::kAtMost,
                                .yes = node.left,
                                .no = node.right,
                                .feature = node.feature,
                                .threshold = node.threshold});
    }
  }
  return exported;
}

ExportedTree ToExportedTree(const XgboostTree& tree) {
  ExportedTree exported;
  for (const XgboostNode& node : tree.nodes) {
    if (node.is_leaf()) {
      exported.nodes.push_back({.leaf = node.leaf});
    } else {
      exported.nodes.push_back({.test = ExportedNode::Test::kBelow,
                                .missing_passes = node.default_left,
                                .yes = node.left,
                                .no = node.right,
                                .feature = node.feature,
                                .threshold = LeastDoubleAtCut(node.cut),
                                .cut = node.cut});
    }
  }
  return exported;
}

bool Passes(const ExportedNode& node, double value) {
  if (std::isnan(value)) return node.missing_passes;
  switch (node.test) {
    case ExportedNode::Test::kAtMost:
      return value <= node.threshold;
    case ExportedNode::Test::kBelow:
      return value < node.threshold;
    case ExportedNode::Test::kMember:
      return std::any_of(node.categories.begin(), node.categories.end(),
                         [value](std::int32_t category) { return value == category; });
    case ExportedNode::Test::kLeaf:
      break;
  }
  return false;
}

double LeafOf(const ExportedTree& tree, std::span<const double> row) {
  const ExportedNode* node = tree.nodes.data();
  while (node->test != ExportedNode::Test::kLeaf) {
    const bool passes = Passes(*node, row[static_cast<std::size_t>(node->feature)]);
    node = &tree.nodes[static_cast<std::size_t>(passes ? node->yes : node->no)];
  }
  return node->leaf;
}

// Where each feature's thresholds lie: what stands in for the ranges of a model that has none.
std::vector<ValueRange> RangesOfTests(const ExportedForest& forest) {
  std::vector<ValueRange> ranges(forest.features.size(), {0.0, 1.0});
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (const auto arity = forest.features[i].Arity(); arity && *arity > 0) {
      ranges[i].max = static_cast<double>(*arity - 1);
    }
  }
  for (const ExportedTree& tree : forest.trees) {
    for (const ExportedNode& node : tree.nodes) {
      if (node.test != ExportedNode::Test::kAtMost && node.test != ExportedNode::Test::kBelow) {
        continue;
      }
      if (!std::isfinite(node.threshold)) continue;
      ValueRange& range = ranges[static_cast<std::size_t>(node.feature)];
      range.min = std::min(range.min, node.threshold - 1.0);
      range.max = std::max(range.max, node.threshold + 1.0);
    }
  }
  return ranges;
}

// Per feature, the values that its tests compare with.
std::vector<std::vector<double>> ValuesOfTests(const ExportedForest& forest) {
  std::vector<std::vector<double>> values(forest.features.size());
  for (const ExportedTree& tree : forest.trees) {
    for (const ExportedNode& node : tree.nodes) {
      if (node.test == ExportedNode::Test::kLeaf) continue;
      std::vector<double>& known = values[static_cast<std::size_t>(node.feature)];
      if (node.test == ExportedNode::Test::kMember) {
        known.insert(known.end(), node.categories.begin(), node.categories.end());
      } else {
        known.push_back(node.threshold);
      }
    }
  }
  return values;
}

}  // namespace

ExportedForest MakeExportedForest(const SavedModel& saved) {
  ExportedForest forest{.kind = saved.kind,
                        .label = saved.label_column,
                        .prediction = saved.prediction_column,
                        .features = saved.attributes,
                        .trees = {}};
  forest.features.resize(saved.model->num_features());
  NameFeatures(&forest.features);
  if (const auto* ensemble = dynamic_cast<const TreeEnsemble*>(saved.model.get())) {
    for (std::size_t t = 0; t < ensemble->trees().size(); ++t) {
      forest.trees.push_back(ToExportedTree(ensemble->trees()[t], ensemble->weights()[t]));
    }
    return forest;
  }
  const auto* xgboost = dynamic_cast<const XgboostModel*>(saved.model.get());
  if (xgboost == nullptr) {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("a model of the kind '{}' can't be exported, as it is no sum of trees; "
                            "models of the kinds gbt and xgboost can",
                            saved.kind));
  }
  forest.sums_floats = true;
  forest.base = xgboost->base_margin();
  if (xgboost->link() == XgboostLink::kLog) forest.link = ExportedForest::Link::kExp;
  for (const XgboostTree& tree : xgboost->trees()) forest.trees.push_back(ToExportedTree(tree));
  return forest;
}

void CheckForest(const ExportedForest& forest) {
  const auto refuse = [](std::size_t tree, std::size_t node, const char* problem) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("exported forest: tree {}, node {}: {}; export the model again", tree,
                            node, problem));
  };
  for (std::size_t t = 0; t < forest.trees.size(); ++t) {
    const std::vector<ExportedNode>& nodes = forest.trees[t].nodes;
    if (nodes.empty()) refuse(t, 0, "the tree has no node");
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const ExportedNode& node = nodes[i];
      if (node.test == ExportedNode::Test::kLeaf) continue;
      for (const std::int32_t child : {node.yes, node.no}) {
        if (child < 0 || static_cast<std::size_t>(child) <= i ||
            static_cast<std::size_t>(child) >= nodes.size()) {
          refuse(t, i, "a child is no later node of the tree");
        }
      }
      if (node.feature < 0 || static_cast<std::size_t>(node.feature) >= forest.features.size()) {
        refuse(t, i, "there is no such feature");
      }
    }
  }
}

std::vector<double> PredictForest(const ExportedForest& forest, const VerificationRows& rows) {
  std::vector<double> predictions;
  const std::size_t num_rows = rows.predictions.size();
  for (std::size_t row = 0; row < num_rows; ++row) {
    const std::span<const double> values =
        std::span(rows.features).subspan(row * rows.num_features, rows.num_features);
    double sum = forest.base;
    for (const ExportedTree& tree : forest.trees) {
      sum += LeafOf(tree, values);
      if (forest.sums_floats) sum = static_cast<float>(sum);
    }
    if (forest.link == ExportedForest::Link::kExp) {
      sum = forest.sums_floats ? std::exp(static_cast<float>(sum)) : std::exp(sum);
    }
    predictions.push_back(sum);
  }
  return predictions;
}

VerificationRows MakeReplayRows(const SavedModel& saved, const ExportedForest& forest) {
  const std::vector<ValueRange> ranges =
      saved.ranges.empty() ? RangesOfTests(forest) : saved.ranges;
  VerificationRows rows =
      MakeVerificationRows(*saved.model, forest.features, ranges, "export of " + saved.uid);
  const std::vector<std::vector<double>> at = ValuesOfTests(forest);
  const std::size_t d = rows.num_features;
  const std::size_t num_drawn = rows.predictions.size();
  // Of each drawn row two more: every third feature missing, and all features at a test's value.
  for (std::size_t row = 0; row < num_drawn; ++row) {
    for (std::size_t i = 0; i < d; ++i) {
      rows.features.push_back((row + i) % 3 == 0 ? kNaN : rows.features[row * d + i]);
    }
    for (std::size_t i = 0; i < d; ++i) {
      constexpr std::size_t kStride = 7919;  // A prime, so that few rows take the same values.
      rows.features.push_back(at[i].empty() ? rows.features[row * d + i]
                                            : at[i][row * kStride % at[i].size()]);
    }
  }
  rows.predictions.resize(num_drawn * 3);
  saved.model->Predict(MatrixView<const double>(rows.features.data(), rows.predictions.size(), d),
                       rows.predictions);
  return rows;
}

void CheckReplay(const ExportedForest& forest, const VerificationRows& rows,
                 std::span<const double> predictions, double tolerance) {
  if (predictions.size() != rows.predictions.size()) {
    throw Error(ErrorKind::kInternal,
                fmt::format("the exported model gives {} predictions for {} rows; please report it",
                            predictions.size(), rows.predictions.size()));
  }
  for (std::size_t row = 0; row < predictions.size(); ++row) {
    const double expected = rows.predictions[row];
    const double found = predictions[row];
    if (found == expected || (std::isnan(found) && std::isnan(expected))) continue;
    const double allowed = tolerance * std::max(1.0, std::fabs(expected));
    if (forest.sums_floats && std::fabs(found - expected) <= allowed) continue;
    throw Error(ErrorKind::kInternal,
                fmt::format("the exported model predicts {} for row {} of those it is tried with, "
                            "not {} as the model does; nothing was written, please report it",
                            sql::FormatDouble(found), row + 1, sql::FormatDouble(expected)));
  }
}

double LeastDoubleAtCut(float cut) {
  if (std::isnan(cut)) return kNaN;
  if (cut == -std::numeric_limits<float>::infinity()) return cut;
  // Beyond the largest float, rounding takes the infinities for the next power of two.
  const auto widen = [](float value) {
    constexpr double kBeyondFloat = 0x1p128;
    return std::isinf(value) ? std::copysign(kBeyondFloat, value) : static_cast<double>(value);
  };
  const float before = std::nextafterf(cut, -std::numeric_limits<float>::infinity());
  const double middle = (widen(before) + widen(cut)) / 2.0;
  if (static_cast<float>(middle) >= cut) return middle;  // A tie that goes to the even one.
  return std::nextafter(middle, std::numeric_limits<double>::infinity());
}

}  // namespace firesteel
