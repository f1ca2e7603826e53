#pragma once

#include <string>

#include "engine/duckdb/connection.h"
#include "engine/engine.h"

namespace firesteel::duckdb {

/// Registers `name(vector) -> DOUBLE`, which calls `function` on dense rows as wide as
/// `options.features`, from several threads at once. A null vector (unless it gives null), one of
/// another length, and what `function` throws end the query; the error's kind arrives through the
/// connection's error slot.
void RegisterScoreFunction(Connection* connection, const std::string& name,
                           const ScoreOptions& options, RowFunction function);

}  // namespace firesteel::duckdb
