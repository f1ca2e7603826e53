#include "features/registry.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "features/bucketizer.h"
#include "features/imputer.h"
#include "features/min_max_scaler.h"
#include "features/one_hot_encoder.h"
#include "features/sql_transformer.h"
#include "features/stage_params.h"
#include "features/standard_scaler.h"
#include "features/string_indexer.h"
#include "features/vector_assembler.h"

namespace firesteel {

std::span<const StageKind> StageKinds() {
  static const std::vector<StageKind> kinds = {
      SqlTransformerKind(), StringIndexerKind(), OneHotEncoderKind(),  VectorAssemblerKind(),
      ImputerKind(),        BucketizerKind(),    StandardScalerKind(), MinMaxScalerKind(),
  };
  return kinds;
}

std::unique_ptr<Stage> MakeStage(std::string_view kind, const nlohmann::ordered_json& params,
                                 std::string uid, std::string_view where) {
  std::vector<std::string> names;
  for (const StageKind& known : StageKinds()) {
    if (known.name == kind) {
      const std::string stage_where = fmt::format("{}: {}", where, kind);
      nlohmann::ordered_json checked = CheckStageParameters(known.parameters, params, stage_where);
      try {
        return known.make(std::move(uid), checked);
      } catch (const Error& error) {
        throw error.Within(stage_where);
      }
    }
    names.push_back(known.name);
  }
  throw Error(ErrorKind::kUsage, fmt::format("{}: unknown stage '{}'{}; known are {}", where, kind,
                                             DidYouMean(kind, names), Join(names, ", ")));
}

std::unique_ptr<FittedStage> LoadStage(const StageRecord& record,
                                       const PythonStages& python_stages) {
  const std::string where = fmt::format("stage {}", record.uid);
  try {
    for (const StageKind& known : StageKinds()) {
      if (known.saved_class == record.class_name) return known.load(record);
    }
    if (const auto found = python_stages.find(record.class_name); found != python_stages.end()) {
      return MakeSqlTransformer(record.uid, found->second);
    }
  } catch (const Error& error) {
    // A loader says kUsage of parameters, which no user of this run has typed.
    const ErrorKind kind =
        error.kind() == ErrorKind::kUsage ? ErrorKind::kInvalidArgument : error.kind();
    const std::string message = error.what();
    throw message.starts_with(where) ? Error(kind, message) : Error(kind, message).Within(where);
  }
  if (record.class_name.starts_with("org.apache.spark.")) {
    std::vector<std::string> names;
    for (const StageKind& known : StageKinds()) names.push_back(known.name);
    throw Error(ErrorKind::kUnsupported, fmt::format("{}: class {} is not supported; known are {}",
                                                     where, record.class_name, Join(names, ", ")));
  }
  throw Error(ErrorKind::kUnsupported,
              fmt::format("{}: class {} exists only as Python code; say in the workflow what it "
                          "does:\npython_stages:\n  {}: SELECT *, … FROM __THIS__",
                          where, record.class_name, record.class_name));
}

}  // namespace firesteel
