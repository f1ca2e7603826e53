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

#include "base/error.h"
#include "engine/engine.h"
#include "storage/location.h"
#include "workflow/workflow.h"

namespace firesteel {

/// What a step is doing, and how far it is where that is known.
struct StepProgress {
  std::string_view phase;  // "reading", "training".
  int done = 0;
  int total = 0;  // 0: not known.
};

/// Called at the start of each phase of a step and within long ones, in the step's thread. What it
/// throws ends the step, so it is also where a caller that was asked to stop says so
/// (Error(kInterrupted)).
using StepObserver = std::function<void(const StepProgress& progress)>;

/// What ends a training that was interrupted after it was saved (Error(kInterrupted)). The message
/// says how far it came and that the same command goes on from there.
class TrainingStopped : public Error {
 public:
  using Error::Error;
};

/// What a step tells its caller at the end: what was written, how many rows, how long.
struct StepReport {
  std::string output;
  std::vector<std::pair<std::string, std::int64_t>> rows;  // Part ("training") -> rows, in order.
  double seconds = 0.0;
  bool is_unchanged = false;          // Nothing was written, as all of it was there (`run`).
  std::vector<std::string> findings;  // Lines to show: the metrics beside the baselines.
  nlohmann::ordered_json manifest;    // As written to manifest.json.
};

struct PreprocessingOptions {
  std::map<std::string, Location> sources;  // By source name; all of the workflow's.
  Location output;
  bool overwrite = true;
  double training_fraction = 0.9;
  StepObserver observer = {};
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
  StepObserver observer = {};
};

/// Steps 2 and 3: writes dataframe/, and pipeline_model/ if it was fitted here.
StepReport RunFeatureEngineering(Engine& engine, const Workflow& workflow,
                                 const FeatureOptions& options);

/// Which model is trained, and how.
/// Who trains: we, or Spark ML's own estimator on the cluster.
enum class Trainer { kOwn, kSpark };

struct ModelOptions {
  std::string type;
  nlohmann::ordered_json params;  // As given; checked by the step, before any data is read.
  int num_threads = 0;            // 0: one per core. Does not change the model.
  /// Whether the caller's observer is going to end the step, and long training should be saved
  /// before; asked after each iteration. May be empty.
  std::function<bool()> stop_requested = {};
  Trainer trainer = Trainer::kOwn;
};

struct TrainingOptions {
  Location training_dataset;
  Location validation_dataset;
  Location output;
  bool overwrite = true;
  ModelOptions model;
  StepObserver observer = {};
};

/// Step 4: trains on the training frame, writes training|validation/{predictions.csv/,
/// metrics.json} and model/.
StepReport RunModelTraining(Engine& engine, const Workflow& workflow,
                            const TrainingOptions& options);

struct RunOptions {
  std::map<std::string, Location> sources;  // By source name; all of the workflow's.
  Location output;
  bool overwrite = true;
  double training_fraction = 0.9;
  ModelOptions model;
  bool force = false;  // Redo steps that are unchanged since the last run, too.
  StepObserver observer = {};
};

/// All steps at once: writes data_preprocessing/, feature_engineering/{training,validation}/ and
/// model_training/, each as its own step does, and a manifest of the whole. Rows stay in the engine
/// from step to step; rows, model and metrics are those of the steps one by one.
/// A step whose inputs, parameters and part of the workflow are those of the last run into the same
/// output, by the same version, is not done again but kept; rows, model and metrics are the same
/// either way. If that is so of all steps, nothing is written but the status.
StepReport RunAllSteps(Engine& engine, const Workflow& workflow, const RunOptions& options);

}  // namespace firesteel
