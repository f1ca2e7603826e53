#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/engine.h"
#include "model/regressor.h"

namespace firesteel {

/// Throws Error(kUsage) for a kind of model that Spark ML can't train, and for parameters that it
/// does not have.
void CheckSparkFit(std::string_view kind, const nlohmann::ordered_json& params);

struct SparkFit {
  std::string kind;               // "gbt"
  nlohmann::ordered_json params;  // As given, by Spark's names; its columns are below.
  std::string features;
  std::string label;
  std::string directory;  // For the model that Spark saves; new, and the engine sees it.
};
/// Has an engine that is Spark train a model by Spark ML's own estimator, and reads it. Throws as
/// CheckSparkFit, Engine::FitSparkStage and ReadModel do.
std::shared_ptr<const Regressor> FitOnSpark(const Relation& rows, Engine& engine,
                                            const SparkFit& fit);

}  // namespace firesteel
