#include "learn/factorization_machine/factorization_machine_parameters.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

std::string MessageOf(const Json& given) {
  try {
    CheckFactorizationMachineParameters(
        CheckParameters(FactorizationMachineParameterTable(), given, "--model-params"));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(FactorizationMachineParameters, DefaultsAreSparks) {
  const FactorizationMachineParameters defaults =
      MakeFactorizationMachineParameters(Json::object());
  EXPECT_EQ(defaults.factor_size, 8);
  EXPECT_TRUE(defaults.fit_intercept);
  EXPECT_TRUE(defaults.fit_linear);
  EXPECT_EQ(defaults.reg_param, 0.0);
  EXPECT_EQ(defaults.mini_batch_fraction, 1.0);
  EXPECT_EQ(defaults.init_std, 0.01);
  EXPECT_EQ(defaults.max_iter, 100);
  EXPECT_EQ(defaults.step_size, 1.0);
  EXPECT_EQ(defaults.tol, 1e-6);
  EXPECT_EQ(defaults.solver, FactorizationMachineSolver::kAdamW);
  EXPECT_EQ(defaults.seed, 6883509363295914424);
  EXPECT_FALSE(defaults.standardize);
}

TEST(FactorizationMachineParameters, TakesWhatIsGiven) {
  const Json given = CheckParameters(
      FactorizationMachineParameterTable(),
      {{"solver", "gd"}, {"seed", nullptr}, {"fitLinear", nullptr}, {"factorSize", 3.0}}, "params");
  const FactorizationMachineParameters parameters = MakeFactorizationMachineParameters(given);
  EXPECT_EQ(parameters.solver, FactorizationMachineSolver::kGd);
  EXPECT_EQ(parameters.seed, 0);  // What PySpark makes of None.
  EXPECT_FALSE(parameters.fit_linear);
  EXPECT_EQ(parameters.factor_size, 3);
}

TEST(FactorizationMachineParameters, RefusesWhatSparkRefuses) {
  for (const Json& wrong :
       {Json{{"factorSize", 0}}, Json{{"regParam", -0.1}}, Json{{"miniBatchFraction", 0.0}},
        Json{{"miniBatchFraction", 1.5}}, Json{{"initStd", 0}}, Json{{"maxIter", -1}},
        Json{{"stepSize", 0.0}}, Json{{"tol", -1e-9}}, Json{{"solver", "ADAMW"}},
        Json{{"fitLinear", 1}}, Json{{"weightCol", "w"}}, Json{{"labelCol", "y"}},
        Json{{"predictionCol", "p"}}}) {
    EXPECT_NE(MessageOf(wrong), "") << wrong;
  }
  EXPECT_EQ(MessageOf({{"maxIter", 0}, {"tol", 0}, {"regParam", 0}, {"stepSize", 1e9}}), "");
  EXPECT_EQ(MessageOf({{"solver", "adam"}}),
            "--model-params: parameter 'solver' is \"adam\"; allowed: one of adamW, gd");
  EXPECT_EQ(MessageOf({{"factorsize", 4}}),
            "--model-params: unknown parameter 'factorsize'; did you mean 'factorSize'?");
  EXPECT_EQ(MessageOf({{"featuresCol", "x"}}),
            "factorization_machine: featuresCol is set by the step from the workflow's label and "
            "features; leave it out");
}

}  // namespace
}  // namespace firesteel
