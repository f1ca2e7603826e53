#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "model/regressor.h"
#include "table/cells.h"

namespace firesteel {

/// Saves a trained model for a Spark cluster to score with: in `directory`, which must be new, in
/// the format of a model of Spark ML. XGBoost's trees are saved as if they were Spark's, too: only
/// their leaves are asked for then. Throws Error(kUnsupported) for a model that is neither trees
/// nor a factorization machine, and for a split that no number can decide.
SparkScoring WriteScoringModel(const Regressor& model, Engine& engine,
                               const std::string& directory);

/// How trees, of Spark's or XGBoost's, see each feature: ScoreOptions::bins. Nothing for another
/// model, and for trees that are not of one mind what a feature is.
std::optional<std::vector<FeatureBins>> ScoringBins(const Regressor& model);

}  // namespace firesteel
