#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/parameter_table.h"
#include "learn/training_source.h"
#include "model/regressor.h"

namespace firesteel {

/// A fitted model and what its training has to say of itself.
struct TrainedModel {
  std::unique_ptr<Regressor> model;
  /// For the manifest and the log: "trained_on" ("cells" or "rows"), "num_cells", "num_trees", …
  nlohmann::ordered_json facts = nlohmann::ordered_json::object();
};

/// One kind of model: its name, its parameters, how it is trained.
struct LearnerKind {
  std::string name;  // As --model-type spells it: "gbt".
  std::string sentence;
  std::span<const ParameterSpec> parameters;
  /// Throws Error(kUsage) for parameters that are wrong together or by what CheckParameters can't
  /// see; called before any data is read.
  void (*check)(const nlohmann::ordered_json& params);
  /// The columns that `params` name.
  TrainingColumns (*columns)(const nlohmann::ordered_json& params);
  /// `params` went through CheckParameters and `check`. Throws Error(kInvalidArgument) for data
  /// that can't be learnt from.
  TrainedModel (*train)(TrainingSource& source, const nlohmann::ordered_json& params,
                        const TrainingRun& run);
};

std::span<const LearnerKind> LearnerKinds();
/// Throws Error(kUsage) that lists the kinds, with did-you-mean.
const LearnerKind& FindLearner(std::string_view name);

}  // namespace firesteel
