#include "engine/spark/plans.h"

#include <fmt/format.h>

#include "sql/print.h"

namespace firesteel::spark_plans {
namespace {

namespace connect = ::spark::connect;

connect::Expression TextExpression(const std::string& sql) {
  connect::Expression expression;
  expression.mutable_expression_string()->set_expression(sql);
  return expression;
}

// The functions between vectors and arrays are internal: no SQL text may name them. Both fail for
// null, which is null here.
connect::Expression VectorFunction(const char* name, const std::string& sql,
                                   const char* second_argument) {
  connect::Expression expression;
  connect::Expression::UnresolvedFunction* when = expression.mutable_unresolved_function();
  when->set_function_name("when");
  *when->add_arguments() = TextExpression("(" + sql + ") IS NOT NULL");
  connect::Expression::UnresolvedFunction* call =
      when->add_arguments()->mutable_unresolved_function();
  call->set_function_name(name);
  *call->add_arguments() = TextExpression(sql);
  if (second_argument != nullptr) {
    call->add_arguments()->mutable_literal()->set_string(second_argument);
  }
  return expression;
}

connect::Expression ExpressionOf(const ProjectedColumn& column) {
  connect::Expression expression;
  switch (column.function) {
    case ProjectedColumn::Function::kNone:
      expression = TextExpression(column.sql);
      break;
    case ProjectedColumn::Function::kToVector:
      expression = VectorFunction("array_to_vector", column.sql, nullptr);
      break;
    case ProjectedColumn::Function::kToArray:
      expression = VectorFunction("vector_to_array", column.sql, "float64");
      break;
  }
  if (column.name.empty()) return expression;
  connect::Expression named;
  connect::Expression::Alias* alias = named.mutable_alias();
  *alias->mutable_expr() = std::move(expression);
  alias->add_name(column.name);
  if (!column.metadata.empty()) alias->set_metadata(column.metadata);
  return named;
}

}  // namespace

Plan Sql(std::string_view query) {
  Plan plan;
  plan.mutable_sql()->set_query(std::string(query));
  return plan;
}

Plan ReadFiles(const std::string& format, const std::vector<std::string>& paths,
               const std::vector<std::pair<std::string, std::string>>& options,
               const std::string& ddl_schema) {
  Plan plan;
  connect::Read::DataSource* source = plan.mutable_read()->mutable_data_source();
  source->set_format(format);
  if (!ddl_schema.empty()) source->set_schema(ddl_schema);
  for (const auto& [key, value] : options) (*source->mutable_options())[key] = value;
  for (const std::string& path : paths) source->add_paths(path);
  return plan;
}

Plan Project(const Plan& input, const std::vector<ProjectedColumn>& columns) {
  Plan plan;
  *plan.mutable_project()->mutable_input() = input;
  for (const ProjectedColumn& column : columns) {
    *plan.mutable_project()->add_expressions() = ExpressionOf(column);
  }
  return plan;
}

Plan Filter(const Plan& input, const std::string& condition) {
  Plan plan;
  *plan.mutable_filter()->mutable_input() = input;
  *plan.mutable_filter()->mutable_condition() = TextExpression(condition);
  return plan;
}

Plan Aggregate(const Plan& input, const std::vector<ProjectedColumn>& keys,
               const std::vector<ProjectedColumn>& aggregates) {
  Plan plan;
  connect::Aggregate* aggregate = plan.mutable_aggregate();
  *aggregate->mutable_input() = input;
  aggregate->set_group_type(connect::Aggregate::GROUP_TYPE_GROUPBY);
  for (const ProjectedColumn& key : keys) {
    *aggregate->add_grouping_expressions() = ExpressionOf(key);
  }
  for (const ProjectedColumn& column : aggregates) {
    *aggregate->add_aggregate_expressions() = ExpressionOf(column);
  }
  return plan;
}

Plan Observe(const Plan& input, const std::string& name,
             const std::vector<ProjectedColumn>& metrics) {
  Plan plan;
  *plan.mutable_collect_metrics()->mutable_input() = input;
  plan.mutable_collect_metrics()->set_name(name);
  for (const ProjectedColumn& metric : metrics) {
    *plan.mutable_collect_metrics()->add_metrics() = ExpressionOf(metric);
  }
  return plan;
}

bool Names(const Plan& plan, const std::string& text) {
  // A message holds its texts as they are.
  return plan.SerializeAsString().find(text) != std::string::npos;
}

Plan Limit(const Plan& input, int num_rows) {
  Plan plan;
  *plan.mutable_limit()->mutable_input() = input;
  plan.mutable_limit()->set_limit(num_rows);
  return plan;
}

Plan Join(const Plan& left, const Plan& right, JoinType type, const std::string& condition) {
  Plan plan;
  connect::Join* join = plan.mutable_join();
  connect::SubqueryAlias* alias = join->mutable_left()->mutable_subquery_alias();
  *alias->mutable_input() = left;
  alias->set_alias("l");
  alias = join->mutable_right()->mutable_subquery_alias();
  *alias->mutable_input() = right;
  alias->set_alias("r");
  *join->mutable_join_condition() = TextExpression(condition);
  join->set_join_type(type == JoinType::kLeft ? connect::Join::JOIN_TYPE_LEFT_OUTER
                                              : connect::Join::JOIN_TYPE_INNER);
  return plan;
}

Plan Coalesce(const Plan& input, int num_partitions) {
  Plan plan;
  connect::Repartition* repartition = plan.mutable_repartition();
  *repartition->mutable_input() = input;
  repartition->set_num_partitions(num_partitions);
  repartition->set_shuffle(false);
  return plan;
}

std::string Quote(std::string_view name) {
  return sql::QuoteIdentifier(name, sql::Dialect::kSpark);
}

std::string QuoteText(std::string_view text) {
  return sql::QuoteString(text, sql::Dialect::kSpark);
}

std::string DdlOf(const Schema& schema) {
  std::string ddl;
  for (const Field& field : schema.fields()) {
    ddl +=
        fmt::format("{}{} {}", ddl.empty() ? "" : ", ", Quote(field.name), field.type.ToString());
  }
  return ddl;
}

}  // namespace firesteel::spark_plans
