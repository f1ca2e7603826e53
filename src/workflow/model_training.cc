#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "features/pipeline.h"
#include "features/registry.h"
#include "learn/learner.h"
#include "model/regressor.h"
#include "sparkml/frame.h"
#include "sparkml/model_directory.h"
#include "sparkml/spark_fit.h"
#include "sql/expression.h"
#include "storage/output.h"
#include "workflow/engine_folder.h"
#include "workflow/engine_training_source.h"
#include "workflow/evaluation.h"
#include "workflow/metrics_text.h"
#include "workflow/scorer.h"
#include "workflow/step_parts.h"
#include "workflow/training_checkpoint.h"
#include "workflow/version.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFeatures = "training_cols";
constexpr const char* kPrediction = "raw_prediction";
constexpr const char* kRounded = "rounded_prediction";
constexpr std::size_t kMaxNamed = 10;  // Columns that one message names.

class Training {
 public:
  Training(const Frame& training, const Frame& validation, const ModelChoice& choice,
           StepWork* work)
      : engine_(work->engine()),
        workflow_(work->workflow()),
        choice_(choice),
        work_(*work),
        training_{.name = "training", .frame = training},
        validation_{.name = "validation", .frame = validation} {}

  void Run();
  // What of the training is saved beside the output: "120 of 300 iterations".
  std::optional<std::string> saved() const {
    return checkpoint_ ? checkpoint_->saved() : std::nullopt;
  }

 private:
  struct Part {
    std::string name;
    Frame frame;
    Relation assembled = {};  // Label, ids, further columns that someone asks for, features.

    std::string Where() const { return fmt::format("{} '{}'", name, frame.path); }
    const Schema& schema() const { return frame.rows.schema(); }
  };

  void CheckLabel(const Part& part) const;
  void ChooseColumns();
  void RequireColumns() const;
  PipelineModel MakeAssembler() const;
  // Label, ids, `carried`, features, and the positions of the categories, named by PositionColumn.
  Relation Assemble(const Part& part, const std::vector<std::string>& carried,
                    const std::vector<CategoryColumn>& categories) const;
  void ReadAttributes();
  // The weight, if the validation part has it too: it is not asked to.
  TrainingColumns ValidationColumns() const;
  EngineTrainingSource MakeSource(const Part& part, TrainingColumns columns) const;
  std::shared_ptr<const Regressor> Train();
  std::shared_ptr<const Regressor> TrainOnSpark();
  // The parameters as given, over the defaults.
  Json ResolvedParameters() const;
  void WriteModelFolder(const std::shared_ptr<const Regressor>& model) const;
  void Predict(const Part& part, Scorer* scorer);
  void Report(const Part& part, const Evaluation& evaluation);

  Engine& engine_;
  const Workflow& workflow_;
  const ModelChoice& choice_;
  StepWork& work_;
  std::string seed_;
  std::string label_;  // As the training frame spells it.
  TrainingColumns columns_;
  std::vector<std::string> feature_columns_;
  std::shared_ptr<const PipelineModel> assembler_;
  std::vector<Attribute> attributes_;
  std::optional<TrainingCheckpoint> checkpoint_;
  Json facts_;                           // What the training has to say of itself.
  std::optional<double> training_mean_;  // Of the label; known once the training part is predicted.
  std::vector<CategoryColumn> categories_;  // Of the validation part.
  Json evaluation_;                         // For evaluation.json.
  Part training_;
  Part validation_;
};

void Training::CheckLabel(const Part& part) const {
  const Schema& schema = part.schema();
  if (!schema.Find(workflow_.label)) {
    throw Error(ErrorKind::kNotFound,
                fmt::format("{} has no label column '{}'{}; its columns are {}", part.Where(),
                            workflow_.label, DidYouMean(workflow_.label, schema.names()),
                            Join(schema.names(), ", ")));
  }
  const Field& field = schema.Get(workflow_.label);
  if (!field.type.IsNumeric()) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{}: the label '{}' is of type {}; it must be numeric", part.Where(),
                            field.name, field.type.ToString()));
  }
}

void Training::ChooseColumns() {
  for (const Part* part : {&training_, &validation_}) {
    CheckLabel(*part);
    if (part->frame.num_rows == 0) {
      throw Error(ErrorKind::kInvalidArgument, fmt::format("{} has no rows", part->Where()));
    }
  }
  for (const std::string& column : training_.schema().names()) {
    if (EqualsIgnoringCase(column, workflow_.label)) {
      label_ = column;
    } else if (!workflow_.ids.Contains(column)) {
      feature_columns_.push_back(column);
    }
  }
  if (feature_columns_.empty()) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{} has no feature column: there are only the label and ids",
                            training_.Where()));
  }
  columns_ = choice_.kind->columns(choice_.params);
}

void Training::RequireColumns() const {
  std::vector<std::string> missing;
  for (const std::string& column : feature_columns_) {
    if (!validation_.schema().Find(column)) missing.push_back("'" + column + "'");
  }
  if (!missing.empty()) {
    const std::size_t num_missing = missing.size();
    if (num_missing > kMaxNamed) {
      missing.resize(kMaxNamed);
      missing.push_back(fmt::format("and {} more", num_missing - kMaxNamed));
    }
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{} lacks columns that training has: {}; make both with the same "
                            "pipeline model",
                            validation_.Where(), Join(missing, ", ")));
  }
  const auto require = [](const Part& part, const std::string& column, const std::string& user) {
    const std::vector<std::string> names = part.schema().names();
    if (part.schema().Find(column)) return;
    throw Error(
        ErrorKind::kNotFound,
        fmt::format("{} has no column '{}', which {} names{}; its columns are {}", part.Where(),
                    column, user, DidYouMean(column, names), Join(names, ", ")));
  };
  for (const std::optional<std::string>& column : {columns_.weight, columns_.held_out}) {
    if (column) require(training_, *column, "a model parameter");
  }
  for (const std::string& column : workflow_.baselines) {
    require(validation_, column, "'baselines' of the workflow");
    const Field& field = validation_.schema().Get(column);
    if (!field.type.IsNumeric()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("{}: the baseline '{}' is of type {}; it must be numeric",
                              validation_.Where(), field.name, field.type.ToString()));
    }
  }
}

PipelineModel Training::MakeAssembler() const {
  std::vector<std::unique_ptr<Stage>> stages;
  stages.push_back(MakeStage("VectorAssembler",
                             {{"inputCols", feature_columns_}, {"outputCol", kFeatures}},
                             UidOf("VectorAssembler", seed_), "training columns"));
  return Pipeline(UidOf("PipelineModel", seed_), std::move(stages))
      .Fit(engine_, training_.frame.rows);
}

Relation Training::Assemble(const Part& part, const std::vector<std::string>& carried,
                            const std::vector<CategoryColumn>& categories) const {
  const Relation all =
      assembler_->TransformBySparkStages(engine_, part.frame.rows, {}, part.Where());
  std::vector<std::string> names = {label_};
  const auto add = [&names](const std::string& column) {
    const bool is_there = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return EqualsIgnoringCase(name, column);
    });
    if (!is_there) names.push_back(column);
  };
  for (const std::string& column : part.schema().names()) {
    if (workflow_.ids.Contains(column)) add(column);
  }
  for (const std::string& column : carried) add(part.schema().Get(column).name);
  add(kFeatures);
  sql::Select select;
  for (const std::string& name : names) select.items.push_back({sql::Column(name), name});
  for (std::size_t i = 0; i < categories.size(); ++i) {
    select.items.push_back({categories[i].expression, PositionColumn(i)});
  }
  return engine_.Query(all, select);
}

void Training::ReadAttributes() {
  const Field& field = training_.assembled.schema().Get(kFeatures);
  const auto* group = std::get_if<AttributeGroup>(&field.attributes);
  if (group == nullptr || group->size == 0) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{}: the columns {} give no feature", training_.Where(),
                            Join(feature_columns_, ", ")));
  }
  attributes_ = group->slots.value_or(std::vector<Attribute>(group->size));
  const auto* other =
      std::get_if<AttributeGroup>(&validation_.assembled.schema().Get(kFeatures).attributes);
  if (other != nullptr && other->size != group->size) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("training has {} features and validation {}; make both with the same "
                            "pipeline model",
                            group->size, other->size));
  }
}

TrainingColumns Training::ValidationColumns() const {
  const bool has_weight = columns_.weight && validation_.schema().Find(*columns_.weight);
  return {.weight = has_weight ? columns_.weight : std::nullopt};
}

EngineTrainingSource Training::MakeSource(const Part& part, TrainingColumns columns) const {
  return EngineTrainingSource(engine_, part.assembled, part.frame.num_rows,
                              {.name = part.Where(),
                               .features = kFeatures,
                               .label = label_,
                               .columns = std::move(columns),
                               .attributes = attributes_});
}

// Spark sees each row, many times.
std::shared_ptr<const Regressor> Training::TrainOnSpark() {
  work_.clock.Begin("training");
  // What Spark would fail at in the middle, or learn from.
  MakeSource(training_, columns_).RefuseUnusable();
  const EngineFolder folder(engine_, work_.place(), "trained");
  const std::shared_ptr<const Regressor> model = FitOnSpark(training_.assembled, engine_,
                                                            {.kind = choice_.kind->name,
                                                             .params = choice_.params,
                                                             .features = kFeatures,
                                                             .label = label_,
                                                             .directory = folder.shared()});
  facts_ = {{"trained_by", engine_.version()},
            {"trained_on", "rows"},
            {"num_rows", training_.frame.num_rows}};
  LogInfo(fmt::format("{} trained {} on {} rows", engine_.version(), choice_.kind->name,
                      WithThousands(training_.frame.num_rows)));
  return model;
}

std::shared_ptr<const Regressor> Training::Train() {
  if (choice_.trainer == Trainer::kSpark) return TrainOnSpark();
  work_.clock.Begin("training");
  EngineTrainingSource source = MakeSource(training_, columns_);
  EngineTrainingSource validation = MakeSource(validation_, ValidationColumns());
  checkpoint_.emplace(work_.place().output, engine_.version() + " " + seed_,
                      TrainingCheckpoint::Options{.stop_requested = choice_.stop_requested});
  const auto progress = [&](int done, int total) {
    try {
      work_.clock.Tell(done, total);
    } catch (const Error& error) {
      const bool is_interrupted = error.kind() == ErrorKind::kInterrupted;
      if (is_interrupted && done < total && checkpoint_->WantsOneMore()) return;
      throw;
    }
  };
  TrainedModel trained = choice_.kind->train(source, choice_.params,
                                             {.num_threads = choice_.num_threads,
                                              .validation = &validation,
                                              .progress = progress,
                                              .checkpoint = &*checkpoint_});
  facts_ = std::move(trained.facts);
  std::string facts;
  for (const auto& [name, value] : facts_.items()) {
    facts += fmt::format("{}{} {}", facts.empty() ? "" : ", ", name,
                         value.is_string() ? value.get<std::string>() : value.dump());
  }
  LogInfo(fmt::format("trained {} on {} rows: {}", choice_.kind->name,
                      WithThousands(training_.frame.num_rows), facts));
  return std::move(trained.model);
}

Json Training::ResolvedParameters() const {
  Json resolved = DefaultParameters(choice_.kind->parameters);
  resolved.update(choice_.params);
  return resolved;
}

void Training::WriteModelFolder(const std::shared_ptr<const Regressor>& model) const {
  SavedModel saved;
  saved.kind = choice_.kind->name;
  saved.model = model;
  saved.params = choice_.params;
  saved.features_column = kFeatures;
  saved.label_column = label_;
  saved.prediction_column = choice_.params.value("predictionCol", saved.prediction_column);
  saved.attributes = attributes_;
  saved.stages = assembler_;
  saved.facts = facts_;
  saved.resolved = ResolvedParameters();
  for (const std::string& name : feature_columns_) {
    const Field& field = training_.schema().Get(name);
    const auto* group = std::get_if<AttributeGroup>(&field.attributes);
    saved.columns.push_back({.name = field.name, .type = field.type});
    if (field.type == kVectorType) saved.columns.back().width = group != nullptr ? group->size : 0;
  }
  saved.ranges = engine_.FeatureRanges(
      training_.assembled, {.features = {kFeatures, attributes_.size()}, .label = label_});
  saved.workflow_text = workflow_.text;
  saved.origin["created_by"] = {{"firesteel", Version()}, {"engine", engine_.version()}};
  for (const InputFile& input : work_.inputs.Wait()) {
    saved.origin["inputs"].push_back(
        {{"role", input.role}, {"bytes", input.bytes}, {"sha256", input.sha256}});
  }
  WriteModel(saved, engine_, work_.place().directory + "/model",
             {.timestamp_ms = TimestampOf(seed_),
              .uuid_seed = seed_,
              .name_salt = work_.place().output->name_salt()});
}

void Training::Predict(const Part& part, Scorer* scorer) {
  // Names that no column has; those of the result are checked by the query below.
  const std::string score = "__prediction";
  const bool is_validation = &part == &validation_;
  std::vector<std::string> counted_with = {label_};
  if (is_validation) {
    counted_with.insert(counted_with.end(), workflow_.baselines.begin(), workflow_.baselines.end());
    for (std::size_t i = 0; i < categories_.size(); ++i) counted_with.push_back(PositionColumn(i));
  }
  const Relation scored = scorer->Score(
      part.assembled, {.features = kFeatures, .output = score, .counted_with = counted_with});
  sql::Select select;
  select.items.push_back({sql::Column(label_), label_});
  select.items.push_back({sql::Call("round", {sql::Column(score)}), kRounded});
  select.items.push_back({sql::Column(score), kPrediction});
  for (const std::string& column : part.schema().names()) {
    if (!EqualsIgnoringCase(column, label_) && workflow_.ids.Contains(column)) {
      select.items.push_back({sql::Column(column), column});
    }
  }
  sql::Select shown;  // What the file holds, of the rows that are kept.
  for (const sql::SelectItem& item : select.items) {
    shown.items.push_back({sql::Column(item.name), item.name});
  }
  EvaluatedColumns columns{.label = label_, .model = choice_.kind->name, .raw = kPrediction};
  if (is_validation) {
    columns.training_mean = training_mean_;
    for (const std::string& column : workflow_.baselines) {
      columns.baselines.push_back({column, BaselineColumn(columns.baselines.size())});
      select.items.push_back({sql::Column(column), columns.baselines.back().column});
    }
    for (const CategoryColumn& category : categories_) {
      columns.categories.emplace_back(category, PositionColumn(columns.categories.size()));
      const std::string& name = columns.categories.back().second;
      select.items.push_back({sql::Column(name), name});
    }
  }
  const bool has_more = select.items.size() > shown.items.size();
  const Relation predictions = engine_.Keep(engine_.Query(scored, select));
  const Evaluation evaluation(engine_, predictions, columns);
  if (evaluation.num_bad_labels() > 0) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{}: the label '{}' is null, NaN or infinite in {} of {} rows; leave "
                            "such rows out or fill them in before training",
                            part.Where(), label_, WithThousands(evaluation.num_bad_labels()),
                            WithThousands(part.frame.num_rows)));
  }
  if (!is_validation) training_mean_ = evaluation.label_mean();

  WriteOptions options;
  options.format = FileFormat::kCsv;
  options.uuid = work_.FileUuid(seed_, "predictions " + part.name);
  const WriteResult written =
      work_.Write(has_more ? engine_.Query(predictions, shown) : predictions,
                  part.name + "/predictions.csv", options);
  WriteTextFile(fmt::format("{}/{}/metrics.json", work_.place().directory, part.name),
                MetricsToText(evaluation.raw().Result(), evaluation.rounded().Result()));
  work_.AddWritten(part.name, written.num_rows);
  work_.manifest.ledgers.emplace_back(
      part.name, RowLedger{.read = part.frame.num_rows, .used = written.num_rows});
  Report(part, evaluation);
}

void Training::Report(const Part& part, const Evaluation& evaluation) {
  evaluation_[part.name] = evaluation.ToJson();
  work_.manifest.results["evaluation"][part.name] = evaluation.Summary();
  if (&part == &validation_) work_.findings = evaluation.ToLines(part.name);
  for (const std::string& warning : evaluation.Warnings(part.Where())) {
    work_.manifest.Warn(warning);
  }
}

void Training::Run() {
  ChooseColumns();
  RequireColumns();
  seed_ = work_.Seed(ParametersText(choice_));
  assembler_ = std::make_shared<const PipelineModel>(MakeAssembler());
  std::vector<std::string> carried;
  for (const std::optional<std::string>& column : {columns_.weight, columns_.held_out}) {
    if (column) carried.push_back(*column);
  }
  evaluation_ = {{"version", 1}, {"model", choice_.kind->name}, {"label", label_}};
  training_.assembled = Assemble(training_, carried, {});
  carried = workflow_.baselines;
  if (const TrainingColumns columns = ValidationColumns(); columns.weight) {
    carried.push_back(*columns.weight);
  }
  for (CategoryColumn& category : CategoryColumns(validation_.schema())) {
    const auto found = std::find(feature_columns_.begin(), feature_columns_.end(), category.name);
    if (found != feature_columns_.end()) categories_.push_back(std::move(category));
  }
  validation_.assembled = Assemble(validation_, carried, categories_);
  ReadAttributes();

  const std::shared_ptr<const Regressor> model = Train();
  Scorer scorer(engine_, model, work_.place());
  for (const Part* part : {&training_, &validation_}) {
    work_.clock.Begin("predicting " + part->name);
    Predict(*part, &scorer);
  }
  facts_[kLabelMeanFact] = *training_mean_;
  work_.clock.Begin("saving");
  WriteModelFolder(model);
  WriteTextFile(work_.place().directory + "/evaluation.json", ToJsonText(evaluation_));
  work_.manifest.parameters["model_type"] = choice_.kind->name;
  work_.manifest.parameters["model_params"] = ResolvedParameters();
  if (choice_.trainer == Trainer::kSpark) work_.manifest.parameters["trainer"] = "spark";
  work_.manifest.parameters["label"] = label_;
  work_.manifest.parameters["feature_columns"] = feature_columns_;
  work_.manifest.results["trained"] = facts_;
}

}  // namespace

ModelChoice CheckModel(const ModelOptions& options, const Engine& engine) {
  ModelChoice choice;
  try {
    choice.kind = &FindLearner(options.type);
  } catch (const Error& error) {
    throw error.Within("--model-type");
  }
  const std::string where = "--model-params";
  const Json given = options.params.is_null() ? Json::object() : options.params;
  choice.params = CheckParameters(choice.kind->parameters, given, where);
  if (choice.kind->check != nullptr) {
    try {
      choice.kind->check(choice.params);
    } catch (const Error& error) {
      // What is known and not done yet is as wrong to ask for as what is unknown.
      throw Error(ErrorKind::kUsage, error.Within(where).what());
    }
  }
  if (options.trainer == Trainer::kSpark) {
    const std::string trainer = "--trainer spark";
    if (!engine.AppliesSparkStages()) {
      throw Error(ErrorKind::kUsage, trainer + " needs --engine spark");
    }
    try {
      CheckSparkFit(choice.kind->name, choice.params);
    } catch (const Error& error) {
      throw error.Within(trainer);
    }
  }
  choice.trainer = options.trainer;
  const unsigned num_cores = std::max(1U, std::thread::hardware_concurrency());
  choice.stop_requested = options.stop_requested;
  choice.num_threads = options.num_threads > 0 ? options.num_threads : static_cast<int>(num_cores);
  return choice;
}

std::string ParametersText(const ModelChoice& choice) {
  return fmt::format("{} {}{}", choice.kind->name, choice.params.dump(),
                     choice.trainer == Trainer::kSpark ? " by Spark" : "");
}

void TrainOnFrames(const Frame& training, const Frame& validation, const ModelChoice& choice,
                   StepWork* work) {
  Training steps(training, validation, choice, work);
  try {
    steps.Run();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInterrupted || !steps.saved()) throw;
    throw TrainingStopped(
        ErrorKind::kInterrupted,
        fmt::format("stopped; the training is saved after {}: run the same command again to go on",
                    *steps.saved()));
  }
}

StepReport RunModelTraining(Engine& engine, const Workflow& workflow,
                            const TrainingOptions& options) {
  const ModelChoice choice = CheckModel(options.model, engine);
  struct Input {
    std::string role;
    const Location* location;
    Frame frame;
  };
  Input inputs[] = {{"training", &options.training_dataset, {}},
                    {"validation", &options.validation_dataset, {}}};
  for (const Input& input : inputs) {
    try {
      DataFilesFor(engine, *input.location);
    } catch (const Error& error) {
      throw error.Within(input.role + " data set");
    }
  }
  const Location locations[] = {options.training_dataset, options.validation_dataset};
  OutputDirectory output(options.output, {.overwrite = options.overwrite,
                                          .inputs = locations,
                                          .entries = {"training", "validation", "model",
                                                      "evaluation.json", "manifest.json"}});
  StepStatus status(&output, "model_training", options.observer);
  StepWork work(engine, workflow, "model_training",
                {.directory = output.staging(), .target = options.output.path(), .output = &output},
                status.observer());
  for (const Input& input : inputs) work.inputs.Add(input.role, *input.location);
  work.HashInputs();
  work.RequireReach();
  work.manifest.parameters = {{"overwrite_output", options.overwrite}};

  return Complete(&work, &output, &status, [&] {
    work.clock.Begin("reading");
    for (Input& input : inputs) {
      input.frame = {.path = input.location->path(), .rows = ReadFrame(engine, *input.location)};
      input.frame.num_rows = engine.Count(input.frame.rows);
    }
    TrainOnFrames(inputs[0].frame, inputs[1].frame, choice, &work);
  });
}

}  // namespace firesteel
