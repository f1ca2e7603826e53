#include "learn/gbt/gbt_parameters.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/error.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

// Checks as the step does, and gives the error's text or nothing.
std::pair<ErrorKind, std::string> ErrorOf(const Json& given) {
  try {
    CheckGbtParameters(CheckParameters(GbtParameterTable(), given, "--model-params"));
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  return {ErrorKind::kInternal, ""};
}

std::string MessageOf(const Json& given) { return ErrorOf(given).second; }

TEST(GbtParameters, DefaultsAreSparks) {
  const GbtParameters parameters = MakeGbtParameters(Json::object());
  EXPECT_EQ(parameters.max_iter, 20);
  EXPECT_EQ(parameters.max_depth, 5);
  EXPECT_EQ(parameters.max_bins, 32);
  EXPECT_EQ(parameters.min_instances_per_node, 1);
  EXPECT_EQ(parameters.min_info_gain, 0.0);
  EXPECT_EQ(parameters.step_size, 0.1);
  EXPECT_EQ(parameters.loss, Loss::kSquared);
  EXPECT_EQ(parameters.subsampling_rate, 1.0);
  EXPECT_EQ(parameters.feature_subset_strategy, "all");
  EXPECT_EQ(parameters.max_memory_in_mb, 256);
  EXPECT_EQ(parameters.min_weight_fraction_per_node, 0.0);
  EXPECT_EQ(parameters.validation_tol, 0.01);
  EXPECT_EQ(parameters.seed, 276210194310129986);
  // The trainer's own defaults say the same.
  EXPECT_EQ(GbtParameters().max_iter, parameters.max_iter);
  EXPECT_EQ(GbtParameters().max_depth, parameters.max_depth);
  EXPECT_EQ(GbtParameters().max_bins, parameters.max_bins);
  EXPECT_EQ(GbtParameters().min_instances_per_node, parameters.min_instances_per_node);
  EXPECT_EQ(GbtParameters().min_info_gain, parameters.min_info_gain);
  EXPECT_EQ(GbtParameters().step_size, parameters.step_size);
}

TEST(GbtParameters, WhatIsGivenReachesTheTrainer) {
  const Json given = {{"maxIter", 32.0},           {"maxDepth", 0},       {"maxBins", 4},
                      {"minInstancesPerNode", 10}, {"minInfoGain", 1e-3}, {"stepSize", 1},
                      {"lossType", "ABSOLUTE"},    {"seed", -3}};
  const GbtParameters parameters =
      MakeGbtParameters(CheckParameters(GbtParameterTable(), given, "--model-params"));
  EXPECT_EQ(parameters.max_iter, 32);
  EXPECT_EQ(parameters.max_depth, 0);
  EXPECT_EQ(parameters.max_bins, 4);
  EXPECT_EQ(parameters.min_instances_per_node, 10);
  EXPECT_EQ(parameters.min_info_gain, 1e-3);
  EXPECT_EQ(parameters.step_size, 1.0);
  EXPECT_EQ(parameters.loss, Loss::kAbsolute);
  EXPECT_EQ(parameters.seed, -3);
}

TEST(GbtParameters, EveryParameterIsAccepted) {
  EXPECT_EQ(MessageOf({{"subsamplingRate", 0.5},
                       {"lossType", "Absolute"},
                       {"impurity", "VARIANCE"},
                       {"featureSubsetStrategy", "onethird"},
                       {"minWeightFractionPerNode", 0.25},
                       {"weightCol", "w"},
                       {"validationIndicatorCol", "held_out"},
                       {"leafCol", "leaf"},
                       {"predictionCol", "prediction"},
                       {"seed", -7},
                       {"maxMemoryInMB", 0},
                       {"cacheNodeIds", true},
                       {"checkpointInterval", -1},
                       {"validationTol", 0.1}}),
            "");
}

TEST(GbtParameters, PredictionColumnKeepsItsName) {
  EXPECT_EQ(ErrorOf({{"predictionCol", "p"}}),
            std::make_pair(ErrorKind::kUnsupported,
                           std::string("gbt: predictionCol \"p\" is not supported; predictions are "
                                       "written as 'raw_prediction', leave it out")));
}

TEST(GbtParameters, EmptyColumnNamesAreNone) {
  const TrainingColumns none = GbtColumns({{"weightCol", ""}, {"validationIndicatorCol", ""}});
  EXPECT_EQ(none.weight, std::nullopt);
  EXPECT_EQ(none.held_out, std::nullopt);
  const TrainingColumns both = GbtColumns({{"weightCol", "w"}, {"validationIndicatorCol", "v"}});
  EXPECT_EQ(both.weight, "w");
  EXPECT_EQ(both.held_out, "v");
}

TEST(GbtParameters, ColumnsThatTheStepSetsAreRefused) {
  EXPECT_EQ(ErrorOf({{"labelCol", "label"}}),
            std::make_pair(ErrorKind::kUsage,
                           std::string("gbt: labelCol is set by the step from the workflow's label "
                                       "and features; leave it out")));
  EXPECT_EQ(ErrorOf({{"featuresCol", "features"}}).first, ErrorKind::kUsage);
}

TEST(GbtParameters, ValuesOutOfRangeAreRefused) {
  EXPECT_EQ(MessageOf({{"maxIter", 0}}),
            "--model-params: parameter 'maxIter' is 0; allowed: 1 or more");
  for (const Json& given : std::vector<Json>{{{"maxDepth", 31}},
                                             {{"maxDepth", -1}},
                                             {{"maxBins", 1}},
                                             {{"minInstancesPerNode", 0}},
                                             {{"minInfoGain", -1e-6}},
                                             {{"maxMemoryInMB", 10241}},
                                             {{"checkpointInterval", 0}},
                                             {{"subsamplingRate", 0.0}},
                                             {{"lossType", "huber"}},
                                             {{"stepSize", 1.5}},
                                             {{"impurity", "gini"}},
                                             {{"featureSubsetStrategy", "0"}},
                                             {{"featureSubsetStrategy", "ALL"}},
                                             {{"maxIter", nullptr}},
                                             {{"validationTol", -1.0}},
                                             {{"featureSubsetStrategy", "1.5"}},
                                             {{"stepSize", nullptr}},
                                             {{"minWeightFractionPerNode", 0.5}}}) {
    EXPECT_EQ(ErrorOf(given).first, ErrorKind::kUsage) << given;
  }
}

TEST(GbtParameters, NoneReadsAsZeroWhereSparkDoes) {
  const Json given = {{"maxDepth", nullptr}, {"minInfoGain", nullptr}, {"seed", nullptr}};
  EXPECT_EQ(MakeGbtParameters(CheckParameters(GbtParameterTable(), given, "x")).max_depth, 0);
}

}  // namespace
}  // namespace firesteel
