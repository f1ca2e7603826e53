#include "features/input_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "features/stage_columns.h"
#include "sql/expression.h"
#include "sql/resolve.h"

namespace firesteel {
namespace {

using sql::ExpressionPtr;

struct WantedType {
  std::string column;
  DataType type;
};

bool Resolves(const ExpressionPtr& expression, const Schema& schema) {
  try {
    sql::Resolve(expression, schema);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Goes through stages with the schema alone, as far as it carries: what is wrong beyond text that
// should be something else is for the stages to say.
class TypeFinder {
 public:
  TypeFinder(Schema schema, const std::string& label) : schema_(std::move(schema)) {
    for (const Field& field : schema_.fields()) {
      if (field.type == kStringType) texts_.push_back(field.name);
    }
    if (!label.empty() && !schema_.Find(label)) schema_.Add({label, kDoubleType});
  }

  void Visit(const FittedStage& stage) {
    const StageColumns columns = ColumnsOf(stage);
    if (columns.statement) {
      for (const sql::SelectItem& item : columns.statement->items) {
        if (item.expression) Fit(item.expression);
      }
      if (columns.statement->where) Fit(columns.statement->where);
    } else if (columns.are_numbers) {
      for (const std::string& column : columns.inputs) {
        if (IsText(column)) Want(column, kDoubleType);
      }
    }
    schema_ = OutputSchema(stage, schema_);
    std::erase_if(texts_, [&](const std::string& text) { return !IsText(text); });
  }

  const std::vector<WantedType>& wanted() const { return wanted_; }

 private:
  bool IsText(const std::string& column) const {
    const std::optional<std::size_t> position = schema_.Find(column);
    return position && schema_.fields()[*position].type == kStringType &&
           std::any_of(texts_.begin(), texts_.end(),
                       [&](const auto& text) { return EqualsIgnoringCase(text, column); });
  }

  void Want(const std::string& column, const DataType& type) {
    Field& field = schema_.at(*schema_.Find(column));
    field.type = type;
    wanted_.push_back({field.name, type});
  }

  void Fit(const ExpressionPtr& expression) {
    std::vector<std::string> columns;
    AddColumnsOf(*expression, &columns);
    std::erase_if(columns, [&](const std::string& column) { return !IsText(column); });
    if (columns.empty() || Resolves(expression, schema_)) return;
    for (const DataType& type : {kDoubleType, kDateType, kBooleanType}) {
      Schema changed = schema_;
      for (const std::string& column : columns) changed.at(*changed.Find(column)).type = type;
      if (!Resolves(expression, changed)) continue;
      for (const std::string& column : columns) Want(column, type);
      return;
    }
  }

  Schema schema_;
  std::vector<std::string> texts_;  // Columns of the input that are text.
  std::vector<WantedType> wanted_;
};

[[noreturn]] void Refuse(Engine& engine, const Relation& rows, const WantedType& wanted) {
  const ExpressionPtr column = sql::Column(wanted.column);
  const ExpressionPtr is_bad =
      sql::And(sql::Not(sql::IsNull(column)), sql::IsNull(sql::TryCast(column, wanted.type)));
  const std::vector<ValueCount> values = engine.ValueCounts(
      engine.Query(rows, {.items = {{column, "value"}}, .where = is_bad}), sql::Column("value"));
  std::int64_t num_rows = 0;
  for (const ValueCount& value : values) num_rows += value.count;
  std::string example;
  if (!values.empty()) {
    const ValueCount& most = *std::min_element(
        values.begin(), values.end(), [](const ValueCount& left, const ValueCount& right) {
          return left.count != right.count ? left.count > right.count : left.value < right.value;
        });
    example = fmt::format(": in {} row{} it is none, as '{}'", WithThousands(num_rows),
                          num_rows == 1 ? "" : "s", most.value.value_or(""));
  }
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("column '{}' is {} and must be {}{}", wanted.column,
                          kStringType.ToString(), wanted.type.ToString(), example));
}

}  // namespace

Relation FitTextColumns(Engine& engine, const std::vector<const FittedStage*>& stages,
                        const Relation& rows, const std::string& label) {
  TypeFinder finder(rows.schema(), label);
  try {
    for (const FittedStage* stage : stages) finder.Visit(*stage);
  } catch (const Error&) {
    // What was found so far is as good as before.
  }
  const std::vector<WantedType>& wanted = finder.wanted();
  if (wanted.empty()) return rows;
  std::vector<ExpressionPtr> has_value;
  for (const WantedType& column : wanted) {
    has_value.push_back(sql::Not(sql::IsNull(sql::Column(column.column))));
  }
  const std::vector<std::int64_t> num_values = engine.CountWhere(rows, has_value);
  sql::Select select;
  for (const std::string& name : rows.schema().names()) {
    select.items.push_back({sql::Column(name), name});
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (num_values[i] > 0) Refuse(engine, rows, wanted[i]);
    select.items[*rows.schema().Find(wanted[i].column)].expression =
        sql::Cast(sql::Null(), wanted[i].type);
  }
  return engine.Query(rows, select);
}

}  // namespace firesteel
