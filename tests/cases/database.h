#pragma once

#include <duckdb.h>

#include <optional>
#include <string>
#include <vector>

namespace firesteel::cases {

/// An in-memory DuckDB with the functions that sql/print.h's text calls.
class Database {
 public:
  Database();
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  struct Result {
    std::vector<std::vector<std::optional<std::string>>> rows;
    std::string error;  // Empty if the query succeeded.
  };

  /// Runs one statement; all its columns must be VARCHAR.
  Result Run(const std::string& sql);
  /// Runs one statement that must not fail.
  void MustRun(const std::string& sql);

 private:
  duckdb_database database_ = nullptr;
  duckdb_connection connection_ = nullptr;
};

}  // namespace firesteel::cases
