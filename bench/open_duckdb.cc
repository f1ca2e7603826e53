// The least that a program with DuckDB in it can do: open a database in memory, ask for one number,
// end. Its running time is the floor under every step of firesteel.

#include <cstdio>

#include "duckdb.h"

int main() {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  duckdb_result result;
  if (duckdb_open(nullptr, &database) != DuckDBSuccess ||
      duckdb_connect(database, &connection) != DuckDBSuccess ||
      duckdb_query(connection, "SELECT 42", &result) != DuckDBSuccess) {
    std::fputs("open_duckdb: DuckDB did not answer\n", stderr);
    return 1;
  }
  const bool is_right = duckdb_value_int64(&result, 0, 0) == 42;
  duckdb_destroy_result(&result);
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  if (!is_right) std::fputs("open_duckdb: DuckDB gave another answer than 42\n", stderr);
  return is_right ? 0 : 1;
}
