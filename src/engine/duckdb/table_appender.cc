#include "engine/duckdb/table_appender.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace firesteel::duckdb {
namespace {

struct AppenderDeleter {
  void operator()(duckdb_appender appender) const { duckdb_appender_destroy(&appender); }
};
struct ChunkDeleter {
  void operator()(duckdb_data_chunk chunk) const { duckdb_destroy_data_chunk(&chunk); }
};

}  // namespace

void AppendRows(
    Connection* connection, const std::string& table, std::size_t num_rows,
    const std::function<void(duckdb_data_chunk chunk, std::size_t begin, std::size_t end)>& fill) {
  std::vector<LogicalType> types;
  for (Connection::Column& column : connection->Describe("FROM " + QuoteName(table))) {
    types.push_back(std::move(column.type));
  }
  std::vector<duckdb_logical_type> raw_types;
  for (const LogicalType& type : types) raw_types.push_back(type.get());
  duckdb_appender raw_appender = nullptr;
  duckdb_state state =
      duckdb_appender_create(connection->get(), nullptr, table.c_str(), &raw_appender);
  const std::unique_ptr<_duckdb_appender, AppenderDeleter> appender(raw_appender);
  for (std::size_t begin = 0; state == DuckDBSuccess && begin < num_rows;) {
    const std::size_t end = std::min<std::size_t>(begin + duckdb_vector_size(), num_rows);
    const std::unique_ptr<_duckdb_data_chunk, ChunkDeleter> chunk(
        duckdb_create_data_chunk(raw_types.data(), raw_types.size()));
    fill(chunk.get(), begin, end);
    duckdb_data_chunk_set_size(chunk.get(), end - begin);
    state = duckdb_append_data_chunk(appender.get(), chunk.get());
    begin = end;
  }
  if (state == DuckDBSuccess) state = duckdb_appender_close(appender.get());
  if (state == DuckDBError) {
    const char* message = duckdb_appender_error(appender.get());
    throw Error(ErrorKind::kInternal,
                "DuckDB did not take rows: " + CleanMessage(message ? message : ""));
  }
}

}  // namespace firesteel::duckdb
