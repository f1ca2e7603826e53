#include "engine/duckdb/training_query.h"

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <variant>

#include "base/error.h"
#include "engine/duckdb/connection.h"
#include "sql/ml_functions.h"
#include "sql/print.h"
#include "table/attribute.h"

namespace firesteel::duckdb {
namespace {

using sql::Expression;

std::size_t SumOfWidths(std::span<const FeaturePart> parts) {
  std::size_t width = 0;
  for (const FeaturePart& part : parts) width += part.width;
  return width;
}

// Appends the columns that an expression over `base` is made of; false if it cannot be known before
// a row is read how many slots it has.
bool AppendParts(const Expression& expression, const Relation& base,
                 std::vector<FeaturePart>* parts) {
  const auto print = [](const Expression& value) {
    return sql::Print(value, sql::Dialect::kDuckDb);
  };
  if (IsCallOf(expression, sql::kAssemble)) {
    for (const sql::ExpressionPtr& argument : expression.args) {
      if (!AppendParts(*argument, base, parts)) return false;
    }
    return true;
  }
  if (IsCallOf(expression, sql::kOneHot)) {
    const auto* size = std::get_if<std::int32_t>(&expression.args.at(1)->value);
    if (size == nullptr || *size < 0) return false;
    const std::string index = print(*expression.args.at(0));
    parts->push_back({index, index, FeaturePart::Kind::kOneHot, static_cast<std::size_t>(*size)});
    return true;
  }
  if (expression.type != kVectorType) {
    const std::string number = print(expression);
    parts->push_back({number, number, FeaturePart::Kind::kNumber, 1});
    return true;
  }
  if (expression.kind != Expression::Kind::kColumn) return false;
  const Field& field = base.schema().Get(expression.name);
  const auto* group = std::get_if<AttributeGroup>(&field.attributes);
  if (group == nullptr) return false;
  parts->push_back({field.name, print(expression), FeaturePart::Kind::kVector, group->size});
  return true;
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

std::string PartsSql(std::span<const FeaturePart> parts) {
  std::string list;
  for (const FeaturePart& part : parts) list += (list.empty() ? "" : ", ") + part.sql;
  return list;
}

TrainingQuery MakeTrainingQuery(const Relation& input, const TrainingView& view, const Views& views,
                                const ViewOrigins& origins) {
  CheckTypes(input.schema(), view);
  TrainingQuery query;
  const auto found = origins.find(input.name());
  if (found == origins.end()) {
    query.parts = {{view.features.name, QuoteName(view.features.name), FeaturePart::Kind::kVector,
                    view.features.width}};
    query.label = AsDouble(QuoteName(view.label));
    if (view.weight) query.weight = AsDouble(QuoteName(*view.weight));
    query.source = views.Source(input);
    return query;
  }
  const ViewOrigin& origin = found->second;
  const auto column = [&](const std::string& name) -> const Expression& {
    return *origin.columns.at(input.schema().Find(name).value());
  };
  const Expression& features = column(view.features.name);
  if (!AppendParts(features, origin.base, &query.parts) ||
      SumOfWidths(query.parts) != view.features.width) {
    query.parts = {{view.features.name, sql::Print(features, sql::Dialect::kDuckDb),
                    FeaturePart::Kind::kVector, view.features.width}};
  }
  query.label = AsDouble(sql::Print(column(view.label), sql::Dialect::kDuckDb));
  if (view.weight) {
    query.weight = AsDouble(sql::Print(column(*view.weight), sql::Dialect::kDuckDb));
  }
  query.source = SourceSql(origin, views);
  return query;
}

}  // namespace firesteel::duckdb
