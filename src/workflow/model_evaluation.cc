#include "workflow/model_evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json_text.h"
#include "base/text.h"
#include "sql/expression.h"
#include "workflow/evaluation.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

// What is judged beside the predictions, given what the features are.
class FurtherColumns {
 public:
  FurtherColumns(const Workflow& workflow, const SavedModel& model)
      : workflow_(workflow), model_(model) {}

  std::vector<sql::SelectItem> Choose(const Schema& features, EvaluatedColumns* columns) const {
    std::vector<sql::SelectItem> items;
    for (const std::string& name : workflow_.baselines) {
      const auto position = features.Find(name);
      if (!position || !features.fields()[*position].type.IsNumeric()) continue;
      columns->baselines.push_back({name, BaselineColumn(columns->baselines.size())});
      items.push_back({sql::Column(name), columns->baselines.back().column});
    }
    for (CategoryColumn& category : CategoryColumns(features)) {
      if (!IsTaken(category.name)) continue;
      const std::string column = PositionColumn(columns->categories.size());
      items.push_back({category.expression, column});
      columns->categories.emplace_back(std::move(category), column);
    }
    return items;
  }

 private:
  // Whether the model takes the column; a model that does not say takes any.
  bool IsTaken(const std::string& column) const {
    return model_.columns.empty() ||
           std::any_of(model_.columns.begin(), model_.columns.end(),
                       [&](const ModelColumn& taken) { return taken.name == column; });
  }

  const Workflow& workflow_;
  const SavedModel& model_;
};

std::optional<double> TrainingMean(const SavedModel& model) {
  const auto found = model.facts.find(kLabelMeanFact);
  if (found == model.facts.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

void Evaluate(Engine& engine, const Workflow& workflow, const PredictionOptions& options,
              ScoringStep& step) {
  StepWork& work = step.work;
  const Predictor predictor = step.LoadPredictor(options);
  const SavedModel& model = predictor.model;
  const Frame input = step.rows.Read(&work);
  work.clock.Begin("checking");
  EvaluatedColumns columns{.label = "", .model = model.kind, .raw = kRawPrediction};
  columns.training_mean = TrainingMean(model);
  const FurtherColumns further(workflow, model);
  const ScoredRows scored = ScoreRows(
      engine, input, predictor,
      {.place = &work.place(),
       .on_unseen = options.on_unseen,
       .ids = workflow.ids,
       .further = [&](const Schema& features) { return further.Choose(features, &columns); }});
  if (scored.label.empty()) {
    const std::vector<std::string> names = input.rows.schema().names();
    throw Error(
        ErrorKind::kNotFound,
        fmt::format("'{}' has no label column '{}', by which predictions could be judged{}; "
                    "its columns are {}",
                    input.path, model.label_column, DidYouMean(model.label_column, names),
                    Join(names, ", ")));
  }
  columns.label = scored.label;

  work.clock.Begin("predicting");
  const Relation rows = engine.Keep(scored.rows);
  const sql::ExpressionPtr no_label = sql::IsNull(sql::Column(scored.label));
  const sql::ExpressionPtr no_prediction = sql::IsNull(sql::Column(kRawPrediction));
  const std::vector<sql::ExpressionPtr> conditions = {
      no_label, sql::Call("and", {sql::Not(no_label), no_prediction})};
  const std::vector<std::int64_t> left_out = engine.CountWhere(rows, conditions);
  RowLedger ledger{.read = input.num_rows, .used = input.num_rows};
  const std::pair<const char*, const char*> reasons[] = {
      {"without_label", "have no label"}, {"without_prediction", "have no prediction"}};
  for (std::size_t i = 0; i < left_out.size(); ++i) {
    if (left_out[i] == 0) continue;
    ledger.rejected[reasons[i].first] = left_out[i];
    ledger.used -= left_out[i];
    work.manifest.Warn(fmt::format("'{}': {} of {} rows {} and are not judged", input.path,
                                   WithThousands(left_out[i]), WithThousands(input.num_rows),
                                   reasons[i].second));
  }
  if (ledger.used == 0) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("'{}': none of the {} rows has a label and a prediction", input.path,
                            WithThousands(input.num_rows)));
  }
  sql::Select judged;
  judged.items.push_back({nullptr, ""});
  judged.where = sql::Call("and", {sql::Not(no_label), sql::Not(no_prediction)});
  const Evaluation evaluation(engine, engine.Query(rows, judged), columns);

  Json json = {{"version", 1}, {"model", model.kind}, {"label", scored.label}};
  json["input"] = evaluation.ToJson();
  WriteTextFile(work.place().directory + "/evaluation.json", ToJsonText(json));
  work.manifest.ledgers.emplace_back("input", ledger);
  work.manifest.results["evaluation"]["input"] = evaluation.Summary();
  work.findings = evaluation.ToLines("input");
  for (const std::string& warning : evaluation.Warnings(fmt::format("'{}'", input.path))) {
    work.manifest.Warn(warning);
  }
  work.AddWritten("judged", ledger.used);
}

}  // namespace

StepReport RunEvaluation(Engine& engine, const Workflow& workflow,
                         const PredictionOptions& options) {
  ScoringStep step(engine, workflow, "evaluate", options, {"evaluation.json", "manifest.json"});
  return Complete(&step.work, &step.output, &step.status,
                  [&] { Evaluate(engine, workflow, options, step); });
}

}  // namespace firesteel
