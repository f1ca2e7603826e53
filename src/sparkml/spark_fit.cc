#include "sparkml/spark_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "features/stage.h"
#include "sparkml/model_directory.h"
#include "storage/location.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

const ModelFormat& FormatOf(std::string_view kind) {
  std::vector<std::string> kinds;
  for (const ModelFormat& format : ModelFormats()) {
    if (format.saved_class.empty()) continue;
    if (format.kind == kind) return format;
    kinds.push_back(format.kind);
  }
  throw Error(ErrorKind::kUsage,
              fmt::format("Spark has no '{}'; it can train {}", kind, Join(kinds, " and ")));
}

bool HasParam(const ModelFormat& format, const std::string& name) {
  const std::vector<std::string>& optional = format.optional_params;
  return format.default_params.contains(name) ||
         std::find(optional.begin(), optional.end(), name) != optional.end();
}

}  // namespace

void CheckSparkFit(std::string_view kind, const Json& params) {
  const ModelFormat& format = FormatOf(kind);
  for (const auto& [name, value] : params.items()) {
    if (HasParam(format, name) || value == false) continue;
    throw Error(ErrorKind::kUsage, fmt::format("Spark's {} has no parameter '{}'; leave it out",
                                               format.uid_prefix, name));
  }
}

std::shared_ptr<const Regressor> FitOnSpark(const Relation& rows, Engine& engine,
                                            const SparkFit& fit) {
  CheckSparkFit(fit.kind, fit.params);
  const ModelFormat& format = FormatOf(fit.kind);
  SparkStage estimator{.class_name = "org.apache.spark.ml.regression." + format.uid_prefix,
                       .uid = UidOf(format.uid_prefix, fit.directory)};
  // What is left out is Spark's default, but for the seed, which PySpark's process would give.
  Json params = {{"seed", format.default_params["seed"]}};
  params.update(fit.params);
  params["featuresCol"] = fit.features;
  params["labelCol"] = fit.label;
  for (const auto& [name, value] : params.items()) {
    if (HasParam(format, name)) estimator.params[name] = ToSparkParam(value);
  }
  engine.FitSparkStage(rows, estimator, fit.directory);
  return ReadModel(engine, Location::Parse(fit.directory), {}).model;
}

}  // namespace firesteel
