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

}  // namespace

Plan Sql(std::string_view query, const std::vector<std::pair<std::string, const Plan*>>& inputs) {
  Plan text;
  text.mutable_sql()->set_query(std::string(query));
  if (inputs.empty()) return text;
  Plan plan;
  connect::WithRelations* with = plan.mutable_with_relations();
  *with->mutable_root() = std::move(text);
  for (const auto& [name, input] : inputs) {
    connect::SubqueryAlias* alias = with->add_references()->mutable_subquery_alias();
    alias->set_alias(name);
    *alias->mutable_input() = *input;
  }
  return plan;
}

Plan SqlOver(const Plan& input, std::string_view query) {
  return Sql(query, {{std::string(kInput), &input}});
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
  connect::Project* project = plan.mutable_project();
  *project->mutable_input() = input;
  for (const ProjectedColumn& column : columns) {
    connect::Expression::Alias* alias = project->add_expressions()->mutable_alias();
    alias->add_name(column.name);
    if (!column.metadata.empty()) alias->set_metadata(column.metadata);
    switch (column.function) {
      case ProjectedColumn::Function::kNone:
        *alias->mutable_expr() = TextExpression(column.sql);
        break;
      case ProjectedColumn::Function::kToVector:
        *alias->mutable_expr() = VectorFunction("array_to_vector", column.sql, nullptr);
        break;
      case ProjectedColumn::Function::kToArray:
        *alias->mutable_expr() = VectorFunction("vector_to_array", column.sql, "float64");
        break;
    }
  }
  return plan;
}

Plan UnionAll(const Plan& first, const Plan& second) {
  Plan plan;
  connect::SetOperation* operation = plan.mutable_set_op();
  *operation->mutable_left_input() = first;
  *operation->mutable_right_input() = second;
  operation->set_set_op_type(connect::SetOperation::SET_OP_TYPE_UNION);
  operation->set_is_all(true);
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
