#include "engine/duckdb/training_query.h"

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "base/error.h"
#include "engine/duckdb/connection.h"
#include "sql/ml_functions.h"
#include "sql/print.h"
#include "table/attribute.h"

namespace firesteel::duckdb {
namespace {

using sql::Expression;

const Expression& ColumnOf(const ViewOrigin& view, const Relation& relation,
                           const std::string& name) {
  return *view.select.columns.at(relation.schema().Find(name).value());
}

bool IsAssembled(const Expression& expression) {
  return expression.kind == Expression::Kind::kCall && expression.name == sql::kAssemble;
}

// The slots of one argument of an assembly over `input`, if they are known before a row is read.
std::optional<FeaturePart> PartOf(const Expression& argument, const Relation& input) {
  FeaturePart part;
  part.sql = sql::Print(argument, sql::Dialect::kDuckDb);
  if (argument.type != kVectorType) {
    part.column = part.sql;
    return part;
  }
  if (argument.kind != Expression::Kind::kColumn) return std::nullopt;
  const Field& field = input.schema().Get(argument.name);
  const auto* group = std::get_if<AttributeGroup>(&field.attributes);
  if (group == nullptr) return std::nullopt;
  part.column = field.name;
  part.is_vector = true;
  part.width = group->size;
  return part;
}

std::optional<std::vector<FeaturePart>> PartsOf(const Expression& assembly, const Relation& input,
                                                std::size_t width) {
  std::vector<FeaturePart> parts;
  std::size_t num_slots = 0;
  for (const sql::ExpressionPtr& argument : assembly.args) {
    std::optional<FeaturePart> part = PartOf(*argument, input);
    if (!part) return std::nullopt;
    num_slots += part->width;
    parts.push_back(*std::move(part));
  }
  if (num_slots != width) return std::nullopt;
  return parts;
}

std::string AsDouble(const std::string& sql) { return fmt::format("CAST({} AS DOUBLE)", sql); }

void CheckTypes(const Schema& schema, const TrainingView& view) {
  const Field& features = schema.Get(view.features.name);
  if (features.type != kVectorType) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("column '{}' is {}, not a vector: nothing can be learnt from it",
                            features.name, features.type.ToString()));
  }
  const auto check_number = [&](const std::string& name) {
    const Field& field = schema.Get(name);
    if (field.type.IsNumeric()) return;
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("column '{}' is {}; a label or weight must be numeric", field.name,
                            field.type.ToString()));
  };
  check_number(view.label);
  if (view.weight) check_number(*view.weight);
}

}  // namespace

TrainingQuery MakeTrainingQuery(const Relation& input, const TrainingView& view,
                                const ViewOrigins& views) {
  CheckTypes(input.schema(), view);
  // Follows the columns down through views that only choose among them.
  Relation relation = input;
  TrainingView names = view;
  for (;;) {
    const auto origin = views.find(relation.name());
    if (origin == views.end()) break;
    const ViewOrigin& from = origin->second;
    const Expression& features = ColumnOf(from, relation, names.features.name);
    const Expression& label = ColumnOf(from, relation, names.label);
    const Expression* weight = names.weight ? &ColumnOf(from, relation, *names.weight) : nullptr;
    if (IsAssembled(features)) {
      std::optional<std::vector<FeaturePart>> parts =
          PartsOf(features, from.input, view.features.width);
      if (!parts) break;
      TrainingQuery query;
      query.parts = *std::move(parts);
      query.label = AsDouble(sql::Print(label, sql::Dialect::kDuckDb));
      if (weight != nullptr) query.weight = AsDouble(sql::Print(*weight, sql::Dialect::kDuckDb));
      query.source = QuoteName(from.input.name());
      if (from.select.where) {
        query.source += " WHERE " + sql::Print(*from.select.where, sql::Dialect::kDuckDb);
      }
      return query;
    }
    const auto is_column = [](const Expression& expression) {
      return expression.kind == Expression::Kind::kColumn;
    };
    if (from.select.where || !is_column(features) || !is_column(label) ||
        (weight != nullptr && !is_column(*weight))) {
      break;
    }
    names.features.name = features.name;
    names.label = label.name;
    if (weight != nullptr) names.weight = weight->name;
    relation = from.input;
  }
  TrainingQuery query;
  query.parts = {{view.features.name, QuoteName(names.features.name), true, view.features.width}};
  query.label = AsDouble(QuoteName(names.label));
  if (names.weight) query.weight = AsDouble(QuoteName(*names.weight));
  query.source = QuoteName(relation.name());
  return query;
}

}  // namespace firesteel::duckdb
