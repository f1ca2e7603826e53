#include "learn/gbt/gbt_parameters.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/parameter_ranges.h"
#include "base/text.h"
#include "learn/column_parameters.h"
#include "learn/gbt/feature_subset.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

bool IsBelowHalf(double value) { return value >= 0.0 && value < 0.5; }

bool IsSubsetStrategy(const Json& value) {
  return IsFeatureSubsetStrategy(value.get<std::string>());
}

std::vector<ParameterSpec> MakeTable() {
  using enum ParameterType;
  return WithColumnParameters({
      {"maxDepth", kInt, "5", "0 to 30", "The depth of a tree at most; 0 is a lone leaf.",
       AcceptWhole(0, 30)},
      {"maxBins", kInt, "32", "2 or more",
       "Bins of a continuous feature at most; no fewer than any feature has categories.",
       AcceptFrom(2)},
      {"minInstancesPerNode", kInt, "1", "1 or more", "Rows that each side of a split needs.",
       AcceptFrom(1)},
      {"minInfoGain", kDouble, "0.0", "0 or more", "The gain that a split needs.",
       AcceptReal(IsNotNegative)},
      {"maxMemoryInMB", kInt, "256", "0 to 10240",
       "How many nodes draw their features at once; else without effect on the model.",
       AcceptWhole(0, 10240)},
      {"cacheNodeIds", kBool, "false", "true, false", "Accepted; has no effect on the model."},
      {"checkpointInterval", kInt, "10", "1 or more, or -1",
       "Accepted; has no effect on the model.",
       [](const Json& value) { return value == -1 || value >= 1; }},
      {"subsamplingRate", kDouble, "1.0", "above 0, up to 1",
       "The share of the rows that each tree sees.", AcceptReal(IsAboveZeroUpToOne)},
      {"lossType", kString, "\"squared\"", "squared, absolute", "The loss that is minimised.",
       AcceptAnyCase({"squared", "absolute"})},
      {"maxIter", kInt, "20", "1 or more", "The number of trees.", AcceptFrom(1)},
      {"stepSize", kDouble, "0.1", "above 0, up to 1",
       "What each tree but the first is multiplied by (the learning rate).",
       AcceptReal(IsAboveZeroUpToOne)},
      {"seed", kLong, "", "any",
       "Of subsamplingRate and featureSubsetStrategy; if left out, Spark's own under "
       "spark-submit."},
      {"impurity", kString, "\"variance\"", "variance", "How a node is judged.",
       AcceptAnyCase({"variance"})},
      {"featureSubsetStrategy", kString, "\"all\"",
       "auto, all, onethird, sqrt, log2, a share above 0.0 up to 1.0, a whole number from 1",
       "The features that are tried at a node.", IsSubsetStrategy},
      {"validationTol", kDouble, "0.01", "0 or more",
       "Early stopping; has no effect without validationIndicatorCol.", AcceptReal(IsNotNegative)},
      {"validationIndicatorCol", kString, "", "a boolean column",
       "Rows that judge when to stop instead of being learnt from."},
      {"leafCol", kString, "\"\"", "a column name, or empty",
       "A column for the index of the leaf in each tree."},
      {"minWeightFractionPerNode", kDouble, "0.0", "0 up to, not including, 0.5",
       "The share of the weight that each side of a split needs.", AcceptReal(IsBelowHalf)},
      {"weightCol", kString, "", "a numeric column", "The weight of each row."},
  });
}

std::optional<std::string> ColumnName(const Json& params, const char* parameter) {
  const auto name = params.value(parameter, "");
  return name.empty() ? std::nullopt : std::optional(name);
}

}  // namespace

std::span<const ParameterSpec> GbtParameterTable() {
  static const std::vector<ParameterSpec> table = MakeTable();
  return table;
}

void CheckGbtParameters(const Json& params) { CheckColumnParameters("gbt", params); }

TrainingColumns GbtColumns(const Json& params) {
  return {.weight = ColumnName(params, "weightCol"),
          .held_out = ColumnName(params, "validationIndicatorCol")};
}

GbtParameters MakeGbtParameters(const Json& params) {
  Json all = DefaultParameters(GbtParameterTable());
  all.update(params);
  const bool is_absolute = EqualsIgnoringCase(all["lossType"].get<std::string>(), "absolute");
  return {.max_iter = all["maxIter"].get<int>(),
          .max_depth = all["maxDepth"].get<int>(),
          .max_bins = all["maxBins"].get<int>(),
          .min_instances_per_node = all["minInstancesPerNode"].get<int>(),
          .min_weight_fraction_per_node = all["minWeightFractionPerNode"].get<double>(),
          .min_info_gain = all["minInfoGain"].get<double>(),
          .loss = is_absolute ? Loss::kAbsolute : Loss::kSquared,
          .step_size = all["stepSize"].get<double>(),
          .subsampling_rate = all["subsamplingRate"].get<double>(),
          .feature_subset_strategy = all["featureSubsetStrategy"].get<std::string>(),
          .max_memory_in_mb = all["maxMemoryInMB"].get<int>(),
          .validation_tol = all["validationTol"].get<double>(),
          .seed = all.value("seed", GbtParameters().seed)};
}

}  // namespace firesteel
