#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "base/parameter_table.h"
#include "features/stage.h"

namespace firesteel {

/// One kind of stage: how a workflow makes it, how a saved one comes back. A new kind is a new file
/// in this folder, a line in registry.cc, a test and a page row in docs/adding/stage.md.
struct StageKind {
  std::string name;         // As the workflow spells it: "StringIndexer".
  std::string saved_class;  // Class of the fitted stage on disk.
  std::span<const ParameterSpec> parameters;
  std::string sentence;
  std::unique_ptr<Stage> (*make)(std::string uid, const nlohmann::ordered_json& params);
  std::unique_ptr<FittedStage> (*load)(const StageRecord& record);
};

std::span<const StageKind> StageKinds();

/// Makes a stage of a workflow. `where` starts messages ("workflow.yaml line 31").
/// Throws Error(kUsage) for an unknown kind or parameter, a wrong type, a value out of range.
std::unique_ptr<Stage> MakeStage(std::string_view kind, const nlohmann::ordered_json& params,
                                 std::string uid, std::string_view where);

/// Python classes of custom transformers -> the SELECT statement that does the same.
using PythonStages = std::map<std::string, std::string>;

/// Makes a stage from what Spark ML saved. Throws Error(kUnsupported) that names the class and, for
/// a Python class, says how to map it in the workflow (`python_stages:`).
std::unique_ptr<FittedStage> LoadStage(const StageRecord& record,
                                       const PythonStages& python_stages);

}  // namespace firesteel
