#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "spark/connect/relations.pb.h"
#include "table/schema.h"

/// Builders of Spark Connect's plans. A plan is a tree that the server takes apart when it is
/// executed; nothing of it lives there meanwhile.
namespace firesteel::spark_plans {

using Plan = ::spark::connect::Relation;

/// A query of SQL text that reads no plan: over one, the server would make and drop a view each
/// time, which takes longer than small data and loses what is cached. Hence the nodes below.
Plan Sql(std::string_view query);

/// Files of Spark's reader `format` with its options.
Plan ReadFiles(const std::string& format, const std::vector<std::string>& paths,
               const std::vector<std::pair<std::string, std::string>>& options,
               const std::string& ddl_schema = {});

/// A column of a projection: SQL text, or a column put through one of the functions that SQL text
/// can't call.
struct ProjectedColumn {
  enum class Function { kNone, kToVector, kToArray };

  std::string name;  // Empty: what the SQL says, which may be several columns.
  std::string sql;
  Function function = Function::kNone;
  std::string metadata = {};  // JSON; empty: none of its own.
};
Plan Project(const Plan& input, const std::vector<ProjectedColumn>& columns);
/// The rows for which a condition is true.
Plan Filter(const Plan& input, const std::string& condition);
/// A row for each group of equal keys, one if there are no keys: the keys, then the aggregates.
Plan Aggregate(const Plan& input, const std::vector<ProjectedColumn>& keys,
               const std::vector<ProjectedColumn>& aggregates);
/// The same rows; the metrics that are aggregated over them are told, under `name`, by the
/// execution that computes them.
Plan Observe(const Plan& input, const std::string& name,
             const std::vector<ProjectedColumn>& metrics);
/// Whether a text, such as the name of what is observed, is anywhere in a plan.
bool Names(const Plan& plan, const std::string& text);
/// At most that many rows.
Plan Limit(const Plan& input, int num_rows);
/// Pairs of rows for which a condition is true; it and what comes after say `l.` and `r.`.
Plan Join(const Plan& left, const Plan& right, JoinType type, const std::string& condition);

/// As few tasks as one.
Plan Coalesce(const Plan& input, int num_partitions);

/// "`a``b`".
std::string Quote(std::string_view name);
std::string QuoteText(std::string_view text);
/// "`a` int, `b` string" for columns that are no vectors.
std::string DdlOf(const Schema& schema);

}  // namespace firesteel::spark_plans
