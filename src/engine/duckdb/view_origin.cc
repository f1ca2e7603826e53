#include "engine/duckdb/view_origin.h"

#include <fmt/format.h>

#include <cstddef>
#include <memory>
#include <utility>

#include "engine/duckdb/connection.h"
#include "sql/ml_functions.h"
#include "sql/print.h"

namespace firesteel::duckdb {
namespace {

using sql::Expression;
using sql::ExpressionPtr;

// A shared subtree is written out once for each use, so views on views could grow without bounds.
constexpr std::size_t kMaxNodes = 4000;

std::size_t NumNodes(const Expression& expression) {
  std::size_t count = 1;
  for (const ExpressionPtr& argument : expression.args) count += NumNodes(*argument);
  return count;
}

// An expression over a view's columns, said over what these are made of. Adds its nodes to
// `*num_nodes` and gives up, with null, once there are too many.
ExpressionPtr Substitute(const ExpressionPtr& expression, const Schema& schema,
                         const std::vector<ExpressionPtr>& columns, std::size_t* num_nodes) {
  if (expression->kind == Expression::Kind::kColumn) {
    const ExpressionPtr& column = columns.at(schema.Find(expression->name).value());
    *num_nodes += NumNodes(*column);
    return *num_nodes > kMaxNodes ? nullptr : column;
  }
  if (++*num_nodes > kMaxNodes) return nullptr;
  if (expression->args.empty()) return expression;
  auto copy = std::make_shared<Expression>(*expression);
  for (ExpressionPtr& argument : copy->args) {
    argument = Substitute(argument, schema, columns, num_nodes);
    if (argument == nullptr) return nullptr;
  }
  return copy;
}

ExpressionPtr Both(const ExpressionPtr& left, const ExpressionPtr& right) {
  if (left == nullptr || right == nullptr) return left == nullptr ? right : left;
  auto both = std::make_shared<Expression>(*sql::And(left, right));
  both->type = kBooleanType;
  both->nullable = left->nullable || right->nullable;
  return both;
}

// Stores what columns are made of, each expression once.
class KeepPlanner {
 public:
  explicit KeepPlanner(const ViewOrigin& origin) : origin_(origin) {}

  ExpressionPtr Add(const ExpressionPtr& expression) {
    if (IsCallOf(*expression, sql::kOneHot) || IsCallOf(*expression, sql::kAssemble)) {
      makes_vectors_ = true;
      auto copy = std::make_shared<Expression>(*expression);
      for (ExpressionPtr& argument : copy->args) argument = Add(argument);
      return copy;
    }
    if (expression->kind == Expression::Kind::kLiteral) return expression;
    return Store(expression);
  }

  KeepPlan plan;
  bool makes_vectors() const { return makes_vectors_; }

 private:
  ExpressionPtr Store(const ExpressionPtr& expression) {
    ExpressionPtr& column = by_sql_[sql::Print(*expression, sql::Dialect::kDuckDb)];
    if (column != nullptr) return column;
    auto stored = std::make_shared<Expression>();
    stored->kind = Expression::Kind::kColumn;
    stored->name = fmt::format("stored_{}", plan.stored.size());
    stored->type = expression->type;
    stored->nullable = expression->nullable;
    Field field{stored->name, expression->type, expression->nullable};
    if (expression->kind == Expression::Kind::kColumn) {
      field.attributes = origin_.base.schema().Get(expression->name).attributes;
    }
    plan.schema.Add(std::move(field));
    plan.stored.push_back(expression);
    column = stored;
    return column;
  }

  const ViewOrigin& origin_;
  std::map<std::string, ExpressionPtr> by_sql_;
  bool makes_vectors_ = false;
};

}  // namespace

ViewOrigin OriginOf(const Relation& input, const sql::ResolvedSelect& select,
                    const ViewOrigins& views) {
  const ViewOrigin over_input = {input, select.columns, select.where};
  const auto found = views.find(input.name());
  if (found == views.end()) return over_input;
  const ViewOrigin& below = found->second;
  ViewOrigin origin{below.base, {}, below.where};
  std::size_t num_nodes = 0;
  for (const ExpressionPtr& column : select.columns) {
    origin.columns.push_back(Substitute(column, input.schema(), below.columns, &num_nodes));
    if (origin.columns.back() == nullptr) return over_input;
  }
  if (select.where != nullptr) {
    const ExpressionPtr where = Substitute(select.where, input.schema(), below.columns, &num_nodes);
    if (where == nullptr) return over_input;
    origin.where = Both(origin.where, where);
  }
  return origin;
}

std::string SourceSql(const ViewOrigin& origin, const Views& views) {
  std::string source = views.Source(origin.base);
  if (origin.where != nullptr) {
    source += " WHERE " + sql::Print(*origin.where, sql::Dialect::kDuckDb);
  }
  return source;
}

bool IsCallOf(const Expression& expression, std::string_view function) {
  return expression.kind == Expression::Kind::kCall && expression.name == function;
}

std::optional<KeepPlan> PlanToKeep(const ViewOrigin& origin) {
  KeepPlanner planner(origin);
  for (const ExpressionPtr& column : origin.columns) {
    planner.plan.columns.push_back(planner.Add(column));
  }
  if (!planner.makes_vectors() || planner.plan.stored.empty()) return std::nullopt;
  return std::move(planner.plan);
}

}  // namespace firesteel::duckdb
