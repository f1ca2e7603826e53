#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spark/connect/relations.pb.h"
#include "table/schema.h"

/// Builders of Spark Connect's plans. A plan is a tree that the server takes apart when it is
/// executed; nothing of it lives there meanwhile.
namespace firesteel::spark_plans {

using Plan = ::spark::connect::Relation;

/// What SQL text calls the one relation that it reads.
inline constexpr std::string_view kInput = "fs_input";

/// `query` over plans, each under the name that its text calls it.
Plan Sql(std::string_view query,
         const std::vector<std::pair<std::string, const Plan*>>& inputs = {});
/// `query` over one plan, which it calls kInput.
Plan SqlOver(const Plan& input, std::string_view query);

/// Files of Spark's reader `format` with its options.
Plan ReadFiles(const std::string& format, const std::vector<std::string>& paths,
               const std::vector<std::pair<std::string, std::string>>& options,
               const std::string& ddl_schema = {});

/// A column of a projection: SQL text, or a column put through one of the functions that SQL text
/// can't call.
struct ProjectedColumn {
  enum class Function { kNone, kToVector, kToArray };

  std::string name;
  std::string sql;
  Function function = Function::kNone;
  std::string metadata = {};  // JSON; empty: none of its own.
};
Plan Project(const Plan& input, const std::vector<ProjectedColumn>& columns);

/// Both, the rows of `first` and those of `second`, whose columns are the same.
Plan UnionAll(const Plan& first, const Plan& second);
/// As few tasks as one.
Plan Coalesce(const Plan& input, int num_partitions);

/// "`a``b`".
std::string Quote(std::string_view name);
std::string QuoteText(std::string_view text);
/// "`a` int, `b` string" for columns that are no vectors.
std::string DdlOf(const Schema& schema);

}  // namespace firesteel::spark_plans
