#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/duckdb/connection.h"
#include "engine/engine.h"
#include "table/schema.h"

namespace firesteel::duckdb {

/// Reads CSV files into the temporary table `table`, typed by spec E.1 or as declared, in the order
/// of the records.
///
/// A sample says what a column's type can't be, so the narrowest type left is right if all rows
/// have it: they are converted to it in one pass, which ends at the first field that refutes it.
/// Then all rows are classified, once. Throws as Engine::ReadCsv does.
Schema ReadCsvTable(Connection* connection, const CsvSource& source, const std::string& table);

/// Where record `record` (from 0, over all files, headers aside) stands, and its field `column`.
/// Reads up to there.
RecordOrigin OriginOfRecord(const CsvSource& source, std::int64_t record, std::size_t column);

}  // namespace firesteel::duckdb
