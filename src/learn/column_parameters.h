#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "base/parameter_table.h"

namespace firesteel {

/// `own` behind the parameters that name columns, which all of Spark's models have.
std::vector<ParameterSpec> WithColumnParameters(std::vector<ParameterSpec> own);

/// Refuses parameters that name columns which the step decides on. `kind` starts every message.
/// Throws Error(kUsage) for labelCol and featuresCol, Error(kUnsupported) for a predictionCol of
/// another name than Spark's default.
void CheckColumnParameters(std::string_view kind, const nlohmann::ordered_json& params);

}  // namespace firesteel
