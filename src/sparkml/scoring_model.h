#pragma once

#include <string>

#include "engine/engine.h"
#include "model/regressor.h"

namespace firesteel {

/// Saves a trained model for a Spark cluster to score with: in `directory`, which must be new, in
/// the format of a model of Spark ML. XGBoost's trees are saved as if they were Spark's, too: only
/// their leaves are asked for then. Throws Error(kUnsupported) for a model that is neither trees
/// nor a factorization machine, and for a split that no number can decide.
SparkScoring WriteScoringModel(const Regressor& model, Engine& engine,
                               const std::string& directory);

}  // namespace firesteel
