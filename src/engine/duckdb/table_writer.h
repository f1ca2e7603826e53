#pragma once

#include <string>

#include "engine/duckdb/connection.h"
#include "engine/engine.h"
#include "table/schema.h"

namespace firesteel::duckdb {

/// Writes the rows of `source` (what stands after FROM) as Engine::Write promises. A failed write
/// may leave files in the directory. Throws Error(kUnsupported) naming a column whose type CSV
/// cannot hold.
WriteResult WriteTable(Connection* connection, const std::string& source, const Schema& schema,
                       const WriteOptions& options);

}  // namespace firesteel::duckdb
