#include "features/stage_columns.h"

#include <algorithm>

#include "base/text.h"
#include "sql/resolve.h"

namespace firesteel {
namespace {

// The columns that a stage names by a parameter of its single form or of its multiple one.
std::vector<std::string> ColumnsIn(const StageRecord& record, const char* one_name,
                                   const char* many_name) {
  std::vector<std::string> columns;
  if (const auto one = record.params.find(one_name); one != record.params.end()) {
    columns.push_back(one->get<std::string>());
  }
  if (const auto many = record.params.find(many_name); many != record.params.end()) {
    for (const auto& column : *many) columns.push_back(column.get<std::string>());
  }
  return columns;
}

}  // namespace

StageColumns ColumnsOf(const FittedStage& stage) {
  const StageRecord record = stage.ToRecord();
  StageColumns columns{.inputs = ColumnsIn(record, "inputCol", "inputCols"),
                       .outputs = ColumnsIn(record, "outputCol", "outputCols")};
  if (record.class_name != kSqlTransformerClass) {
    columns.are_numbers = record.class_name != kStringIndexerClass;
    return columns;
  }
  // A statement's plan is the statement, whatever the input.
  columns.statement = stage.Plan(Schema()).select;
  for (const sql::SelectItem& item : columns.statement->items) {
    if (item.expression) AddColumnsOf(*item.expression, &columns.inputs);
  }
  if (columns.statement->where) AddColumnsOf(*columns.statement->where, &columns.inputs);
  return columns;
}

Schema OutputSchema(const FittedStage& stage, const Schema& input) {
  const StagePlan plan = stage.Plan(input);
  Schema output = sql::Resolve(plan.select, input).schema;
  for (const auto& [name, attributes] : plan.attributes) {
    if (const std::optional<std::size_t> position = output.Find(name)) {
      output.at(*position).attributes = attributes;
    }
  }
  return output;
}

void AddColumnsOf(const sql::Expression& expression, std::vector<std::string>* columns) {
  const auto is_it = [&](const std::string& column) {
    return EqualsIgnoringCase(column, expression.name);
  };
  if (expression.kind == sql::Expression::Kind::kColumn &&
      std::none_of(columns->begin(), columns->end(), is_it)) {
    columns->push_back(expression.name);
  }
  for (const sql::ExpressionPtr& argument : expression.args) AddColumnsOf(*argument, columns);
}

}  // namespace firesteel
