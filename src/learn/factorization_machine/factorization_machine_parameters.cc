#include "learn/factorization_machine/factorization_machine_parameters.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/parameter_ranges.h"
#include "learn/column_parameters.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

std::vector<ParameterSpec> MakeTable() {
  using enum ParameterType;
  return WithColumnParameters({
      {"factorSize", kInt, "8", "1 or more", "Factors of each feature.", AcceptFrom(1)},
      {"fitIntercept", kBool, "true", "true, false", "Whether there is an intercept."},
      {"fitLinear", kBool, "true", "true, false", "Whether there are linear terms."},
      {"regParam", kDouble, "0.0", "0 or more",
       "How strongly every coefficient, the intercept too, is pulled to 0.",
       AcceptReal(IsNotNegative)},
      {"miniBatchFraction", kDouble, "1.0", "above 0, up to 1",
       "The share of the rows that each iteration sees; drawn anew each time.",
       AcceptReal(IsAboveZeroUpToOne)},
      {"initStd", kDouble, "0.01", "above 0", "The standard deviation of the factors at first.",
       AcceptReal(IsAboveZero)},
      {"maxIter", kInt, "100", "0 or more", "Iterations at most; 0 leaves the factors as drawn.",
       AcceptFrom(0)},
      {"stepSize", kDouble, "1.0", "above 0", "The size of a step (the learning rate).",
       AcceptReal(IsAboveZero)},
      {"tol", kDouble, "1e-6", "0 or more",
       "Training ends when a step is smaller, relative to the coefficients.",
       AcceptReal(IsNotNegative)},
      {"solver", kString, "\"adamW\"", "one of adamW, gd", "How a step is made of a gradient.",
       AcceptOneOf({"adamW", "gd"})},
      {"seed", kLong, "", "any",
       "Of the factors at first; if left out, Spark's own under spark-submit."},
      {"standardize", kBool, "false", "true, false",
       "Not Spark's: learn from features of mean 0 and standard deviation 1; the saved model takes "
       "features as they are."},
  });
}

}  // namespace

std::span<const ParameterSpec> FactorizationMachineParameterTable() {
  static const std::vector<ParameterSpec> table = MakeTable();
  return table;
}

void CheckFactorizationMachineParameters(const Json& params) {
  CheckColumnParameters("factorization_machine", params);
}

TrainingColumns FactorizationMachineColumns(const Json&) { return {}; }

FactorizationMachineParameters MakeFactorizationMachineParameters(const Json& params) {
  Json all = DefaultParameters(FactorizationMachineParameterTable());
  all.update(params);
  return {.factor_size = all["factorSize"].get<int>(),
          .fit_intercept = all["fitIntercept"].get<bool>(),
          .fit_linear = all["fitLinear"].get<bool>(),
          .reg_param = all["regParam"].get<double>(),
          .mini_batch_fraction = all["miniBatchFraction"].get<double>(),
          .init_std = all["initStd"].get<double>(),
          .max_iter = all["maxIter"].get<int>(),
          .step_size = all["stepSize"].get<double>(),
          .tol = all["tol"].get<double>(),
          .solver = all["solver"] == "gd" ? FactorizationMachineSolver::kGd
                                          : FactorizationMachineSolver::kAdamW,
          .seed = all.value("seed", FactorizationMachineParameters().seed),
          .standardize = all["standardize"].get<bool>()};
}

}  // namespace firesteel
