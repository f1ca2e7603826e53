#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "storage/output.h"
#include "workflow/step_parts.h"

namespace firesteel {
namespace {

// A step of the run, in a folder of the run's output.
StepWork MakeStep(Engine& engine, const Workflow& workflow, const std::string& step,
                  const std::string& folder, OutputDirectory* output, const RunOptions& options) {
  return StepWork(engine, workflow, step,
                  {.directory = output->MakeFolder(folder),
                   .target = fmt::format("{}/{}", options.output.path(), folder),
                   .name_salt = output->name_salt(),
                   .part_of = folder.find('/') == std::string::npos ? ".." : "../.."},
                  options.observer);
}

}  // namespace

StepReport RunAllSteps(Engine& engine, const Workflow& workflow, const RunOptions& options) {
  CheckTrainingFraction(options.training_fraction);
  const ModelChoice choice = CheckModel(options.model);
  const std::vector<SourceFiles> sources = FindSources(workflow, options.sources);
  std::vector<Location> locations;
  for (const SourceFiles& source : sources) locations.push_back(source.location);
  OutputDirectory output(options.output, {.overwrite = options.overwrite,
                                          .inputs = locations,
                                          .entries = {"data_preprocessing", "feature_engineering",
                                                      "model_training", "manifest.json"},
                                          .holds_outputs = true});
  StepWork run(engine, workflow, "run",
               {.directory = output.staging(),
                .target = options.output.path(),
                .name_salt = output.name_salt()},
               {});
  run.clock.Begin("data_preprocessing");
  StepWork preprocessing =
      MakeStep(engine, workflow, "data_preprocessing", "data_preprocessing", &output, options);
  for (const SourceFiles& source : sources) {
    preprocessing.inputs.Add(source.spec->name, source.files);
  }
  preprocessing.inputs.Start();
  preprocessing.manifest.parameters = {{"training_fraction", options.training_fraction}};
  const SplitRows rows =
      SplitSources(sources, options.training_fraction, /*keep=*/true, &preprocessing);
  preprocessing.Finish();
  const std::string origin = preprocessing.Seed(fmt::format("{}", options.training_fraction));

  run.clock.Begin("feature_engineering");
  StepWork fitting = MakeStep(engine, workflow, "feature_engineering",
                              "feature_engineering/training", &output, options);
  fitting.inputs.AddRows("dataframe", rows.training.path, origin + " training");
  const FeatureRows training = MakeFeatures(rows.training, nullptr, /*keep=*/true, &fitting);
  fitting.Finish();

  StepWork applying = MakeStep(engine, workflow, "feature_engineering",
                               "feature_engineering/validation", &output, options);
  applying.inputs.AddRows("dataframe", rows.validation.path, origin + " validation");
  applying.inputs.AddRows("pipeline_model", fitting.place().target + "/pipeline_model",
                          fitting.Seed(""));
  const FeatureRows validation =
      MakeFeatures(rows.validation, training.model, /*keep=*/true, &applying);
  applying.Finish();

  run.clock.Begin("model_training");
  StepWork learning =
      MakeStep(engine, workflow, "model_training", "model_training", &output, options);
  learning.inputs.AddRows("training", training.frame.path, fitting.Seed(""));
  learning.inputs.AddRows("validation", validation.frame.path, applying.Seed(""));
  TrainOnFrames(training.frame, validation.frame, choice, &learning);
  learning.Finish();

  run.manifest.inputs = preprocessing.manifest.inputs;
  run.manifest.parameters = {{"training_fraction", options.training_fraction},
                             {"overwrite_output", options.overwrite}};
  run.manifest.parameters.update(learning.manifest.parameters);
  for (const StepWork* step : {&preprocessing, &fitting, &applying, &learning}) {
    run.manifest.results.update(step->manifest.results);
    for (const std::string& warning : step->manifest.warnings) {
      run.manifest.warnings.push_back(warning);
    }
  }
  for (const StepWork* step : {&preprocessing, &learning}) {
    for (const auto& ledger : step->manifest.ledgers) run.manifest.ledgers.push_back(ledger);
  }
  run.manifest.rows = preprocessing.manifest.rows;
  run.findings = learning.findings;
  StepReport report = Commit(&run, &output);
  report.rows = {{"training", rows.training.num_rows}, {"validation", rows.validation.num_rows}};
  return report;
}

}  // namespace firesteel
