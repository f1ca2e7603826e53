#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "features/pipeline.h"
#include "features/registry.h"
#include "sparkml/frame.h"
#include "sparkml/pipeline_directory.h"
#include "storage/output.h"
#include "workflow/manifest.h"
#include "workflow/steps.h"

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

// Runs `action`, and names the data frame in what it throws of the data.
template <typename Action>
auto Within(const Location& dataframe, const Action& action) {
  try {
    return action();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kInterrupted) throw;
    throw error.Within(fmt::format("data frame '{}'", dataframe.path()));
  }
}

}  // namespace

StepReport RunFeatureEngineering(Engine& engine, const Workflow& workflow,
                                 const FeatureOptions& options) {
  PhaseClock clock(options.observer);
  std::vector<std::string> files;
  try {
    files = ListDataFiles(options.dataframe);
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
                          .entries = {"dataframe", "pipeline_model", "rejected", "manifest.json"}});
  InputHashes hashes;
  hashes.Add("dataframe", files);
  if (options.pipeline_model) hashes.AddTree("pipeline_model", options.pipeline_model->path());
  hashes.Start();

  Manifest manifest;
  manifest.step = "feature_engineering";
  manifest.engine = engine.version();
  manifest.parameters = {{"overwrite_output", options.overwrite}};

  clock.Begin("reading");
  const Relation frame = ReadFrame(engine, options.dataframe);
  const std::int64_t num_read = engine.Count(frame);
  if (num_read == 0) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("the data frame '{}' has no rows", options.dataframe.path()));
  }
  const std::string seed =
      fmt::format("feature_engineering {} {}", hashes.Combined(), Sha256(workflow.text));

  clock.Begin(options.pipeline_model ? "loading" : "fitting");
  const auto fit = [&] {
    return Within(options.dataframe,
                  [&] { return MakePipeline(workflow, seed).Fit(engine, frame); });
  };
  const PipelineModel model =
      options.pipeline_model
          ? ReadPipelineModel(engine, *options.pipeline_model, workflow.python_stages)
          : fit();
  clock.Begin("transforming");
  const Relation transformed =
      Within(options.dataframe, [&] { return model.Transform(engine, frame); });
  clock.Begin("writing");
  const WriteResult written =
      WriteFrame(engine, transformed, output.MakeFolder("dataframe"), UuidOf(seed + " dataframe"));
  if (!options.pipeline_model) {
    WritePipelineModel(model, engine, output.staging() + "/pipeline_model",
                       {.timestamp_ms = TimestampOf(seed), .uuid_seed = seed});
  }

  RowLedger ledger{.read = num_read, .used = written.num_rows};
  // A stage with handleInvalid: skip leaves rows out, as Spark's does.
  if (written.num_rows != num_read) {
    ledger.rejected["skipped_by_stage"] = num_read - written.num_rows;
    manifest.Warn(fmt::format("{} of {} rows were left out by stages of the pipeline",
                              num_read - written.num_rows, num_read));
  }
  manifest.ledgers.emplace_back("dataframe", ledger);
  manifest.rows = {{"read", num_read}, {"dataframe", written.num_rows}};
  manifest.results["pipeline_model"] = {{"uid", model.uid()},
                                        {"fitted_here", !options.pipeline_model.has_value()}};
  manifest.inputs = hashes.Wait();
  clock.End();

  StepReport report;
  report.manifest = manifest.Write(output.staging(), workflow, clock);
  output.Commit();
  report.output = options.output.path();
  report.rows = {{"dataframe", written.num_rows}};
  report.seconds = clock.Seconds();
  return report;
}

}  // namespace firesteel
