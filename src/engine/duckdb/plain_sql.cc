#include "engine/duckdb/plain_sql.h"

#include <fmt/format.h>

#include <limits>
#include <span>

#include "base/error.h"
#include "engine/duckdb/connection.h"

namespace firesteel {

std::vector<double> RunDuckDbSql(const std::vector<std::string>& statements) {
  duckdb::Connection connection({.num_threads = 1});
  for (const std::string& statement : std::span(statements).first(statements.size() - 1)) {
    connection.Run(statement);
  }
  duckdb::Result result = connection.Query(statements.back());
  if (duckdb::IdOf(result.column_type(0)) != DUCKDB_TYPE_DOUBLE) {
    throw Error(ErrorKind::kInternal,
                fmt::format("the column '{}' of a query is not of doubles", result.column_name(0)));
  }
  std::vector<double> values;
  while (result.Next()) {
    const duckdb::VectorView column = result.column(0);
    for (idx_t row = 0; row < result.num_rows(); ++row) {
      values.push_back(column.IsValid(row) ? column.data<double>()[row]
                                           : std::numeric_limits<double>::quiet_NaN());
    }
  }
  return values;
}

}  // namespace firesteel
