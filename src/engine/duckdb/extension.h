#pragma once

#include <string>

#include "engine/duckdb/connection.h"

namespace firesteel::duckdb {

/// Loads an extension that comes with the program: lib/extensions/NAME.duckdb_extension. DuckDB
/// checks its signature and version; nothing is ever fetched. It takes tens of milliseconds, so it
/// is for the moment when something first needs it. Throws Error(kIo) that names the file.
void LoadExtension(Connection* connection, const std::string& name);

}  // namespace firesteel::duckdb
