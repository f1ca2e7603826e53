#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "features/pipeline.h"
#include "learn/learner.h"
#include "workflow/step_work.h"

namespace firesteel {

// What the steps compute on rows, wherever these come from: a command hands in what it read, `run`
// what the step before left in the engine. Each writes its files into the folder of its StepWork.

/// Where one source is. There are files; they are neither read nor fetched.
struct SourceFiles {
  const SourceSpec* spec = nullptr;
  Location location;
};

/// Throws Error(kUsage) for a source that has no location, Error(kNotFound) for one without files.
std::vector<SourceFiles> FindSources(const Workflow& workflow,
                                     const std::map<std::string, Location>& locations);
/// Throws Error(kUsage) unless the fraction lies between 0 and 1, both excluded.
void CheckTrainingFraction(double fraction);

/// The two parts of the joined rows, written to training/ and validation/. Frames are as they would
/// be read back. `keep`: they are going to be read more often, so that the joined rows are computed
/// once and kept.
struct SplitRows {
  Frame training;
  Frame validation;
};
SplitRows SplitSources(const std::vector<SourceFiles>& sources, double training_fraction, bool keep,
                       StepWork* work);

/// The rows of the first source with what the others have for them, as data-preprocessing joins,
/// names and parses them before it splits; but each is there exactly once, matched or not (an inner
/// join is done as a left one), dated or not, and `row_column` (bigint) numbers them from 0 in the
/// order of the files. There may be none. Throws Error(kInvalidArgument), naming source, key and
/// number, if a row has several matches.
Frame JoinEachRow(const std::vector<SourceFiles>& sources, const std::string& row_column,
                  StepWork* work);

/// A pipeline model and the folder that WritePipelineModel saved it in; empty: it is from
/// elsewhere.
struct SavedPipeline {
  std::shared_ptr<const PipelineModel> model;
  std::string directory = {};
};
/// A data frame with its features, written to dataframe/.
struct FeatureRows {
  Frame frame;
  SavedPipeline pipeline;
};
/// Without a model the workflow's stages are fitted on `input`, and saved in pipeline_model/.
/// `keep`: as for SplitSources.
FeatureRows MakeFeatures(const Frame& input, SavedPipeline pipeline, bool keep, StepWork* work);

/// A model type with parameters that fit it.
struct ModelChoice {
  const LearnerKind* kind = nullptr;
  nlohmann::ordered_json params;  // Checked; only what was given.
  int num_threads = 1;
  std::function<bool()> stop_requested = {};  // See ModelOptions.
  Trainer trainer = Trainer::kOwn;
};
/// Throws Error(kUsage), naming the flag, for an unknown type, a wrong parameter, and a trainer
/// that can't train it.
ModelChoice CheckModel(const ModelOptions& options, const Engine& engine);

/// All of a choice that decides the model.
std::string ParametersText(const ModelChoice& choice);

/// Trains on one frame, predicts both; writes training/, validation/ and model/. Long training is
/// saved beside the output, if the place of `work` has one. Throws TrainingStopped if it was
/// interrupted and saved.
void TrainOnFrames(const Frame& training, const Frame& validation, const ModelChoice& choice,
                   StepWork* work);

}  // namespace firesteel
