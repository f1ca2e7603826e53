#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "base/parameter_table.h"
#include "learn/gbt/loss.h"
#include "learn/training_source.h"

namespace firesteel {

/// The parameters of Spark's GBTRegressor that shape the model, with Spark's defaults and ranges.
/// Source: spec A.1.
struct GbtParameters {
  int max_iter = 20;  // Trees in all.
  int max_depth = 5;
  int max_bins = 32;
  int min_instances_per_node = 1;
  double min_weight_fraction_per_node = 0.0;
  double min_info_gain = 0.0;
  Loss loss = Loss::kSquared;
  double step_size = 0.1;
  double subsampling_rate = 1.0;
  std::string feature_subset_strategy = "all";
  int max_memory_in_mb = 256;  // Matters to the draws of feature subsets alone.
  double validation_tol = 0.01;
  /// Without a seed, PySpark under spark-submit takes Python's hash of "GBTRegressor", which this
  /// is (CPython 3.11 and later; spec A.17).
  std::int64_t seed = 276210194310129986;
};

/// Every parameter of GBTRegressor, with its type, default and range.
std::span<const ParameterSpec> GbtParameterTable();

/// Refuses what can't be given. `params` went through CheckParameters.
/// Throws Error(kUsage) for labelCol and featuresCol, which the step sets itself,
/// Error(kUnsupported) for a predictionCol of another name.
/// Parameters without effect on the model (maxMemoryInMB without feature subsets, cacheNodeIds,
/// checkpointInterval, leafCol, validationTol without a validation column) are accepted.
void CheckGbtParameters(const nlohmann::ordered_json& params);

/// weightCol and validationIndicatorCol; an empty name is none.
TrainingColumns GbtColumns(const nlohmann::ordered_json& params);

/// The trainer's parameters: `params`, checked, over the defaults of the table.
GbtParameters MakeGbtParameters(const nlohmann::ordered_json& params);

}  // namespace firesteel
