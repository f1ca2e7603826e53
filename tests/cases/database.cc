#include "cases/database.h"

#include "base/error.h"
#include "engine/duckdb/functions/scalar_functions.h"
#include "engine/duckdb/functions/scalar_udf.h"

namespace firesteel::cases {

Database::Database() {
  if (duckdb_open(nullptr, &database_) != DuckDBSuccess ||
      duckdb_connect(database_, &connection_) != DuckDBSuccess) {
    throw Error(ErrorKind::kInternal, "DuckDB does not open");
  }
  MustRun("SET threads = 1");
  RegisterScalarFunctions(connection_);
}

Database::~Database() {
  duckdb_disconnect(&connection_);
  duckdb_close(&database_);
}

Database::Result Database::Run(const std::string& sql) {
  Result answer;
  duckdb_result result;
  if (duckdb_query(connection_, sql.c_str(), &result) != DuckDBSuccess) {
    const char* const error = duckdb_result_error(&result);
    answer.error = error == nullptr ? "unknown error" : error;
    duckdb_destroy_result(&result);
    return answer;
  }
  while (duckdb_data_chunk chunk = duckdb_fetch_chunk(result)) {
    const idx_t num_columns = duckdb_data_chunk_get_column_count(chunk);
    for (idx_t row = 0; row < duckdb_data_chunk_get_size(chunk); ++row) {
      std::vector<std::optional<std::string>> cells;
      for (idx_t column = 0; column < num_columns; ++column) {
        const duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, column);
        if (!udf::IsValid(duckdb_vector_get_validity(vector), row)) {
          cells.emplace_back();
          continue;
        }
        auto* const strings = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
        cells.emplace_back(udf::StringAt(strings, row));
      }
      answer.rows.push_back(std::move(cells));
    }
    duckdb_destroy_data_chunk(&chunk);
  }
  duckdb_destroy_result(&result);
  return answer;
}

void Database::MustRun(const std::string& sql) {
  duckdb_result result;
  const bool failed = duckdb_query(connection_, sql.c_str(), &result) != DuckDBSuccess;
  const std::string error = failed ? duckdb_result_error(&result) : "";
  duckdb_destroy_result(&result);
  if (failed) throw Error(ErrorKind::kInternal, error + " in: " + sql);
}

}  // namespace firesteel::cases
