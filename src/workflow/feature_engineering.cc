#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "features/pipeline.h"
#include "features/registry.h"
#include "sparkml/frame.h"
#include "sparkml/pipeline_directory.h"
#include "storage/output.h"
#include "workflow/engine_folder.h"
#include "workflow/step_parts.h"

namespace firesteel {
namespace {

// The stages of the workflow, with uids that depend on the workflow and its input alone.
Pipeline MakePipeline(const Workflow& workflow, const std::string& seed) {
  std::vector<std::unique_ptr<Stage>> stages;
  for (std::size_t i = 0; i < workflow.stages.size(); ++i) {
    const StageSpec& spec = workflow.stages[i];
    stages.push_back(MakeStage(spec.kind, spec.params,
                               UidOf(spec.kind, fmt::format("{} {}", seed, i)),
                               fmt::format("{} line {}", workflow.file, spec.line)));
  }
  return Pipeline(UidOf("PipelineModel", seed), std::move(stages));
}

std::string NameOf(const std::string& path) { return fmt::format("data frame '{}'", path); }

// Runs `action`, and names the data frame in what it throws of the data.
template <typename Action>
auto Within(const std::string& path, const Action& action) {
  try {
    return action();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kInterrupted) throw;
    throw error.Within(NameOf(path));
  }
}

// For an engine that is Spark and loads the stages they are saved once more, where it sees them:
// what was read may lie on S3, be nested or have stages of Python's own.
Relation Transform(const Frame& input, const SavedPipeline& pipeline, StepWork* work) {
  Engine& engine = work->engine();
  const std::string where = NameOf(input.path);
  if (!engine.AppliesSparkStages()) return pipeline.model->Transform(engine, input.rows, where);
  const EngineFolder folder(engine, work->place(), "stages");
  if (!pipeline.directory.empty() && folder.shared() == folder.local()) {
    return pipeline.model->TransformBySparkStages(
        engine, input.rows, StageFolders(*pipeline.model, pipeline.directory), where);
  }
  WritePipelineModel(*pipeline.model, engine, folder.local(), {.uuid_seed = folder.local()});
  folder.Publish();
  return pipeline.model->TransformBySparkStages(
      engine, input.rows, StageFolders(*pipeline.model, folder.shared()), where);
}

}  // namespace

FeatureRows MakeFeatures(const Frame& input, SavedPipeline pipeline, bool keep, StepWork* work) {
  if (input.num_rows == 0) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("the data frame '{}' has no rows", input.path));
  }
  Engine& engine = work->engine();
  const std::string seed = work->Seed("");
  const bool fit = pipeline.model == nullptr;
  if (fit) {
    work->clock.Begin("fitting");
    pipeline.model = std::make_shared<const PipelineModel>(Within(
        input.path, [&] { return MakePipeline(work->workflow(), seed).Fit(engine, input.rows); }));
    pipeline.directory = work->place().directory + "/pipeline_model";
    WritePipelineModel(*pipeline.model, engine, pipeline.directory,
                       {.timestamp_ms = TimestampOf(seed),
                        .uuid_seed = seed,
                        .name_salt = work->place().output->name_salt()});
  }
  work->clock.Begin("transforming");
  Relation transformed = Transform(input, pipeline, work);
  if (keep && !work->ReadsBack()) transformed = engine.Keep(transformed);
  work->clock.Begin("writing");
  const WriteResult written = work->Write(
      transformed, "dataframe", FrameOptions(transformed, work->FileUuid(seed, "dataframe")));

  RowLedger ledger{.read = input.num_rows, .used = written.num_rows};
  // A stage with handleInvalid: skip leaves rows out, as Spark's does.
  if (written.num_rows != input.num_rows) {
    ledger.rejected["skipped_by_stage"] = input.num_rows - written.num_rows;
    work->manifest.Warn(fmt::format("{} of {} rows were left out by stages of the pipeline",
                                    input.num_rows - written.num_rows, input.num_rows));
  }
  work->manifest.ledgers.emplace_back("dataframe", ledger);
  work->manifest.rows.emplace_back("read", input.num_rows);
  work->AddWritten("dataframe", written.num_rows);
  work->manifest.results["pipeline_model"] = {{"uid", pipeline.model->uid()}, {"fitted_here", fit}};
  return {.frame = {.path = work->place().target + "/dataframe",
                    .rows = keep ? work->RowsOf(transformed, "dataframe") : Relation(),
                    .num_rows = written.num_rows},
          .pipeline = std::move(pipeline)};
}

StepReport RunFeatureEngineering(Engine& engine, const Workflow& workflow,
                                 const FeatureOptions& options) {
  try {
    DataFilesFor(engine, options.dataframe);
  } catch (const Error& error) {
    throw error.Within("data frame");
  }
  std::vector<Location> inputs = {options.dataframe};
  if (options.pipeline_model) {
    if (!options.pipeline_model->IsDirectory()) {
      throw Error(ErrorKind::kNotFound, fmt::format("pipeline model: there is no folder '{}'",
                                                    options.pipeline_model->path()));
    }
    inputs.push_back(*options.pipeline_model);
  }
  OutputDirectory output(options.output,
                         {.overwrite = options.overwrite,
                          .inputs = inputs,
                          .entries = {"dataframe", "pipeline_model", "manifest.json"}});
  StepStatus status(&output, "feature_engineering", options.observer);
  StepWork work(engine, workflow, "feature_engineering",
                {.directory = output.staging(), .target = options.output.path(), .output = &output},
                status.observer());
  work.inputs.Add("dataframe", options.dataframe);
  if (options.pipeline_model) work.inputs.AddTree("pipeline_model", *options.pipeline_model);
  work.HashInputs();
  work.RequireReach();
  work.manifest.parameters = {{"overwrite_output", options.overwrite}};

  return Complete(&work, &output, &status, [&] {
    work.clock.Begin("reading");
    Frame frame{.path = options.dataframe.path(), .rows = ReadFrame(engine, options.dataframe)};
    frame.num_rows = engine.Count(frame.rows);
    SavedPipeline pipeline;
    if (options.pipeline_model) {
      work.clock.Begin("loading");
      pipeline.model = std::make_shared<const PipelineModel>(
          ReadPipelineModel(engine, *options.pipeline_model, workflow.python_stages));
    }
    MakeFeatures(frame, std::move(pipeline), /*keep=*/false, &work);
  });
}

}  // namespace firesteel
