#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "storage/location.h"
#include "workflow/workflow.h"

namespace firesteel {

/// Called at the start of each phase of a step ("reading", "training"), in the step's thread. What
/// it throws ends the step, so it is also where a caller that was asked to stop says so
/// (Error(kInterrupted)).
using PhaseObserver = std::function<void(std::string_view phase)>;

/// What a step tells its caller at the end: what was written, how many rows, how long.
struct StepReport {
  std::string output;
  std::vector<std::pair<std::string, std::int64_t>> rows;  // Part ("training") -> rows, in order.
  double seconds = 0.0;
  nlohmann::ordered_json manifest;  // As written to manifest.json.
};

struct PreprocessingOptions {
  std::map<std::string, Location> sources;  // By source name; all of the workflow's.
  Location output;
  bool overwrite = true;
  double training_fraction = 0.9;
  PhaseObserver observer = {};
};

/// Step 1: reads and joins the sources, names columns, parses the date, splits by date; writes
/// training/ and validation/. Throws Error(kUsage) for a fraction outside ]0, 1[ before any data is
/// read.
StepReport RunDataPreprocessing(Engine& engine, const Workflow& workflow,
                                const PreprocessingOptions& options);

struct FeatureOptions {
  Location dataframe;
  std::optional<Location> pipeline_model;  // Given: transform with it. Absent: fit the workflow's
                                           // stages, save them too.
  Location output;
  bool overwrite = true;
  PhaseObserver observer = {};
};

/// Steps 2 and 3: writes dataframe/, and pipeline_model/ if it was fitted here.
StepReport RunFeatureEngineering(Engine& engine, const Workflow& workflow,
                                 const FeatureOptions& options);

struct TrainingOptions {
  Location training_dataset;
  Location validation_dataset;
  Location output;
  bool overwrite = true;
  std::string model_type;
  nlohmann::ordered_json model_params;  // As given; checked here, before any data is read.
  PhaseObserver observer = {};
};

/// Step 4: trains on the training frame, writes training|validation/{predictions.csv/,
/// metrics.json}.
StepReport RunModelTraining(Engine& engine, const Workflow& workflow,
                            const TrainingOptions& options);

}  // namespace firesteel
