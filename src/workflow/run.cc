#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "sparkml/frame.h"
#include "sparkml/pipeline_directory.h"
#include "storage/output.h"
#include "workflow/evaluation.h"
#include "workflow/step_parts.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

// The manifest that an earlier run left in a folder of the output; null if there is none.
Json OldManifest(const OutputDirectory& output, const std::string& folder) {
  const std::optional<std::string> text = output.ReadOld(folder + "/manifest.json");
  if (!text) return nullptr;
  Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() ? json : Json(nullptr);
}

// A step of the run, in a folder of the run's output.
struct Part {
  Part(Engine& engine, const Workflow& workflow, const std::string& step, std::string in_folder,
       OutputDirectory* output, const RunOptions& options, StepStatus* status)
      : folder(std::move(in_folder)),
        location(options.output / folder),
        old(options.force ? Json(nullptr) : OldManifest(*output, folder)),
        work(engine, workflow, step,
             {.directory = output->MakeFolder(folder),
              .target = fmt::format("{}/{}", options.output.path(), folder),
              .output = output,
              .part_of = folder.find('/') == std::string::npos ? ".." : "../.."},
             status->observer()) {}

  std::string folder;
  Location location;  // Where it lies once the output is complete, and where the old one lies.
  Json old;           // What OldManifest says; null if it is not to be looked at.
  StepWork work;
  bool is_kept = false;
};

class Run {
 public:
  Run(Engine& engine, const Workflow& workflow, const RunOptions& options,
      const ModelChoice& choice, const std::vector<SourceFiles>& sources, OutputDirectory* output,
      StepStatus* status)
      : engine_(engine),
        workflow_(workflow),
        options_(options),
        choice_(choice),
        sources_(sources),
        output_(*output),
        status_(*status),
        run_(engine, workflow, "run",
             {.directory = output->staging(), .target = options.output.path(), .output = output},
             {}),
        preprocessing_(engine, workflow, "data_preprocessing", "data_preprocessing", output,
                       options, status),
        fitting_(engine, workflow, "feature_engineering", "feature_engineering/training", output,
                 options, status),
        applying_(engine, workflow, "feature_engineering", "feature_engineering/validation", output,
                  options, status),
        learning_(engine, workflow, "model_training", "model_training", output, options, status) {}

  StepReport Go();

 private:
  // Whether a part need not be done, as the old output has it; `parameters` are all that it has
  // beside its inputs and the workflow.
  bool Keep(Part* part, const std::string& parameters);
  void Finish(Part* part, const std::string& parameters);
  // A frame of a part that is kept, where the old output has it.
  Frame ReadKept(const Part& part, const std::string& folder) const;
  void Preprocess();
  void MakeAllFeatures();
  void Learn();
  StepReport Unchanged();

  const Frame& TrainingRows() { return Take(&rows_training_, preprocessing_, "training"); }
  const Frame& ValidationRows() { return Take(&rows_validation_, preprocessing_, "validation"); }
  const Frame& TrainingFeatures() { return Take(&features_training_, fitting_, "dataframe"); }
  const Frame& ValidationFeatures() { return Take(&features_validation_, applying_, "dataframe"); }
  const Frame& Take(std::optional<Frame>* frame, const Part& part, const std::string& folder) {
    if (!*frame) *frame = ReadKept(part, folder);
    return **frame;
  }

  Engine& engine_;
  const Workflow& workflow_;
  const RunOptions& options_;
  const ModelChoice& choice_;
  const std::vector<SourceFiles>& sources_;
  OutputDirectory& output_;
  StepStatus& status_;
  StepWork run_;
  Part preprocessing_;
  Part fitting_;
  Part applying_;
  Part learning_;
  // What the steps left in the engine, or what was read of those that are kept.
  std::optional<Frame> rows_training_;
  std::optional<Frame> rows_validation_;
  std::optional<Frame> features_training_;
  std::optional<Frame> features_validation_;
  SavedPipeline pipeline_;
};

bool Run::Keep(Part* part, const std::string& parameters) {
  status_.SetPart(part->folder);
  if (part->old.is_null() || !part->work.inputs.MayBe(part->old)) return false;
  std::optional<Manifest> old = Manifest::Parse(part->old);
  if (!old || old->key.empty() || old->key != part->work.Key(parameters) ||
      !output_.IsOldIntact(part->folder)) {
    return false;
  }
  part->is_kept = true;
  part->work.manifest = std::move(*old);
  part->work.manifest.inputs = part->work.inputs.Wait();
  LogInfo(fmt::format("{}: unchanged since the last run, kept", part->folder));
  for (const std::string& warning : part->work.manifest.warnings) LogWarning(warning);
  return true;
}

void Run::Finish(Part* part, const std::string& parameters) {
  part->work.manifest.key = part->work.Key(parameters);
  part->work.Finish();
}

Frame Run::ReadKept(const Part& part, const std::string& folder) const {
  const Location location = part.location / folder;
  Frame frame{.path = location.path(), .rows = ReadFrame(engine_, location)};
  for (const auto& [name, count] : part.work.manifest.rows) {
    if (name == folder) frame.num_rows = count;
  }
  return frame;
}

void Run::Preprocess() {
  const std::string parameters = fmt::format("{}", options_.training_fraction);
  StepWork& work = preprocessing_.work;
  for (const SourceFiles& source : sources_) work.inputs.Add(source.spec->name, source.location);
  work.inputs.Adopt(preprocessing_.old);
  work.HashInputs();
  if (Keep(&preprocessing_, parameters)) return;
  work.manifest.parameters = {{"training_fraction", options_.training_fraction}};
  SplitRows rows = SplitSources(sources_, options_.training_fraction, /*keep=*/true, &work);
  rows_training_ = std::move(rows.training);
  rows_validation_ = std::move(rows.validation);
  Finish(&preprocessing_, parameters);
}

void Run::MakeAllFeatures() {
  const std::string origin =
      preprocessing_.work.Seed(fmt::format("{}", options_.training_fraction));
  const std::string rows_path = preprocessing_.work.place().target;
  fitting_.work.inputs.AddRows("dataframe", rows_path + "/training", origin + " training");
  if (!Keep(&fitting_, "")) {
    FeatureRows made = MakeFeatures(TrainingRows(), {}, /*keep=*/true, &fitting_.work);
    features_training_ = std::move(made.frame);
    pipeline_ = std::move(made.pipeline);
    Finish(&fitting_, "");
  }

  const std::string model_path = fitting_.work.place().target + "/pipeline_model";
  applying_.work.inputs.AddRows("dataframe", rows_path + "/validation", origin + " validation");
  applying_.work.inputs.AddRows("pipeline_model", model_path, fitting_.work.Seed(""));
  if (!Keep(&applying_, "")) {
    if (pipeline_.model == nullptr) {
      pipeline_.model = std::make_shared<const PipelineModel>(ReadPipelineModel(
          engine_, fitting_.location / "pipeline_model", workflow_.python_stages));
    }
    features_validation_ =
        MakeFeatures(ValidationRows(), pipeline_, /*keep=*/true, &applying_.work).frame;
    Finish(&applying_, "");
  }
}

void Run::Learn() {
  const std::string parameters = ParametersText(choice_);
  StepWork& work = learning_.work;
  work.inputs.AddRows("training", fitting_.work.place().target + "/dataframe",
                      fitting_.work.Seed(""));
  work.inputs.AddRows("validation", applying_.work.place().target + "/dataframe",
                      applying_.work.Seed(""));
  const bool is_kept = Keep(&learning_, parameters);
  if (is_kept) {
    const std::optional<std::string> text = output_.ReadOld(learning_.folder + "/evaluation.json");
    try {
      work.findings =
          Evaluation::ToLines("validation", Json::parse(text.value_or("")).at("validation"));
    } catch (const Json::exception& error) {
      LogDebug(fmt::format("the kept evaluation can't be shown: {}", error.what()));
    }
    return;
  }
  TrainOnFrames(TrainingFeatures(), ValidationFeatures(), choice_, &work);
  Finish(&learning_, parameters);
}

StepReport Run::Unchanged() {
  StepReport report;
  report.output = options_.output.path();
  report.is_unchanged = true;
  report.seconds = run_.clock.Seconds();
  report.findings = learning_.work.findings;
  report.manifest = Json::parse(output_.ReadOld("manifest.json").value_or("null"), nullptr, false);
  status_.PublishDone(preprocessing_.work.manifest.rows);
  return report;
}

StepReport Run::Go() {
  run_.RequireReach();
  run_.clock.Begin("data_preprocessing");
  Preprocess();
  run_.clock.Begin("feature_engineering");
  MakeAllFeatures();
  run_.clock.Begin("model_training");
  Learn();

  StepReport report;
  const Part* const parts[] = {&preprocessing_, &fitting_, &applying_, &learning_};
  if (std::all_of(std::begin(parts), std::end(parts), [](const Part* p) { return p->is_kept; })) {
    report = Unchanged();
  } else {
    for (const Part* part : parts) {
      if (part->is_kept) output_.Keep(part->folder);
    }
    Manifest& manifest = run_.manifest;
    manifest.inputs = preprocessing_.work.manifest.inputs;
    manifest.parameters = {{"training_fraction", options_.training_fraction},
                           {"overwrite_output", options_.overwrite}};
    manifest.parameters.update(learning_.work.manifest.parameters);
    for (const Part* part : parts) {
      const Manifest& own = part->work.manifest;
      manifest.results.update(own.results);
      manifest.warnings.insert(manifest.warnings.end(), own.warnings.begin(), own.warnings.end());
    }
    for (const Part* part : {&preprocessing_, &learning_}) {
      const auto& ledgers = part->work.manifest.ledgers;
      manifest.ledgers.insert(manifest.ledgers.end(), ledgers.begin(), ledgers.end());
    }
    manifest.rows = preprocessing_.work.manifest.rows;
    run_.findings = learning_.work.findings;
    report = Commit(&run_, &output_, &status_);
  }
  report.rows.clear();
  for (const auto& [part, count] : preprocessing_.work.manifest.rows) {
    if (part == "training" || part == "validation") report.rows.emplace_back(part, count);
  }
  return report;
}

}  // namespace

StepReport RunAllSteps(Engine& engine, const Workflow& workflow, const RunOptions& options) {
  CheckTrainingFraction(options.training_fraction);
  const ModelChoice choice = CheckModel(options.model, engine);
  const std::vector<SourceFiles> sources = FindSources(workflow, options.sources);
  std::vector<Location> locations;
  for (const SourceFiles& source : sources) locations.push_back(source.location);
  OutputDirectory output(options.output, {.overwrite = options.overwrite,
                                          .inputs = locations,
                                          .entries = {"data_preprocessing", "feature_engineering",
                                                      "model_training", "manifest.json"},
                                          .holds_outputs = true});
  StepStatus status(&output, "run", options.observer);
  return WithStatus(&status, [&] {
    return Run(engine, workflow, options, choice, sources, &output, &status).Go();
  });
}

}  // namespace firesteel
