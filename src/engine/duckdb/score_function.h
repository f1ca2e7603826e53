#pragma once

#include <cstddef>
#include <string>

#include "engine/duckdb/connection.h"
#include "engine/engine.h"

namespace firesteel::duckdb {

/// Registers `name(vector) -> DOUBLE`, which calls `function` on dense rows of `width` numbers,
/// from several threads at once. A null vector, one of another length, and what `function` throws
/// end the query; the error's kind arrives through the connection's error slot. `column` is for
/// messages.
void RegisterScoreFunction(Connection* connection, const std::string& name,
                           const std::string& column, std::size_t width, RowFunction function);

}  // namespace firesteel::duckdb
