#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "engine/duckdb/connection.h"

namespace firesteel::duckdb {

/// Appends `num_rows` rows to `table`, chunk by chunk: `fill` writes rows [begin, end) into the
/// columns of an empty chunk. Throws Error(kInternal) if DuckDB refuses them.
void AppendRows(
    Connection* connection, const std::string& table, std::size_t num_rows,
    const std::function<void(duckdb_data_chunk chunk, std::size_t begin, std::size_t end)>& fill);

}  // namespace firesteel::duckdb
