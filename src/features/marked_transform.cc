#include "features/marked_transform.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "features/registry.h"
#include "features/stage_columns.h"
#include "sql/ml_functions.h"

namespace firesteel {
namespace {

using sql::ExpressionPtr;

constexpr const char* kHandleInvalid = "handleInvalid";
constexpr std::string_view kCopyPrefix = "__input_";

// What all stages of one walk share.
struct Walk {
  MarkedTransformOptions options;
  bool label_is_made = false;
  std::vector<std::string> own_columns = {};  // Copies and problems: no stage sees them.
  std::vector<RowProblem> problems = {};
};

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& each) { return EqualsIgnoringCase(each, name); });
}

std::string HandleInvalid(const StageRecord& record) {
  return record.params.value(kHandleInvalid, record.default_params.value(kHandleInvalid, ""));
}

std::unique_ptr<FittedStage> WithHandleInvalid(StageRecord record, const char* way) {
  record.params[kHandleInvalid] = way;
  return LoadStage(record, {});
}

// Whether any row has no vector, where no stage makes it.
class VectorCheck final : public FittedStage {
 public:
  explicit VectorCheck(std::string column) : FittedStage("features"), column_(std::move(column)) {}

  StagePlan Plan(const Schema& input) const override {
    const std::string& name = input.Get(column_).name;
    StagePlan plan;
    plan.select.items.push_back({nullptr, ""});
    plan.checks.push_back(
        {sql::IsNull(sql::Column(name)), sql::Literal("null"), name, "is null", ""});
    return plan;
  }
  StageRecord ToRecord() const override { return {}; }

 private:
  std::string column_;
};

// A stage that loses no row. What it would not take it checks, or marks.
class MarkingStage final : public FittedStage {
 public:
  /// `stage` and `walk` outlive this. `is_guarded`: a WHERE, here or before, leaves rows out for
  /// which a statement's expressions may fail.
  MarkingStage(const FittedStage& stage, bool is_guarded, Walk* walk)
      : FittedStage(stage.uid()),
        strict_(&stage),
        record_(stage.ToRecord()),
        columns_(ColumnsOf(stage)),
        is_guarded_(is_guarded),
        walk_(*walk) {
    const std::string way = HandleInvalid(record_);
    if (way == "skip") {
      owned_strict_ = WithHandleInvalid(record_, "error");
      strict_ = owned_strict_.get();
    }
    const bool can_keep = record_.class_name == kStringIndexerClass ||
                          record_.class_name == kBucketizerClass ||
                          record_.class_name == kVectorAssemblerClass;
    if (Keeps() && can_keep && way != "keep") kept_ = WithHandleInvalid(record_, "keep");
  }

  StagePlan Plan(const Schema& input) const override {
    const Schema seen = Visible(input);
    RequireColumns(seen);
    StagePlan plan = strict_->Plan(seen);
    const ExpressionPtr where = std::exchange(plan.select.where, nullptr);
    if (where) plan.checks.push_back(CheckOfCondition(seen, where));
    const std::vector<RowCheck> checks = std::move(plan.checks);
    if (kept_) {
      StagePlan kept = kept_->Plan(seen);
      kept.attributes = std::move(plan.attributes);
      plan = std::move(kept);
    }
    plan.checks.clear();
    if (Keeps()) KeepInvalid(seen, checks, &plan);
    if (is_guarded_) GuardExpressions(where, &plan.select);
    if (walk_.options.on_unseen == UnseenPolicy::kError) {
      Carry(input, &plan.select);
      plan.checks = checks;
      for (RowCheck& check : plan.checks) check.advice = walk_.options.advice;
    } else {
      Mark(input, checks, &plan);
    }
    return plan;
  }

  StageRecord ToRecord() const override { return record_; }

 private:
  bool Keeps() const { return walk_.options.on_unseen == UnseenPolicy::kKeep; }

  Schema Visible(const Schema& input) const {
    const bool hides_label = walk_.label_is_made && record_.class_name == kStringIndexerClass;
    Schema seen;
    for (const Field& field : input.fields()) {
      if (Contains(walk_.own_columns, field.name)) continue;
      if (hides_label && EqualsIgnoringCase(field.name, walk_.options.label)) continue;
      seen.Add(field);
    }
    return seen;
  }

  // A StringIndexer leaves out what is missing, as Spark's does, and a later stage would miss its
  // output.
  void RequireColumns(const Schema& input) const {
    const std::vector<std::string> names = input.names();
    std::vector<std::string> missing;
    for (const std::string& column : columns_.inputs) {
      if (input.Find(column)) continue;
      if (record_.class_name == kStringIndexerClass &&
          EqualsIgnoringCase(column, walk_.options.label)) {
        continue;
      }
      const std::optional<std::string> near = ClosestName(column, names);
      missing.push_back(near ? fmt::format("'{}' (did you mean '{}'?)", column, *near)
                             : fmt::format("'{}'", column));
    }
    if (missing.empty()) return;
    throw Error(ErrorKind::kNotFound,
                fmt::format("there {} {}; columns are {}",
                            missing.size() == 1 ? "is no column" : "are no columns",
                            Join(missing, ", "), Join(names, ", ")));
  }

  static RowCheck CheckOfCondition(const Schema& input, const ExpressionPtr& where) {
    std::vector<std::string> columns;
    AddColumnsOf(*where, &columns);
    RowCheck check{.is_bad = sql::Or(sql::IsNull(where), sql::Not(where)),
                   .value = sql::Literal("null"),
                   .column = columns.empty() ? "" : columns.front(),
                   .problem = "has a value that the statement's WHERE leaves out",
                   .advice = ""};
    if (!columns.empty() && input.Get(columns.front()).type != kVectorType) {
      check.value = sql::Column(columns.front());
    }
    return check;
  }

  void KeepInvalid(const Schema& input, const std::vector<RowCheck>& checks,
                   StagePlan* plan) const {
    for (sql::SelectItem& item : plan->select.items) {
      if (!item.expression || item.expression->name != sql::kOneHot) continue;
      // NaN is no category's index.
      const ExpressionPtr nan = sql::Literal(std::numeric_limits<double>::quiet_NaN());
      item.expression = sql::Call(
          sql::kOneHot,
          {sql::Call("coalesce", {item.expression->args[0], nan}), item.expression->args[1]});
    }
    if (record_.class_name != kBucketizerClass) return;
    const auto& [inputs, outputs, are_numbers, statement] = columns_;
    for (std::size_t i = 0; i < inputs.size() && i < outputs.size(); ++i) {
      for (const RowCheck& check : checks) {
        if (EqualsIgnoringCase(check.column, input.Get(inputs[i]).name)) {
          UseBucketBeyond(outputs[i], check.is_bad, plan);
        }
      }
    }
  }

  static void UseBucketBeyond(const std::string& output, const ExpressionPtr& is_bad,
                              StagePlan* plan) {
    const auto bucket = std::find_if(plan->select.items.begin(), plan->select.items.end(),
                                     [&](const auto& item) { return item.name == output; });
    const auto attributes =
        std::find_if(plan->attributes.begin(), plan->attributes.end(),
                     [&](const auto& column) { return column.first == output; });
    if (bucket == plan->select.items.end() || attributes == plan->attributes.end()) return;
    const auto num_buckets =
        static_cast<double>(std::get<Attribute>(attributes->second).values.size());
    bucket->expression = sql::If(is_bad, sql::Literal(num_buckets), bucket->expression);
  }

  static void GuardExpressions(const ExpressionPtr& where, sql::Select* select) {
    ExpressionPtr is_sound = sql::IsNull(sql::Column(kProblemColumn));
    if (where) is_sound = sql::And(is_sound, where);
    for (sql::SelectItem& item : select->items) {
      if (!item.expression || item.expression->kind == sql::Expression::Kind::kColumn) continue;
      item.expression = sql::If(is_sound, item.expression, sql::Null());
    }
  }

  void Carry(const Schema& input, sql::Select* select) const {
    const auto is_star = [](const sql::SelectItem& item) { return item.expression == nullptr; };
    if (std::any_of(select->items.begin(), select->items.end(), is_star)) return;
    for (const Field& field : input.fields()) {
      if (!Contains(walk_.own_columns, field.name)) continue;
      select->items.push_back({sql::Column(field.name), field.name});
    }
  }

  // Says in the problem columns which check a row fails first.
  void Mark(const Schema& input, const std::vector<RowCheck>& checks, StagePlan* plan) const {
    Carry(input, &plan->select);
    if (checks.empty()) return;
    ExpressionPtr problem = sql::Cast(sql::Null(), kIntType);
    ExpressionPtr value = sql::Cast(sql::Null(), kStringType);
    const std::size_t first = walk_.problems.size();
    for (const RowCheck& check : checks) walk_.problems.push_back({check.column, check.problem});
    for (std::size_t i = checks.size(); i-- > 0;) {
      problem = sql::If(checks[i].is_bad, sql::Literal(static_cast<std::int32_t>(first + i)),
                        std::move(problem));
      value = sql::If(checks[i].is_bad, sql::Cast(checks[i].value, kStringType), std::move(value));
    }
    const ExpressionPtr known = sql::Column(kProblemColumn);
    const ExpressionPtr is_known = sql::Not(sql::IsNull(known));
    problem = sql::If(is_known, known, std::move(problem));
    value = sql::If(is_known, sql::Column(kProblemValueColumn), std::move(value));

    std::vector<sql::SelectItem> items;
    const auto add = [&items](const ExpressionPtr& expression, const std::string& name) {
      if (name != kProblemColumn && name != kProblemValueColumn)
        items.push_back({expression, name});
    };
    for (const sql::SelectItem& item : plan->select.items) {
      if (item.expression) {
        add(item.expression, item.name);
      } else {
        for (const Field& field : input.fields()) add(sql::Column(field.name), field.name);
      }
    }
    items.push_back({std::move(problem), std::string(kProblemColumn)});
    items.push_back({std::move(value), std::string(kProblemValueColumn)});
    plan->select.items = std::move(items);
    // What a stage says is never null may be, for a row that it should not have met.
    if (!Keeps()) {
      for (auto& [column, nullable] : plan->nullable) nullable = true;
    }
  }

  const FittedStage* strict_;  // As the stage is, but that it checks what it would skip.
  StageRecord record_;
  StageColumns columns_;
  bool is_guarded_;  // Whether expressions are computed of rows without a problem alone.
  Walk& walk_;
  std::unique_ptr<FittedStage> owned_strict_;
  std::unique_ptr<FittedStage> kept_;  // With handleInvalid: keep; null if it stays as it is.
};

bool ReadsMissingLabel(const std::vector<const FittedStage*>& stages, const Schema& input,
                       const std::string& label) {
  if (label.empty() || input.Find(label)) return false;
  return std::any_of(stages.begin(), stages.end(), [&](const FittedStage* stage) {
    const StageColumns columns = ColumnsOf(*stage);
    return columns.statement && Contains(columns.inputs, label);
  });
}

// The input with the columns that the walk adds.
Relation Begin(Engine& engine, const Relation& input, Walk* walk) {
  const std::string& row_column = walk->options.row_column;
  sql::Select select;
  for (const std::string& column : input.schema().names()) {
    if (!EqualsIgnoringCase(column, row_column)) {
      select.items.push_back({sql::Column(column), column});
    }
  }
  const auto add = [&](const ExpressionPtr& expression, std::string name) {
    walk->own_columns.push_back(name);
    select.items.push_back({expression, std::move(name)});
  };
  if (!row_column.empty()) add(sql::Column(row_column), InputCopy(row_column));
  for (const std::string& column : walk->options.copied) {
    add(sql::Column(column), InputCopy(column));
  }
  if (walk->options.on_unseen != UnseenPolicy::kError) {
    add(sql::Cast(sql::Null(), kIntType), std::string(kProblemColumn));
    add(sql::Cast(sql::Null(), kStringType), std::string(kProblemValueColumn));
  }
  if (walk->label_is_made) {
    select.items.push_back({sql::Cast(sql::Null(), kDoubleType), walk->options.label});
  }
  return engine.Query(input, select);
}

}  // namespace

std::string InputCopy(std::string_view column) {
  return std::string(kCopyPrefix) + std::string(column);
}

MarkedRows TransformMarked(Engine& engine, const std::vector<const FittedStage*>& stages,
                           const Relation& input, const MarkedTransformOptions& options) {
  Walk walk{.options = options};
  walk.label_is_made = ReadsMissingLabel(stages, input.schema(), options.label);
  const Relation begin = Begin(engine, input, &walk);

  std::vector<std::unique_ptr<FittedStage>> marking;
  const VectorCheck check(options.features);
  if (input.schema().Find(options.features)) {
    marking.push_back(std::make_unique<MarkingStage>(check, /*is_guarded=*/false, &walk));
  }
  bool is_guarded = false;
  for (const FittedStage* stage : stages) {
    const std::optional<sql::Select> statement = ColumnsOf(*stage).statement;
    is_guarded |= options.on_unseen == UnseenPolicy::kReject && statement && statement->where;
    marking.push_back(
        std::make_unique<MarkingStage>(*stage, statement.has_value() && is_guarded, &walk));
  }
  MarkedRows marked;
  marked.rows = PipelineModel("", std::move(marking)).Transform(engine, begin);
  marked.problems = std::move(walk.problems);
  marked.label_is_made = walk.label_is_made;
  return marked;
}

}  // namespace firesteel
