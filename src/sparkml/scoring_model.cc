#include "sparkml/scoring_model.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/factorization_machine.h"
#include "model/tree_ensemble.h"
#include "model/xgboost_model.h"
#include "sparkml/factorization_machine_directory.h"
#include "sparkml/gbt_model_directory.h"
#include "sparkml/model_directory.h"
#include "sparkml/stage_directory.h"

namespace firesteel {
namespace {

// Nodes are in preorder, so leaves come from left to right.
SparkScoring::Forest ForestOf(const TreeEnsemble& ensemble) {
  SparkScoring::Forest forest;
  for (std::size_t tree = 0; tree < ensemble.trees().size(); ++tree) {
    std::vector<double>& leaves = forest.leaves.emplace_back();
    for (const TreeNode& node : ensemble.trees()[tree].nodes) {
      if (node.is_leaf()) leaves.push_back(node.prediction * ensemble.weights()[tree]);
    }
  }
  return forest;
}

// XGBoost's trees as Spark's, in which NaN always goes right. Where XGBoost has it go left, a split
// looks at a second copy of the features, which has -Infinity for NaN.
std::shared_ptr<const TreeEnsemble> AsSparkTrees(const XgboostModel& model) {
  const auto num_features = static_cast<std::int32_t>(model.num_features());
  std::vector<Tree> trees;
  for (const XgboostTree& tree : model.trees()) {
    Tree& made = trees.emplace_back();
    for (const XgboostNode& node : tree.nodes) {
      TreeNode& same = made.nodes.emplace_back();
      same.prediction = node.leaf;
      if (node.is_leaf()) continue;
      same.left = node.left;
      same.right = node.right;
      same.feature = node.feature + (node.default_left ? num_features : 0);
      same.threshold = LargestBelow(node.cut);
      if (std::isnan(same.threshold)) {
        throw Error(ErrorKind::kUnsupported,
                    "a tree splits at -Infinity, which Spark's trees can't; score with DuckDB");
      }
    }
  }
  std::vector<double> weights(trees.size(), 1.0);
  return std::make_shared<const TreeEnsemble>(std::move(trees), std::move(weights),
                                              2 * model.num_features());
}

std::optional<std::vector<FeatureBins>> BinsOfTrees(const TreeEnsemble& ensemble,
                                                    std::size_t num_features) {
  std::vector<FeatureBins> bins(num_features);
  for (const Tree& tree : ensemble.trees()) {
    for (const TreeNode& node : tree.nodes) {
      if (node.is_leaf()) continue;
      FeatureBins& feature = bins[static_cast<std::size_t>(node.feature) % num_features];
      if (node.arity >= 0) {
        if (feature.arity.value_or(node.arity) != node.arity) return std::nullopt;
        feature.arity = node.arity;
      } else if (std::isfinite(node.threshold)) {
        feature.thresholds.push_back(node.threshold);
      } else {
        return std::nullopt;
      }
    }
  }
  for (FeatureBins& feature : bins) {
    if (feature.arity && !feature.thresholds.empty()) return std::nullopt;
    std::sort(feature.thresholds.begin(), feature.thresholds.end());
    feature.thresholds.erase(std::unique(feature.thresholds.begin(), feature.thresholds.end()),
                             feature.thresholds.end());
  }
  return bins;
}

}  // namespace

std::optional<std::vector<FeatureBins>> ScoringBins(const Regressor& model) {
  if (const auto* ensemble = dynamic_cast<const TreeEnsemble*>(&model)) {
    return BinsOfTrees(*ensemble, model.num_features());
  }
  if (const auto* xgboost = dynamic_cast<const XgboostModel*>(&model)) {
    const bool splits_at_infinity =
        std::any_of(xgboost->trees().begin(), xgboost->trees().end(), [](const XgboostTree& tree) {
          return std::any_of(tree.nodes.begin(), tree.nodes.end(), [](const XgboostNode& node) {
            return !node.is_leaf() && std::isinf(node.cut);
          });
        });
    if (!splits_at_infinity) return BinsOfTrees(*AsSparkTrees(*xgboost), model.num_features());
  }
  return std::nullopt;
}

SparkScoring WriteScoringModel(const Regressor& model, Engine& engine,
                               const std::string& directory) {
  // Not owned: the model outlives what is written here.
  SavedModel saved{.kind = {},
                   .model = std::shared_ptr<const Regressor>(std::shared_ptr<void>(), &model)};
  SparkScoring scoring{.class_name = {}, .directory = directory};
  ModelFormat format = GbtModelFormat();
  if (const auto* ensemble = dynamic_cast<const TreeEnsemble*>(&model)) {
    scoring.forest = ForestOf(*ensemble);
  } else if (const auto* xgboost = dynamic_cast<const XgboostModel*>(&model)) {
    const std::shared_ptr<const TreeEnsemble> trees = AsSparkTrees(*xgboost);
    scoring.forest = ForestOf(*trees);
    scoring.forest->base = xgboost->base_margin();
    scoring.forest->sums_floats = true;
    scoring.forest->has_log_link = xgboost->link() == XgboostLink::kLog;
    scoring.forest->doubles_features = true;
    saved.model = trees;
  } else if (dynamic_cast<const FactorizationMachine*>(&model) != nullptr) {
    format = FactorizationMachineFormat();
  } else {
    throw Error(ErrorKind::kUnsupported, "Spark can't score with a model of this kind");
  }
  scoring.class_name = format.saved_class;
  saved.kind = format.kind;
  const SparkMlStamp stamp{.uuid_seed = directory};
  MakeDirectories(directory);
  WriteModelStage(format, &saved, engine, directory, stamp);
  return scoring;
}

}  // namespace firesteel
