#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "learn/factorization_machine/factorization_machine_parameters.h"
#include "learn/factorization_machine/factorization_machine_trainer.h"
#include "learn/gbt/gbt_parameters.h"
#include "learn/gbt/gbt_trainer.h"
#include "learn/learner.h"
#include "learn/xgboost/xgboost_parameters.h"
#include "learn/xgboost/xgboost_trainer.h"

namespace firesteel {
namespace {

TrainedModel TrainGbtWith(TrainingSource& source, const nlohmann::ordered_json& params,
                          const TrainingRun& run) {
  return TrainGbt(source, MakeGbtParameters(params), run);
}

TrainedModel TrainFactorizationMachineWith(TrainingSource& source,
                                           const nlohmann::ordered_json& params,
                                           const TrainingRun& run) {
  return TrainFactorizationMachine(source, MakeFactorizationMachineParameters(params), run);
}

TrainedModel TrainXgboostWith(TrainingSource& source, const nlohmann::ordered_json& params,
                              const TrainingRun& run) {
  return TrainXgboost(source, MakeXgboostParameters(params), run);
}

}  // namespace

std::span<const LearnerKind> LearnerKinds() {
  static const std::vector<LearnerKind> kinds = {
      {.name = "gbt",
       .sentence = "Gradient-boosted regression trees, as Spark's GBTRegressor grows them.",
       .parameters = GbtParameterTable(),
       .check = CheckGbtParameters,
       .columns = GbtColumns,
       .train = TrainGbtWith},
      {.name = "factorization_machine",
       .sentence = "A factorization machine of degree two, as Spark's FMRegressor fits it.",
       .parameters = FactorizationMachineParameterTable(),
       .check = CheckFactorizationMachineParameters,
       .columns = FactorizationMachineColumns,
       .train = TrainFactorizationMachineWith},
      {.name = "xgboost",
       .sentence = "Gradient-boosted trees by XGBoost, with its parameters and objectives.",
       .parameters = XgboostParameterTable(),
       .check = CheckXgboostParameters,
       .columns = XgboostColumns,
       .train = TrainXgboostWith},
  };
  return kinds;
}

const LearnerKind& FindLearner(std::string_view name) {
  std::vector<std::string> names;
  for (const LearnerKind& kind : LearnerKinds()) {
    if (kind.name == name) return kind;
    names.push_back(kind.name);
  }
  throw Error(ErrorKind::kUsage, fmt::format("model type '{}' is not supported; there is: {}{}",
                                             name, Join(names, ", "), DidYouMean(name, names)));
}

}  // namespace firesteel
