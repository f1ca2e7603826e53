#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "engine/engine.h"
#include "model/regressor.h"
#include "workflow/engine_folder.h"

namespace firesteel {

/// Scores with a trained model wherever the engine has its rows. For an engine that is Spark the
/// model is saved once more, which is gone again with the scorer: relations that were scored do
/// without.
class Scorer {
 public:
  Scorer(Engine& engine, std::shared_ptr<const Regressor> model, const StepWork::Place& place)
      : engine_(engine), model_(std::move(model)), folder_(engine, place, "scoring") {}

  struct Columns {
    std::string features;
    std::string output;                          // Appended, double.
    bool null_for_null = false;                  // As for ScoreOptions,
    std::vector<std::string> counted_with = {};  // and this.
  };
  /// Throws as Engine::Score and WriteScoringModel do.
  Relation Score(const Relation& input, const Columns& columns);

 private:
  Engine& engine_;
  std::shared_ptr<const Regressor> model_;
  EngineFolder folder_;
  std::optional<SparkScoring> written_;
};

}  // namespace firesteel
