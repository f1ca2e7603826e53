#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>

#include "base/parameter_table.h"
#include "learn/gbt/plain_trainer.h"

namespace firesteel {

/// Every parameter of Spark's GBTRegressor, with its type, default and range. Source: spec A.1.
std::span<const ParameterSpec> GbtParameterTable();

/// Refuses what the trainer does not do. `params` went through CheckParameters.
/// Throws Error(kUnsupported) for a known parameter set to something other than its default that
/// would change the model, Error(kUsage) for labelCol and featuresCol, which the step sets itself.
/// Parameters without effect on the model (seed, maxMemoryInMB, cacheNodeIds, checkpointInterval,
/// validationTol without a validation column) are accepted.
void CheckGbtParameters(const nlohmann::ordered_json& params);

/// The trainer's parameters: `params`, checked, over the defaults of the table.
GbtParameters MakeGbtParameters(const nlohmann::ordered_json& params);

}  // namespace firesteel
