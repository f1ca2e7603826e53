#include "workflow/prediction.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/text.h"
#include "features/input_types.h"
#include "sparkml/frame.h"
#include "sparkml/pipeline_directory.h"
#include "sql/expression.h"
#include "storage/output.h"
#include "workflow/scorer.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;
using sql::ExpressionPtr;

constexpr const char* kScore = "__prediction";
constexpr const char* kAdvice =
    "predict such rows all the same with --on-unseen keep, or set them apart with --on-unseen "
    "reject";

bool IsParquet(const std::string& file) {
  if (file.ends_with(".parquet")) return true;
  std::array<char, 4> magic = {};
  std::ifstream stream(file, std::ios::binary);
  return stream.read(magic.data(), magic.size()) &&
         std::string_view(magic.data(), magic.size()) == "PAR1";
}

std::vector<const FittedStage*> StagesOf(const Predictor& predictor) {
  std::vector<const FittedStage*> stages;
  for (const auto& pipeline : {predictor.pipeline, predictor.model.stages}) {
    if (pipeline == nullptr) continue;
    for (const auto& stage : pipeline->stages()) stages.push_back(stage.get());
  }
  return stages;
}

// Compares the columns that the model's stages take with those it was trained on; that they are
// there at all is for the stages to say.
void CheckColumns(const Schema& schema, const SavedModel& model) {
  std::vector<std::string> wrong;
  for (const ModelColumn& column : model.columns) {
    const std::optional<std::size_t> position = schema.Find(column.name);
    if (!position) continue;
    const Field& field = schema.fields()[*position];
    const bool is_vector = field.type == kVectorType, wants_vector = column.type == kVectorType;
    const auto* group = std::get_if<AttributeGroup>(&field.attributes);
    const bool is_number = field.type.IsNumeric() || field.type == kBooleanType;
    if (wants_vector ? !is_vector : !is_number) {
      wrong.push_back(fmt::format("'{}' is {} and was {}", column.name, field.type.ToString(),
                                  column.type.ToString()));
    } else if (group != nullptr && column.width > 0 && group->size != column.width) {
      wrong.push_back(fmt::format("'{}' is a vector of {} and was one of {}", column.name,
                                  group->size, column.width));
    }
  }
  if (wrong.empty()) return;
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("the model was trained on other columns: {}; make the rows as those that "
                          "it was trained on",
                          Join(wrong, ", ")));
}

// What one feature is, for messages and comparison: "carrier_BigBird", "bulk (yes, no)".
std::string TextOf(const Attribute& attribute) {
  std::string text = attribute.name.value_or("");
  if (attribute.kind == Attribute::Kind::kNominal && !attribute.values.empty()) {
    text += fmt::format(" ({})", Join(attribute.values, ", "));
  }
  return text;
}

// Whether two features can't be the same; what is not known of one proves nothing.
bool AreDifferent(const Attribute& trained, const Attribute& given, std::size_t position) {
  const bool is_named = trained.name && *trained.name != fmt::format("f{}", position);
  if (is_named && given.name && !EqualsIgnoringCase(*trained.name, *given.name)) return true;
  return !trained.values.empty() && !given.values.empty() && trained.values != given.values;
}

void CheckFeatures(const Schema& schema, const SavedModel& model) {
  const Field& field = schema.Get(model.features_column);
  if (field.type != kVectorType) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("the features '{}' are {}; the model takes a vector", field.name,
                            field.type.ToString()));
  }
  const auto* group = std::get_if<AttributeGroup>(&field.attributes);
  if (group == nullptr) return;  // Its length is looked at row by row.
  const char* advice = "make the rows with the pipeline model that the model was trained with";
  const std::size_t num_features = model.model->num_features();
  if (group->size != num_features) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("the rows have {} features and the model {}; {}", group->size,
                            num_features, advice));
  }
  if (!group->slots) return;
  for (std::size_t i = 0; i < num_features; ++i) {
    const Attribute &trained = model.attributes[i], &given = (*group->slots)[i];
    if (!AreDifferent(trained, given, i)) continue;
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("feature {} is {} in the model and {} in the rows; {}", i,
                            TextOf(trained), TextOf(given), advice));
  }
}

// A step that predicts: reads, scores, writes.
class Prediction {
 public:
  Prediction(const PredictionOptions& options, StepWork* work)
      : engine_(work->engine()), options_(options), work_(*work) {}

  void Run(const PredictionRows& rows, const Predictor& predictor);

 private:
  Relation Select(const Relation& rows, const std::vector<std::string>& columns) const;
  void WritePredictions(const Relation& rows, const std::vector<std::string>& columns);
  void WriteRejected(const Relation& rows);
  std::vector<std::int64_t> CountProblems(const Relation& rows) const;
  void Report(const std::vector<std::int64_t>& counts);
  WriteResult Write(const Relation& rows, const std::string& folder, FileFormat format);

  Engine& engine_;
  const PredictionOptions& options_;
  StepWork& work_;
  std::string seed_;
  Frame input_;
  ScoredRows scored_;
};

Relation Prediction::Select(const Relation& rows, const std::vector<std::string>& columns) const {
  sql::Select select;
  for (const std::string& column : columns) select.items.push_back({sql::Column(column), column});
  select.items.push_back({sql::Column(kRowColumn), kRowColumn});
  return engine_.Query(rows, select);
}

// Writes rows in the order of kRowColumn, without it.
WriteResult Prediction::Write(const Relation& rows, const std::string& folder, FileFormat format) {
  const std::string uuid = work_.FileUuid(seed_, folder);
  if (format == FileFormat::kParquet) {
    return work_.Write(rows, folder, FrameOptions(rows, uuid, kRowColumn));
  }
  WriteOptions options;
  options.format = format;
  options.uuid = uuid;
  options.order_by = kRowColumn;
  return work_.Write(rows, folder, options);
}

void Prediction::WritePredictions(const Relation& rows, const std::vector<std::string>& columns) {
  const bool is_csv = options_.format == FileFormat::kCsv;
  const WriteResult written = Write(
      Select(rows, columns), is_csv ? "predictions.csv" : "predictions.parquet", options_.format);
  if (written.num_rows != input_.num_rows) {
    throw Error(ErrorKind::kInternal,
                fmt::format("{} rows were read and {} predicted; please report this",
                            input_.num_rows, written.num_rows));
  }
  work_.AddWritten("predictions", written.num_rows);
}

void Prediction::WriteRejected(const Relation& rows) {
  const ExpressionPtr code = sql::Column(kProblemColumn);
  ExpressionPtr column = sql::Cast(sql::Null(), kStringType);
  ExpressionPtr problem = column;
  for (std::size_t i = scored_.problems.size(); i-- > 0;) {
    const ExpressionPtr is_it = sql::Call("=", {code, sql::Literal(static_cast<std::int32_t>(i))});
    column = sql::If(is_it, sql::Literal(scored_.problems[i].column), column);
    problem = sql::If(is_it, sql::Literal(scored_.problems[i].problem), problem);
  }
  sql::Select select;
  select.items.push_back(
      {sql::Call("+", {sql::Column(kRowColumn), sql::Literal(std::int64_t{1})}), "row"});
  for (const std::string& name : scored_.columns) {
    if (name == scored_.label || name == kRawPrediction || name == kRoundedPrediction) continue;
    select.items.push_back({sql::Column(name), name});
  }
  select.items.push_back({column, "column"});
  select.items.push_back({problem, "problem"});
  select.items.push_back({sql::Column(kProblemValueColumn), "value"});
  select.items.push_back({sql::Column(kRowColumn), kRowColumn});
  select.where = sql::Not(sql::IsNull(code));
  Write(engine_.Query(rows, select), "rejected", FileFormat::kCsv);
}

std::vector<std::int64_t> Prediction::CountProblems(const Relation& rows) const {
  std::vector<ExpressionPtr> conditions;
  for (std::size_t i = 0; i < scored_.problems.size(); ++i) {
    conditions.push_back(
        sql::Call("=", {sql::Column(kProblemColumn), sql::Literal(static_cast<std::int32_t>(i))}));
  }
  return engine_.CountWhere(rows, conditions);
}

void Prediction::Report(const std::vector<std::int64_t>& counts) {
  const bool rejects = options_.on_unseen == UnseenPolicy::kReject;
  RowLedger ledger{.read = input_.num_rows, .used = input_.num_rows};
  Json unseen = Json::array();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const auto& [column, problem] = scored_.problems[i];
    unseen.push_back({{"column", column}, {"problem", problem}, {"rows", counts[i]}});
    work_.manifest.Warn(fmt::format("column '{}' {} in {} of {} rows, which {}", column, problem,
                                    WithThousands(counts[i]), WithThousands(input_.num_rows),
                                    rejects ? "have no prediction and are listed in rejected/"
                                            : "were predicted all the same"));
    if (!rejects) continue;
    ledger.rejected[fmt::format("{}: {}", column, problem)] += counts[i];
    ledger.used -= counts[i];
  }
  work_.manifest.ledgers.emplace_back("input", ledger);
  if (options_.on_unseen != UnseenPolicy::kError) {
    work_.manifest.results["unseen"] = std::move(unseen);
  }
}

void Prediction::Run(const PredictionRows& rows, const Predictor& predictor) {
  input_ = rows.Read(&work_);
  work_.clock.Begin("checking");
  scored_ = ScoreRows(
      engine_, input_, predictor,
      {.place = &work_.place(), .on_unseen = options_.on_unseen, .ids = work_.workflow().ids});
  seed_ = work_.Seed(fmt::format("{} {}", NameOf(options_.on_unseen),
                                 options_.format == FileFormat::kCsv ? "csv" : "parquet"));

  work_.clock.Begin("predicting");
  const bool rejects = options_.on_unseen == UnseenPolicy::kReject;
  // Read three times; without the features it is small.
  if (rejects) scored_.rows = engine_.Keep(scored_.rows);
  WritePredictions(scored_.rows, scored_.columns);
  if (rejects) WriteRejected(scored_.rows);
  Report(CountProblems(scored_.rows));
  work_.manifest.rows.emplace_back("read", input_.num_rows);
}

}  // namespace

std::string_view NameOf(UnseenPolicy policy) {
  constexpr std::string_view kNames[] = {"error", "keep", "reject"};
  return kNames[static_cast<std::size_t>(policy)];
}

std::vector<Location> PredictionInput::Locations() const {
  std::vector<Location> locations;
  if (frame) locations.push_back(*frame);
  for (const auto& [name, location] : sources) locations.push_back(location);
  return locations;
}

Predictor Predictor::Load(Engine& engine, const Location& model,
                          const std::optional<Location>& pipeline,
                          const PythonStages& python_stages) {
  Predictor predictor{.model = ReadModel(engine, model, python_stages)};
  if (pipeline) {
    predictor.pipeline =
        std::make_shared<const PipelineModel>(ReadPipelineModel(engine, *pipeline, python_stages));
  }
  return predictor;
}

PredictionRows::PredictionRows(Engine& engine, const Workflow& workflow,
                               const PredictionInput& input)
    : input_(input) {
  if (!input_.frame) {
    sources_ = FindSources(workflow, input_.sources);
    return;
  }
  try {
    frame_files_ = DataFilesFor(engine, *input_.frame);
  } catch (const Error& error) {
    throw error.Within("input");
  }
}

void PredictionRows::AddInputs(InputHashes* hashes) const {
  if (input_.frame) hashes->Add("input", *input_.frame);
  for (const SourceFiles& source : sources_) hashes->Add(source.spec->name, source.location);
}

Frame PredictionRows::Read(StepWork* work) const {
  if (!input_.frame) return JoinEachRow(sources_, kRowColumn, work);
  work->clock.Begin("reading");
  Engine& engine = work->engine();
  const Relation rows = IsParquet(frame_files_.front()) ? ReadFrame(engine, *input_.frame)
                                                        : engine.ReadCsv({.files = frame_files_});
  return {.path = input_.frame->path(),
          .rows = engine.NumberRows(rows, kRowColumn),
          .num_rows = engine.Count(rows)};
}

ScoredRows ScoreRows(Engine& engine, const Frame& input, const Predictor& predictor,
                     const ScoringOptions& options) {
  const SavedModel& model = predictor.model;
  const std::vector<const FittedStage*> stages = StagesOf(predictor);
  const std::optional<std::size_t> label = input.rows.schema().Find(model.label_column);
  const auto is_id = [&](const std::string& column) {
    return options.ids.Contains(column) && column != kRowColumn &&
           !EqualsIgnoringCase(column, model.label_column);
  };

  MarkedTransformOptions walk{.on_unseen = options.on_unseen,
                              .row_column = kRowColumn,
                              .label = model.label_column,
                              .features = model.features_column,
                              .advice = kAdvice};
  std::vector<std::string> input_ids;
  for (const std::string& column : input.rows.schema().names()) {
    if (is_id(column)) input_ids.push_back(column);
  }
  walk.copied.insert(walk.copied.end(), input_ids.begin(), input_ids.end());
  if (label) walk.copied.push_back(input.rows.schema().fields()[*label].name);

  MarkedRows marked;
  try {
    const Relation rows = FitTextColumns(engine, stages, input.rows, model.label_column);
    if (predictor.pipeline == nullptr) CheckColumns(rows.schema(), model);
    marked = TransformMarked(engine, stages, rows, walk);
    CheckFeatures(marked.rows.schema(), model);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kInterrupted) throw;
    const Error placed = error.Within(fmt::format("'{}'", input.path));
    if (error.kind() != ErrorKind::kNotFound || predictor.pipeline != nullptr) throw placed;
    throw Error(placed.kind(), fmt::format("{}; rows that are no features yet need the pipeline "
                                           "model that makes them, --pipeline-model",
                                           placed.what()));
  }

  const Schema& schema = marked.rows.schema();
  const bool tolerates = options.on_unseen != UnseenPolicy::kError;
  const Relation predicted =
      Scorer(engine, model.model, *options.place)
          .Score(marked.rows,
                 {.features = model.features_column, .output = kScore, .null_for_null = tolerates});
  ExpressionPtr score = sql::Column(kScore);
  if (tolerates) score = sql::If(sql::Call("isnan", {score}), sql::Null(), score);
  if (options.on_unseen == UnseenPolicy::kReject) {
    score = sql::If(sql::IsNull(sql::Column(kProblemColumn)), score, sql::Null());
  }

  ScoredRows scored;
  sql::Select select;
  const auto add = [&](const ExpressionPtr& expression, const std::string& name) {
    select.items.push_back({expression, name});
    scored.columns.push_back(name);
  };
  if (schema.Find(model.label_column) && !marked.label_is_made) {
    scored.label = model.label_column;
    add(sql::Column(model.label_column), scored.label);
  } else if (label) {
    scored.label = model.label_column;
    add(sql::Column(InputCopy(input.rows.schema().fields()[*label].name)), scored.label);
  }
  add(sql::Call("round", {score}), kRoundedPrediction);
  add(score, kRawPrediction);
  bool has_id = false;
  for (const std::string& column : schema.names()) {
    if (!is_id(column) || column.starts_with(InputCopy(""))) continue;
    add(sql::Column(column), column);
    has_id = true;
  }
  if (!has_id) {
    for (const std::string& column : input_ids) add(sql::Column(InputCopy(column)), column);
  }
  select.items.push_back({sql::Column(InputCopy(kRowColumn)), kRowColumn});
  if (tolerates) {
    for (const std::string_view column : {kProblemColumn, kProblemValueColumn}) {
      select.items.push_back({sql::Column(column), std::string(column)});
    }
  }
  if (options.further) {
    for (sql::SelectItem& item : options.further(schema)) select.items.push_back(std::move(item));
  }
  scored.rows = engine.Query(predicted, select);
  scored.problems = std::move(marked.problems);
  return scored;
}

namespace {

std::vector<Location> InputsOf(const PredictionOptions& options) {
  std::vector<Location> inputs = options.input.Locations();
  inputs.push_back(options.model);
  if (options.pipeline_model) inputs.push_back(*options.pipeline_model);
  return inputs;
}

}  // namespace

ScoringStep::ScoringStep(Engine& engine, const Workflow& workflow, const std::string& name,
                         const PredictionOptions& options, std::vector<std::string> entries)
    : rows(engine, workflow, options.input),
      inputs(InputsOf(options)),
      output(options.output,
             {.overwrite = options.overwrite, .inputs = inputs, .entries = std::move(entries)}),
      status(&output, name, options.observer),
      work(engine, workflow, name,
           {.directory = output.staging(), .target = options.output.path(), .output = &output},
           status.observer()) {
  rows.AddInputs(&work.inputs);
  work.inputs.AddTree("model", options.model);
  if (options.pipeline_model) work.inputs.AddTree("pipeline_model", *options.pipeline_model);
  work.HashInputs();
  work.manifest.parameters = {{"on_unseen", NameOf(options.on_unseen)},
                              {"overwrite_output", options.overwrite}};
  // Models are handed to the engine there, too.
  work.RequireReach();
}

Predictor ScoringStep::LoadPredictor(const PredictionOptions& options) {
  work.clock.Begin("loading");
  Predictor predictor = Predictor::Load(work.engine(), options.model, options.pipeline_model,
                                        work.workflow().python_stages);
  work.manifest.results["model"] = {{"type", predictor.model.kind}, {"uid", predictor.model.uid}};
  return predictor;
}

StepReport RunPrediction(Engine& engine, const Workflow& workflow,
                         const PredictionOptions& options) {
  ScoringStep step(engine, workflow, "predict", options,
                   {"predictions.csv", "predictions.parquet", "rejected", "manifest.json"});
  return Complete(&step.work, &step.output, &step.status, [&] {
    const Predictor predictor = step.LoadPredictor(options);
    Prediction(options, &step.work).Run(step.rows, predictor);
  });
}

}  // namespace firesteel
