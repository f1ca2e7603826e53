#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "metric/metric.h"
#include "metric/regression_metrics.h"
#include "sql/select.h"

namespace firesteel {

/// Among a saved model's facts: the mean of the labels that it was trained on.
inline constexpr const char* kLabelMeanFact = "label_mean";

/// A column by whose values rows are judged apart, too.
struct CategoryColumn {
  std::string name;                 // As the frame calls it.
  sql::ExpressionPtr expression;    // Over the frame: the position of the category, or null.
  std::vector<std::string> values;  // The category of a position.
};

/// The columns of a frame that are categorical: numbers with categories as their attributes, and
/// vectors of such slots (one-hot); without those of more than 1,000 categories.
std::vector<CategoryColumn> CategoryColumns(const Schema& frame);

/// The columns in which baseline and category `number` lie beside predictions, which may have any
/// name of their own.
std::string BaselineColumn(std::size_t number);
std::string PositionColumn(std::size_t number);

/// What is judged: columns of a relation, the predictions as they are and rounded as SQL's `round`
/// does.
struct EvaluatedColumns {
  std::string label;
  std::string model;                         // How the model is called beside its baselines: "gbt".
  std::string raw;                           // Its predictions.
  std::optional<double> training_mean = {};  // Judged as a prediction, if known.
  struct Named {
    std::string name;
    std::string column;
  };
  std::vector<Named> baselines = {};  // Columns that are judged as predictions.
  /// Category by category; `column` holds what CategoryColumn::expression gave.
  std::vector<std::pair<CategoryColumn, std::string>> categories = {};
};

/// How well a model and its baselines predict the rows of one part. Made by one pass of the engine;
/// does not depend on the order of rows.
class Evaluation {
 public:
  Evaluation(Engine& engine, const Relation& predictions, const EvaluatedColumns& columns);

  std::int64_t num_rows() const { return num_rows_; }
  /// Rows whose label is null, NaN or infinite. If there are any, nothing else means much.
  std::int64_t num_bad_labels() const { return num_bad_labels_; }
  double label_mean() const;
  /// As the reference computes them, for metrics.json.
  const RegressionMetricsAccumulator& raw() const { return raw_; }
  const RegressionMetricsAccumulator& rounded() const { return rounded_; }

  /// {"rows", "predictors": {name: {metric: value}}, "by": {column: {category: {"rows",
  /// "predictors"}}}}; what is not a number is null. Source: docs/evaluation.md.
  nlohmann::ordered_json ToJson() const;
  /// {name: {"mean_absolute_error", "mean_squared_error"}}: the short form for the manifest.
  nlohmann::ordered_json Summary() const;
  /// A table of the predictors' errors, for people.
  std::vector<std::string> ToLines(const std::string& title) const;
  /// The same from what ToJson gave. Throws nlohmann's exceptions for anything else.
  static std::vector<std::string> ToLines(const std::string& title,
                                          const nlohmann::ordered_json& json);
  /// What a user must know: a baseline that can't be judged, a model that is no better than one.
  std::vector<std::string> Warnings(const std::string& where) const;

 private:
  struct Predictor {
    std::string name;
    ErrorAccumulator errors = {};
  };
  using Predictors = std::vector<Predictor>;

  static nlohmann::ordered_json ToJson(const Predictors& predictors);

  std::int64_t num_rows_ = 0;
  std::int64_t num_bad_labels_ = 0;
  RegressionMetricsAccumulator raw_, rounded_;
  Predictors predictors_;  // The model, the model rounded, then the baselines.
  std::vector<CategoryColumn> categories_;
  // For each column of categories: position, or the number of categories for none of them.
  std::vector<std::map<std::size_t, Predictors>> by_category_;
};

}  // namespace firesteel
