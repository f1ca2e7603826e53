#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// What an engine that is Spark is told of Spark ML's stages and models. Engines that are not have
// no use for it.
namespace firesteel {

using SparkParam = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>,
                                std::vector<double>, std::vector<std::vector<double>>>;

/// A stage of Spark ML: one that can transform, or an estimator.
struct SparkStage {
  std::string class_name;  // "org.apache.spark.ml.feature.StringIndexerModel"
  std::string uid;
  /// Where a stage that was fitted is saved, seen by both sides; another has another folder.
  std::string directory = {};
  /// What is set of another; the rest are Spark's defaults.
  std::map<std::string, SparkParam> params = {};
};

/// A model as a Spark cluster scores with it: files of Spark ML, and how their answer becomes the
/// prediction.
struct SparkScoring {
  /// A sum over trees. The saved model says which leaf of each tree a row comes to; Spark would add
  /// in an order of its own, which gives other last digits.
  struct Forest {
    /// What each leaf adds, tree by tree, the leaves of a tree from left to right.
    std::vector<std::vector<double>> leaves = {};
    double base = 0.0;         // What the trees are added to, in their order.
    bool sums_floats = false;  // Whether all of this is done in 32 bits.
    bool has_log_link = false;
    /// The saved model takes 2 d features: d as they are, and again with -Infinity for NaN.
    bool doubles_features = false;
  };

  std::string class_name;  // "org.apache.spark.ml.regression.GBTRegressionModel"
  /// The folder of the model itself, which both sides see. Another model has another folder.
  std::string directory;
  std::optional<Forest> forest = {};  // Nothing: the prediction is the model's own.
};

}  // namespace firesteel
