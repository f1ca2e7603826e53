#include "features/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "sql/ml_functions.h"

namespace firesteel {
namespace {

// An expression that has grown beyond this many nodes by putting stages into one another is
// computed over the stage's own input instead: a shared tree is written out once for each use.
constexpr std::size_t kMaxInlinedNodes = 4000;

std::string StageName(const FittedStage& stage) { return "stage " + stage.uid(); }

StagePlan PlanOf(const FittedStage& stage, const Schema& input) {
  try {
    return stage.Plan(input);
  } catch (const Error& error) {
    throw error.Within(StageName(stage));
  }
}

// The rows a planned stage makes, with the attributes and nullability it says.
Relation Apply(Engine& engine, const FittedStage& stage, const Relation& input,
               const StagePlan& plan) {
  Relation output;
  try {
    output = engine.Query(input, plan.select);
  } catch (const Error& error) {
    throw error.Within(StageName(stage));
  }
  Schema schema = output.schema();
  const auto field_of = [&](const std::string& name) -> Field& {
    const std::optional<std::size_t> position = schema.Find(name);
    if (!position) {
      throw Error(ErrorKind::kInternal,
                  fmt::format("{}: its plan has no column '{}'", StageName(stage), name));
    }
    return schema.at(*position);
  };
  for (const auto& [name, attributes] : plan.attributes) field_of(name).attributes = attributes;
  for (const auto& [name, nullable] : plan.nullable) field_of(name).nullable = nullable;
  return output.WithSchema(std::move(schema));
}

bool IsCall(const sql::Expression& expression, std::string_view function) {
  return expression.kind == sql::Expression::Kind::kCall && expression.name == function;
}

// The arguments that decide whether a call is null: a vector that a stage makes is null if one of
// the columns it is made of is. Nothing for other expressions.
std::optional<std::vector<sql::ExpressionPtr>> NullDeciders(const sql::Expression& expression) {
  if (IsCall(expression, sql::kOneHot) || IsCall(expression, sql::kStandardScale) ||
      IsCall(expression, sql::kMinMaxScale)) {
    return std::vector<sql::ExpressionPtr>{expression.args.front()};
  }
  if (IsCall(expression, sql::kAssemble)) return expression.args;
  return std::nullopt;
}

// Whether `input` is null, without making a vector to find out.
sql::ExpressionPtr IsNullOf(const sql::ExpressionPtr& input) {
  const std::optional<std::vector<sql::ExpressionPtr>> deciders = NullDeciders(*input);
  if (!deciders) return sql::IsNull(input);
  sql::ExpressionPtr any;
  for (const sql::ExpressionPtr& decider : *deciders) {
    const sql::ExpressionPtr is_null = IsNullOf(decider);
    any = any ? sql::Or(any, is_null) : is_null;
  }
  return any;
}

// Says in terms of a pipeline's input what its stages say of theirs, so that the checks of all
// stages can be counted in one pass over the input.
class Inliner {
 public:
  explicit Inliner(const Schema& input) {
    for (const Field& field : input.fields()) {
      columns_.push_back({field.name, {sql::Column(field.name), 1}});
    }
  }

  /// The expression over the pipeline's input, for rows that reach the stage; nothing if it became
  /// too large.
  std::optional<sql::ExpressionPtr> Inline(const sql::ExpressionPtr& expression) const {
    Sized inlined = Replace(expression);
    if (where_.expression) {
      inlined = {sql::And(where_.expression, inlined.expression), where_.size + inlined.size};
    }
    if (inlined.size > kMaxInlinedNodes) return std::nullopt;
    return inlined.expression;
  }

  /// Goes from the input of a stage to its output.
  void Advance(const sql::Select& select) {
    std::vector<NamedColumn> output;
    for (const sql::SelectItem& item : select.items) {
      if (item.expression) {
        output.push_back({item.name, Replace(item.expression)});
      } else {
        output.insert(output.end(), columns_.begin(), columns_.end());
      }
    }
    if (select.where) {
      Sized where = Replace(select.where);
      where_ = where_.expression
                   ? Sized{sql::And(where_.expression, where.expression), where_.size + where.size}
                   : where;
    }
    columns_ = std::move(output);
  }

 private:
  struct Sized {
    sql::ExpressionPtr expression;
    std::size_t size = 0;
  };
  struct NamedColumn {
    std::string name;
    Sized value;
  };

  Sized Replace(const sql::ExpressionPtr& expression) const {
    if (expression->kind == sql::Expression::Kind::kColumn) {
      for (const NamedColumn& column : columns_) {
        if (EqualsIgnoringCase(column.name, expression->name)) return column.value;
      }
      return {expression, 1};
    }
    if (expression->args.empty()) return {expression, 1};
    auto copy = std::make_shared<sql::Expression>(*expression);
    std::size_t size = 1;
    for (sql::ExpressionPtr& arg : copy->args) {
      Sized replaced = Replace(arg);
      arg = std::move(replaced.expression);
      // Capped, so that a tree that doubles with every stage does not overflow.
      size = std::min(size + replaced.size, kMaxInlinedNodes + 1);
    }
    if (IsCall(*copy, "isnull")) return {IsNullOf(copy->args.front()), 2 * size};
    return {std::move(copy), size};
  }

  std::vector<NamedColumn> columns_;
  Sized where_;
};

// Runs `action`, and names `where` (unless empty) in what it throws.
void Within(const std::string& where, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    if (where.empty() || error.kind() == ErrorKind::kInterrupted) throw;
    throw error.Within(where);
  }
}

// A check of one stage, with what is needed to count and to explain it.
struct PendingCheck {
  std::string stage;
  RowCheck check;
  Relation stage_input;
  std::optional<sql::ExpressionPtr> over_pipeline_input;
  std::int64_t count = 0;
};

[[noreturn]] void Fail(Engine& engine, const PendingCheck& pending) {
  const RowCheck& check = pending.check;
  sql::Select select;
  select.items.push_back({check.value, "value"});
  select.where = check.is_bad;
  const std::vector<ValueCount> values =
      engine.ValueCounts(engine.Query(pending.stage_input, select), sql::Column("value"));
  const auto most = std::min_element(
      values.begin(), values.end(), [](const ValueCount& left, const ValueCount& right) {
        return left.count != right.count ? left.count > right.count : left.value < right.value;
      });
  std::string example;
  if (most != values.end()) {
    const std::string shown = most->value ? fmt::format("'{}'", *most->value) : "null";
    example = values.size() == 1 ? fmt::format(": {}", shown)
                                 : fmt::format(": {} different values, most often {} ({} rows)",
                                               values.size(), shown, WithThousands(most->count));
  }
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("{}: column '{}' {} in {} row{}{}; {}", pending.stage, check.column,
                          check.problem, WithThousands(pending.count),
                          pending.count == 1 ? "" : "s", example, check.advice));
}

// In the order of the stages: the first stage that has a bad row is the one Spark would stop at.
void Refuse(Engine& engine, const std::string& where, std::vector<PendingCheck> pending,
            std::span<const std::int64_t> counts) {
  std::size_t next = 0;
  for (PendingCheck& check : pending) {
    check.count = check.over_pipeline_input
                      ? counts[next++]
                      : engine.CountWhere(check.stage_input, {&check.check.is_bad, 1}).front();
    if (check.count > 0) Within(where, [&] { Fail(engine, check); });
  }
}

// The input of a pipeline without the rows that the checks are of.
Relation RequireAll(Engine& engine, const Relation& input, const std::string& where,
                    std::vector<PendingCheck> pending) {
  std::vector<sql::ExpressionPtr> conditions;
  for (const PendingCheck& check : pending) {
    if (check.over_pipeline_input) conditions.push_back(*check.over_pipeline_input);
  }
  // What can't be said of the input is counted now.
  if (conditions.size() < pending.size()) {
    Refuse(engine, where, pending, engine.CountWhere(input, conditions));
    return input;
  }
  return engine.Require(
      input, std::move(conditions),
      [&engine, where, pending = std::move(pending)](std::span<const std::int64_t> counts) {
        Refuse(engine, where, pending, counts);
      });
}

}  // namespace

SparkParam ToSparkParam(const nlohmann::ordered_json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  if (value.empty() || value.front().is_string()) return value.get<std::vector<std::string>>();
  if (value.front().is_array()) return value.get<std::vector<std::vector<double>>>();
  return value.get<std::vector<double>>();
}

namespace {

SparkStage SparkStageOf(const StageRecord& record, const std::string& folder) {
  SparkStage stage{.class_name = record.class_name, .uid = record.uid};
  if (!record.data.empty()) {
    stage.directory = folder;
    return stage;
  }
  for (const auto& [name, value] : record.params.items()) stage.params[name] = ToSparkParam(value);
  return stage;
}

bool IsStatement(const SparkStage& stage) {
  return stage.class_name == "org.apache.spark.ml.feature.SQLTransformer";
}

}  // namespace

PipelineModel::Checked PipelineModel::Check(Engine& engine, const Relation& input,
                                            const std::string& where) const {
  Checked checked{.output = input};
  Inliner inliner(input.schema());
  std::vector<PendingCheck> pending;
  for (const auto& stage : stages_) {
    const auto plan_and_apply = [&] {
      StagePlan plan = PlanOf(*stage, checked.output.schema());
      for (RowCheck& check : plan.checks) {
        std::optional<sql::ExpressionPtr> inlined = inliner.Inline(check.is_bad);
        pending.push_back(
            {StageName(*stage), std::move(check), checked.output, std::move(inlined)});
      }
      checked.output = Apply(engine, *stage, checked.output, plan);
      inliner.Advance(plan.select);
      checked.plans.push_back(std::move(plan));
      checked.schemas.push_back(checked.output.schema());
    };
    Within(where, plan_and_apply);
  }
  checked.input = RequireAll(engine, input, where, std::move(pending));
  return checked;
}

Relation PipelineModel::Transform(Engine& engine, const Relation& input,
                                  const std::string& where) const {
  const Checked checked = Check(engine, input, where);
  if (checked.input.name() == input.name()) return checked.output;
  Relation rows = checked.input;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    rows = Apply(engine, *stages_[i], rows, checked.plans[i]);
  }
  return rows;
}

Relation PipelineModel::TransformBySparkStages(Engine& engine, const Relation& input,
                                               std::span<const std::string> folders,
                                               const std::string& where) const {
  if (!engine.AppliesSparkStages()) return Transform(engine, input, where);
  const Checked checked = Check(engine, input, where);
  std::vector<SparkStage> stages;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    stages.push_back(SparkStageOf(stages_[i]->ToRecord(), folders.empty() ? "" : folders[i]));
  }
  Relation rows = checked.input;
  for (std::size_t i = 0; i < stages.size();) {
    // A statement costs Spark's stage a view that is made and dropped.
    if (IsStatement(stages[i])) {
      rows = Apply(engine, *stages_[i], rows, checked.plans[i]);
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (end < stages.size() && !IsStatement(stages[end])) ++end;
    rows = engine.ApplySparkStages(rows, std::span(stages).subspan(i, end - i),
                                   checked.schemas[end - 1]);
    i = end;
  }
  return rows;
}

PipelineModel Pipeline::Fit(Engine& engine, const Relation& input) const {
  std::vector<std::unique_ptr<FittedStage>> fitted;
  Relation rows = input;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    try {
      fitted.push_back(stages_[i]->Fit(engine, rows));
    } catch (const Error& error) {
      throw error.Within(fmt::format("fitting stage {} of {}", i + 1, stages_.size()));
    }
    const FittedStage& stage = *fitted.back();
    // The output of the last stage is nobody's input.
    if (i + 1 == stages_.size()) break;
    rows = Apply(engine, stage, rows, PlanOf(stage, rows.schema()));
  }
  return PipelineModel(uid_, std::move(fitted));
}

}  // namespace firesteel
