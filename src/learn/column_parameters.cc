#include "learn/column_parameters.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace firesteel {

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
