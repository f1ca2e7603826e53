#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/parameter_table.h"
#include "learn/training_source.h"
#include "table/attribute.h"

namespace firesteel {

/// The parameters of an XGBoost model: those that decide how firesteel trains it, and those that
/// are XGBoost's own affair.
struct XgboostParameters {
  std::string objective = "reg:squarederror";
  std::string tree_method = "hist";  // hist, approx or exact.
  int n_estimators = 100;            // Iterations at most.
  int early_stopping_rounds = 0;     // 0: no early stopping.
  int max_bin = 256;
  double subsample = 1.0;
  bool draws_features = false;  // Any colsample below 1.
  std::optional<int> nthread = {};
  nlohmann::ordered_json monotone_constraints = {};     // As given; null: none.
  nlohmann::ordered_json interaction_constraints = {};  // As given; null: none.
  /// What is handed to the library as it is: name and text, in the order of the table.
  std::vector<std::pair<std::string, std::string>> own = {};
};

/// Every parameter, by XGBoost's name and by scikit-learn's, with its type, default and range.
/// Source: XGBoost 3.2's documentation of parameters; defaults are its own, and scikit-learn's 100
/// for the number of iterations.
std::span<const ParameterSpec> XgboostParameterTable();

/// Refuses what can't be given together: one parameter under two names with different values, rows
/// held out that nothing watches. `params` went through CheckParameters. Throws Error(kUsage);
/// Error(kUnsupported) in a program without XGBoost.
void CheckXgboostParameters(const nlohmann::ordered_json& params);

/// weight_col and validation_indicator_col.
TrainingColumns XgboostColumns(const nlohmann::ordered_json& params);

/// The trainer's parameters. `params` is checked.
XgboostParameters MakeXgboostParameters(const nlohmann::ordered_json& params);

/// monotone_constraints as the library wants them, "(1,0,-1)", one a feature: given as such a text,
/// as a list, or by the features' names. Throws Error(kUsage) that names a feature there is not, or
/// a number of constraints that is not that of the features.
std::string MonotoneConstraints(const nlohmann::ordered_json& given,
                                const std::vector<Attribute>& attributes);

/// interaction_constraints, "[[0,1],[2,3]]": given as such a text or as lists of positions or
/// names. Throws as MonotoneConstraints does.
std::string InteractionConstraints(const nlohmann::ordered_json& given,
                                   const std::vector<Attribute>& attributes);

}  // namespace firesteel
