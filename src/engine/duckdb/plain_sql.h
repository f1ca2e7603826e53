#pragma once

#include <string>
#include <vector>

namespace firesteel {

/// Runs statements of DuckDB's own SQL, one after another, in a new in-memory database with
/// DuckDB's limits, and returns the first column of the last one, which must be of doubles; null
/// becomes NaN. Throws Error with DuckDB's message for a statement that it refuses.
std::vector<double> RunDuckDbSql(const std::vector<std::string>& statements);

}  // namespace firesteel
