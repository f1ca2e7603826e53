#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace firesteel {

/// Refuses parameters that name columns which the step decides on. `kind` starts every message.
/// Throws Error(kUsage) for labelCol and featuresCol, Error(kUnsupported) for a predictionCol of
/// another name than Spark's default.
void CheckColumnParameters(std::string_view kind, const nlohmann::ordered_json& params);

}  // namespace firesteel
