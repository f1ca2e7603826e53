#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"
#include "model/regressor.h"

namespace firesteel {

/// Scores with a trained model wherever the engine has its rows. For an engine elsewhere the model
/// is written to a folder of its own once, which is gone again with the scorer: relations that were
/// scored do without.
class Scorer {
 public:
  /// `directory` exists, and an engine elsewhere sees it.
  Scorer(Engine& engine, std::shared_ptr<const Regressor> model, std::string directory)
      : engine_(engine), model_(std::move(model)), directory_(std::move(directory)) {}
  ~Scorer();
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;

  struct Columns {
    std::string features;
    std::string output;          // Appended, double.
    bool null_for_null = false;  // As for ScoreOptions.
  };
  /// Throws as Engine::Score does.
  Relation Score(const Relation& input, const Columns& columns);

 private:
  Engine& engine_;
  std::shared_ptr<const Regressor> model_;
  std::string directory_;
  std::shared_ptr<const SparkScoring> written_;
};

}  // namespace firesteel
