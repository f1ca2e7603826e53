#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "base/parameter_table.h"
#include "learn/training_source.h"

namespace firesteel {

/// How a step is made of a gradient. Source: spec B.5.
enum class FactorizationMachineSolver { kAdamW, kGd };

/// The parameters of Spark's FMRegressor that shape the model, with Spark's defaults and ranges.
/// Source: spec B.1.
struct FactorizationMachineParameters {
  int factor_size = 8;  // k
  bool fit_intercept = true;
  bool fit_linear = true;
  double reg_param = 0.0;
  double mini_batch_fraction = 1.0;
  double init_std = 0.01;
  int max_iter = 100;
  double step_size = 1.0;
  double tol = 1e-6;
  FactorizationMachineSolver solver = FactorizationMachineSolver::kAdamW;
  /// Without a seed, PySpark under spark-submit takes Python's hash of "FMRegressor", which this is
  /// (CPython 3.11 and later; spec A.17).
  std::int64_t seed = 6883509363295914424;
  /// Not Spark's: learn from (x - mean) / stddev of each feature.
  bool standardize = false;
};

/// Every parameter of FMRegressor, with its type, default and range, and `standardize`.
std::span<const ParameterSpec> FactorizationMachineParameterTable();

/// Refuses what can't be given. `params` went through CheckParameters. Throws as
/// CheckColumnParameters does.
void CheckFactorizationMachineParameters(const nlohmann::ordered_json& params);

/// None: Spark's FMRegressor knows no weight.
TrainingColumns FactorizationMachineColumns(const nlohmann::ordered_json& params);

/// The trainer's parameters: `params`, checked, over the defaults of the table.
FactorizationMachineParameters MakeFactorizationMachineParameters(
    const nlohmann::ordered_json& params);

}  // namespace firesteel
