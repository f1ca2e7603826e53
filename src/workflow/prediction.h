#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "features/marked_transform.h"
#include "features/pipeline.h"
#include "sparkml/model_directory.h"
#include "sql/select.h"
#include "storage/location.h"
#include "storage/output.h"
#include "workflow/step_parts.h"
#include "workflow/step_work.h"
#include "workflow/steps.h"
#include "workflow/workflow.h"

namespace firesteel {

/// Where rows to be predicted come from: a data frame or the workflow's sources.
struct PredictionInput {
  /// Parquet or CSV: a file, or a folder of them.
  std::optional<Location> frame = {};
  /// By source name; all of the workflow's. Empty: there is a frame.
  std::map<std::string, Location> sources = {};

  std::vector<Location> Locations() const;
};

/// What rows are predicted with.
struct Predictor {
  SavedModel model;
  std::shared_ptr<const PipelineModel> pipeline = {};  // Before the model's own stages; or null.

  /// Throws as ReadModel and ReadPipelineModel do.
  static Predictor Load(Engine& engine, const Location& model,
                        const std::optional<Location>& pipeline, const PythonStages& python_stages);
};

/// Numbers the rows of an input from 0 in the order of its files (bigint).
inline constexpr const char* kRowColumn = "firesteel_row";
inline constexpr const char* kRawPrediction = "raw_prediction";
inline constexpr const char* kRoundedPrediction = "rounded_prediction";

/// Finds the files of an input, reads them and joins the sources: rows as they came, one for each
/// of the frame or the first source, with kRowColumn. Adds the files to the hashed inputs of
/// `work`, whose hashing must not have been started, and starts it. Throws what ReadFrame,
/// Engine::ReadCsv and JoinEachRow throw.
class PredictionRows {
 public:
  /// Only looks for the files, so that a wrong path is found before anything is made.
  PredictionRows(Engine& engine, const Workflow& workflow, const PredictionInput& input);

  void AddInputs(InputHashes* hashes) const;
  Frame Read(StepWork* work) const;

 private:
  PredictionInput input_;
  std::vector<std::string> frame_files_;
  std::vector<SourceFiles> sources_;
};

/// Rows with their predictions.
struct ScoredRows {
  /// Lazily, in no promised order: the label if there is one, rounded_prediction and raw_prediction
  /// (double), the id columns, kRowColumn and, but for UnseenPolicy::kError, kProblemColumn and
  /// kProblemValueColumn. A prediction is null where it is rejected, where there is no vector, and,
  /// but for kError, instead of NaN. Last, further columns that were asked for.
  Relation rows;
  /// What model-training writes of them, in that order: label, predictions, ids.
  std::vector<std::string> columns;
  std::string label;                 // Empty: the rows have none.
  std::vector<RowProblem> problems;  // By kProblemColumn.
};

struct ScoringOptions {
  const StepWork::Place* place;  // Where files may lie for a moment: see Scorer.
  UnseenPolicy on_unseen = UnseenPolicy::kError;
  IdColumns ids = {};
  /// What a caller wants to have beside the predictions, over the transformed rows, whose schema
  /// (label, ids, what stages made, the vector) it is given; may be empty.
  std::function<std::vector<sql::SelectItem>(const Schema& features)> further = {};
};

/// Predicts rows with kRowColumn, each once. Label and ids are those that the features come with,
/// as in training; where stages drop them, those of the input. Columns may come in any order and
/// there may be others. Throws Error(kNotFound or kInvalidArgument), naming columns, before
/// anything is computed, for what a stage lacks and for features that are not the model's; for
/// UnseenPolicy::kError what TransformMarked throws.
ScoredRows ScoreRows(Engine& engine, const Frame& input, const Predictor& predictor,
                     const ScoringOptions& options);

/// What is asked of a step that scores rows.
struct PredictionOptions {
  Location model;
  std::optional<Location> pipeline_model;
  PredictionInput input;
  Location output;
  bool overwrite = true;
  FileFormat format = FileFormat::kCsv;  // Of the predictions, where they are written.
  UnseenPolicy on_unseen = UnseenPolicy::kError;
  StepObserver observer = {};
};

/// A step that scores rows, ready to begin: its inputs are found and being hashed, its output is
/// made aside.
struct ScoringStep {
  /// `entries`: what the step writes.
  ScoringStep(Engine& engine, const Workflow& workflow, const std::string& name,
              const PredictionOptions& options, std::vector<std::string> entries);

  /// Loads the model and reads the rows.
  Predictor LoadPredictor(const PredictionOptions& options);

  PredictionRows rows;
  std::vector<Location> inputs;  // Looked at by `output`.
  OutputDirectory output;
  StepStatus status;
  StepWork work;
};

/// Predicts new rows: writes predictions.csv/ or predictions.parquet/, one row for each of the
/// input and in its order, and for UnseenPolicy::kReject rejected/.
StepReport RunPrediction(Engine& engine, const Workflow& workflow,
                         const PredictionOptions& options);

/// A policy as a flag spells it: error, keep, reject.
std::string_view NameOf(UnseenPolicy policy);

}  // namespace firesteel
