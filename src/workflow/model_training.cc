#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "features/pipeline.h"
#include "features/registry.h"
#include "learn/learner.h"
#include "metric/regression_metrics.h"
#include "model/regressor.h"
#include "sparkml/frame.h"
#include "sql/expression.h"
#include "storage/output.h"
#include "workflow/manifest.h"
#include "workflow/metrics_text.h"
#include "workflow/steps.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFeatures = "training_cols";
constexpr const char* kPrediction = "raw_prediction";
constexpr const char* kRounded = "rounded_prediction";
constexpr std::size_t kMaxNamed = 10;  // Columns that one message names.

/// Rows of a frame, as numbers.
struct Rows {
  std::vector<double> features;  // Shape (n, d), row-major.
  std::vector<double> labels;    // Shape (n).
};

class Training {
 public:
  Training(Engine& engine, const Workflow& workflow, const TrainingOptions& options)
      : engine_(engine), workflow_(workflow), options_(options), clock_(options.observer) {}

  StepReport Run();

 private:
  struct Part {
    std::string name;
    const Location* location = nullptr;
    Relation frame = {};
    Relation assembled = {};  // Label, ids, features.
    std::int64_t num_rows = 0;
  };

  void CheckModel();
  void OpenFrames();
  void CheckLabel(const Part& part) const;
  PipelineModel MakeAssembler() const;
  Relation Assemble(const PipelineModel& assembler, const Part& part) const;
  void ReadAttributes();
  Rows Fetch(const Part& part) const;
  void CheckFinite(const Part& part, const Rows& rows) const;
  void WritePredictions(const Part& part, const std::shared_ptr<const Regressor>& model,
                        OutputDirectory* output);

  Engine& engine_;
  const Workflow& workflow_;
  const TrainingOptions& options_;
  PhaseClock clock_;
  Manifest manifest_;
  const LearnerKind* kind_ = nullptr;
  Json params_;
  std::string seed_;
  std::string label_;  // As the training frame spells it.
  std::vector<std::string> feature_columns_;
  std::vector<Attribute> attributes_;
  Part training_{.name = "training", .location = &options_.training_dataset};
  Part validation_{.name = "validation", .location = &options_.validation_dataset};
};

void Training::CheckModel() {
  kind_ = &FindLearner(options_.model_type);
  const Json given = options_.model_params.is_null() ? Json::object() : options_.model_params;
  const std::string where = "--model-params";
  params_ = CheckParameters(kind_->parameters, given, where);
  if (kind_->check == nullptr) return;
  try {
    kind_->check(params_);
  } catch (const Error& error) {
    // What is known and not done yet is as wrong to ask for as what is unknown.
    throw Error(ErrorKind::kUsage, error.Within(where).what());
  }
}

void Training::CheckLabel(const Part& part) const {
  const Schema& schema = part.frame.schema();
  if (!schema.Find(workflow_.label)) {
    throw Error(
        ErrorKind::kNotFound,
        fmt::format("{} '{}' has no label column '{}'{}; its columns are {}", part.name,
                    part.location->path(), workflow_.label,
                    DidYouMean(workflow_.label, schema.names()), Join(schema.names(), ", ")));
  }
  const Field& field = schema.Get(workflow_.label);
  if (!field.type.IsNumeric()) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{} '{}': the label '{}' is of type {}; it must be numeric", part.name,
                            part.location->path(), field.name, field.type.ToString()));
  }
}

void Training::OpenFrames() {
  for (Part* part : {&training_, &validation_}) {
    part->frame = ReadFrame(engine_, *part->location);
    CheckLabel(*part);
    part->num_rows = engine_.Count(part->frame);
    if (part->num_rows == 0) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("{} '{}' has no rows", part->name, part->location->path()));
    }
  }
  for (const std::string& column : training_.frame.schema().names()) {
    if (EqualsIgnoringCase(column, workflow_.label)) {
      label_ = column;
    } else if (!workflow_.ids.Contains(column)) {
      feature_columns_.push_back(column);
    }
  }
  if (feature_columns_.empty()) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("training '{}' has no feature column: there are only the label and ids",
                            training_.location->path()));
  }
  std::vector<std::string> missing;
  for (const std::string& column : feature_columns_) {
    if (!validation_.frame.schema().Find(column)) missing.push_back("'" + column + "'");
  }
  if (!missing.empty()) {
    const std::size_t num_missing = missing.size();
    if (num_missing > kMaxNamed) {
      missing.resize(kMaxNamed);
      missing.push_back(fmt::format("and {} more", num_missing - kMaxNamed));
    }
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("validation '{}' lacks columns that training has: {}; make both with "
                            "the same pipeline model",
                            validation_.location->path(), Join(missing, ", ")));
  }
}

PipelineModel Training::MakeAssembler() const {
  std::vector<std::unique_ptr<Stage>> stages;
  stages.push_back(MakeStage("VectorAssembler",
                             {{"inputCols", feature_columns_}, {"outputCol", kFeatures}},
                             UidOf("VectorAssembler", seed_), "training columns"));
  return Pipeline(UidOf("PipelineModel", seed_), std::move(stages)).Fit(engine_, training_.frame);
}

Relation Training::Assemble(const PipelineModel& assembler, const Part& part) const {
  Relation all;
  try {
    all = assembler.Transform(engine_, part.frame);
  } catch (const Error& error) {
    throw error.Within(fmt::format("{} '{}'", part.name, part.location->path()));
  }
  sql::Select select;
  select.items.push_back({sql::Column(label_), label_});
  for (const std::string& column : part.frame.schema().names()) {
    if (!EqualsIgnoringCase(column, label_) && workflow_.ids.Contains(column)) {
      select.items.push_back({sql::Column(column), column});
    }
  }
  select.items.push_back({sql::Column(kFeatures), kFeatures});
  return engine_.Query(all, select);
}

void Training::ReadAttributes() {
  const Field& field = training_.assembled.schema().Get(kFeatures);
  const auto* group = std::get_if<AttributeGroup>(&field.attributes);
  if (group == nullptr || group->size == 0) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("training '{}': the columns {} give no feature",
                            training_.location->path(), Join(feature_columns_, ", ")));
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

Rows Training::Fetch(const Part& part) const {
  const std::size_t width = attributes_.size();
  Rows rows;
  rows.features.reserve(static_cast<std::size_t>(part.num_rows) * width);
  rows.labels.reserve(static_cast<std::size_t>(part.num_rows));
  engine_.Scan(part.assembled, {{kFeatures, width}, {label_, 1}},
               [&](MatrixView<const double> block) {
                 for (std::size_t row = 0; row < block.num_rows(); ++row) {
                   const std::span<const double> values = block.row(row);
                   rows.features.insert(rows.features.end(), values.begin(), values.end() - 1);
                   rows.labels.push_back(values.back());
                 }
               });
  return rows;
}

// Spark refuses to train on such rows, one by one; we count them.
void Training::CheckFinite(const Part& part, const Rows& rows) const {
  const auto refuse = [&](const std::string& what, std::int64_t count) {
    throw Error(
        ErrorKind::kInvalidArgument,
        fmt::format("{} '{}': {} is null, NaN or infinite in {} of {} rows; leave such rows "
                    "out or fill them in before training",
                    part.name, part.location->path(), what, WithThousands(count),
                    WithThousands(part.num_rows)));
  };
  std::int64_t num_bad = 0;
  for (const double label : rows.labels) num_bad += std::isfinite(label) ? 0 : 1;
  if (num_bad > 0) refuse(fmt::format("the label '{}'", label_), num_bad);

  const std::size_t width = attributes_.size();
  std::vector<std::int64_t> bad(width, 0);
  bool any = false;
  for (std::size_t i = 0; i < rows.features.size(); ++i) {
    if (std::isfinite(rows.features[i])) continue;
    ++bad[i % width];
    any = true;
  }
  if (!any) return;
  for (std::size_t col = 0; col < width; ++col) {
    if (bad[col] == 0) continue;
    refuse(fmt::format("the feature '{}'",
                       attributes_[col].name.value_or(fmt::format("{}_{}", kFeatures, col))),
           bad[col]);
  }
}

void Training::WritePredictions(const Part& part, const std::shared_ptr<const Regressor>& model,
                                OutputDirectory* output) {
  // A name that no id has; the columns of the result are checked by the query below.
  const std::string score = "__prediction";
  const Relation scored = engine_.Score(
      part.assembled, {.features = {kFeatures, attributes_.size()}, .output_column = score},
      [model](MatrixView<const double> rows, std::span<double> out) { model->Predict(rows, out); });
  sql::Select select;
  select.items.push_back({sql::Column(label_), label_});
  select.items.push_back({sql::Call("round", {sql::Column(score)}), kRounded});
  select.items.push_back({sql::Column(score), kPrediction});
  for (const std::string& column : part.assembled.schema().names()) {
    if (column != label_ && column != kFeatures) {
      select.items.push_back({sql::Column(column), column});
    }
  }
  const Relation predictions = engine_.Keep(engine_.Query(scored, select));

  RegressionMetricsAccumulator raw;
  RegressionMetricsAccumulator rounded;
  std::vector<double> labels;
  std::vector<double> values;
  std::vector<double> rounded_values;
  engine_.Scan(predictions, {{label_, 1}, {kRounded, 1}, {kPrediction, 1}},
               [&](MatrixView<const double> block) {
                 labels.clear();
                 values.clear();
                 rounded_values.clear();
                 for (std::size_t row = 0; row < block.num_rows(); ++row) {
                   labels.push_back(block(row, 0));
                   rounded_values.push_back(block(row, 1));
                   values.push_back(block(row, 2));
                 }
                 raw.Add(labels, values);
                 rounded.Add(labels, rounded_values);
               });

  const std::string directory = output->MakeFolder(part.name + "/predictions.csv");
  WriteOptions options;
  options.format = FileFormat::kCsv;
  options.directory = directory;
  options.uuid = UuidOf(seed_ + " predictions " + part.name);
  const WriteResult written = engine_.Write(predictions, options);
  WriteTextFile(directory + "/_SUCCESS", "");
  WriteTextFile(fmt::format("{}/{}/metrics.json", output->staging(), part.name),
                MetricsToText(raw.Result(), rounded.Result()));
  manifest_.rows.emplace_back(part.name, part.num_rows);
  manifest_.ledgers.emplace_back(part.name,
                                 RowLedger{.read = part.num_rows, .used = written.num_rows});
}

StepReport Training::Run() {
  CheckModel();
  InputHashes hashes;
  for (const Part* part : {&training_, &validation_}) {
    try {
      hashes.Add(part->name, ListDataFiles(*part->location));
    } catch (const Error& error) {
      throw error.Within(part->name + " data set");
    }
  }
  const Location inputs[] = {options_.training_dataset, options_.validation_dataset};
  OutputDirectory output(options_.output,
                         {.overwrite = options_.overwrite,
                          .inputs = inputs,
                          .entries = {"training", "validation", "model", "evaluation.json",
                                      "rejected", "manifest.json"}});
  hashes.Start();
  manifest_.step = "model_training";
  manifest_.engine = engine_.version();

  clock_.Begin("reading");
  OpenFrames();
  seed_ = fmt::format("model_training {} {} {} {}", hashes.Combined(), Sha256(workflow_.text),
                      kind_->name, params_.dump());
  const PipelineModel assembler = MakeAssembler();
  training_.assembled = Assemble(assembler, training_);
  validation_.assembled = Assemble(assembler, validation_);
  ReadAttributes();
  Rows rows = Fetch(training_);
  CheckFinite(training_, rows);
  CheckFinite(validation_, Fetch(validation_));

  clock_.Begin("training");
  const std::size_t num_rows = rows.labels.size();
  const TrainingData data{
      .features = MatrixView<const double>(rows.features.data(), num_rows, attributes_.size()),
      .labels = rows.labels,
      .attributes = attributes_};
  const std::shared_ptr<const Regressor> model = kind_->train(data, params_);
  rows = Rows();

  StepReport report;
  for (const Part* part : {&training_, &validation_}) {
    clock_.Begin("predicting " + part->name);
    WritePredictions(*part, model, &output);
    report.rows.emplace_back(part->name, part->num_rows);
  }
  Json resolved = DefaultParameters(kind_->parameters);
  resolved.update(params_);
  manifest_.parameters = {{"overwrite_output", options_.overwrite},
                          {"model_type", kind_->name},
                          {"model_params", std::move(resolved)},
                          {"label", label_},
                          {"feature_columns", feature_columns_}};
  manifest_.inputs = hashes.Wait();
  clock_.End();
  report.manifest = manifest_.Write(output.staging(), workflow_, clock_);
  output.Commit();
  report.output = options_.output.path();
  report.seconds = clock_.Seconds();
  return report;
}

}  // namespace

StepReport RunModelTraining(Engine& engine, const Workflow& workflow,
                            const TrainingOptions& options) {
  return Training(engine, workflow, options).Run();
}

}  // namespace firesteel
