#pragma once

#include <string>
#include <vector>

#include "engine/duckdb/connection.h"
#include "engine/engine.h"
#include "table/record_table.h"

namespace firesteel::duckdb {

/// Engine::ReadRecords and Engine::WriteRecords.
RecordTable ReadRecordFiles(Connection* connection, const std::vector<std::string>& files,
                            const RecordTable& layout);
WriteResult WriteRecordFile(Connection* connection, const RecordTable& table,
                            const WriteOptions& options);

}  // namespace firesteel::duckdb
