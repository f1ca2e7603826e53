#include "learn/column_parameters.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace firesteel {

std::vector<ParameterSpec> WithColumnParameters(std::vector<ParameterSpec> own) {
  using enum ParameterType;
  std::vector<ParameterSpec> table = {
      {"featuresCol", kString, "", "set by the step", "The column of feature vectors."},
      {"labelCol", kString, "", "set by the step", "The column to predict."},
      {"predictionCol", kString, "\"prediction\"", "prediction", "The column of predictions."},
  };
  table.insert(table.end(), std::make_move_iterator(own.begin()),
               std::make_move_iterator(own.end()));
  return table;
}

void CheckColumnParameters(std::string_view kind, const nlohmann::ordered_json& params) {
  for (const char* name : {"labelCol", "featuresCol"}) {
    if (params.contains(name)) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("{}: {} is set by the step from the workflow's label and features; "
                              "leave it out",
                              kind, name));
    }
  }
  if (params.value("predictionCol", "prediction") != "prediction") {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("{}: predictionCol {} is not supported; predictions are written as "
                            "'raw_prediction', leave it out",
                            kind, params["predictionCol"].dump()));
  }
}

}  // namespace firesteel
