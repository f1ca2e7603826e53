#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/duckdb/connection.h"
#include "table/schema.h"
#include "table/value.h"

namespace firesteel::duckdb {

/// Makes a temporary table `table` of one row and returns its schema. A list is a column of type
/// kNull; a null is a null string.
Schema CreateRowTable(Connection* connection, const std::string& table,
                      std::span<const NamedValue> row);

/// All columns of the rows that `source` (what stands after FROM) gives, which must be exactly one;
/// `schema` is theirs. Dates, timestamps and decimals are
/// text. Throws Error(kInvalidArgument) with the number of rows if it is not one,
/// Error(kUnsupported) for a list of something else than strings, int32 or doubles.
std::vector<NamedValue> FetchOneRow(Connection* connection, const std::string& source,
                                    const Schema& schema);

}  // namespace firesteel::duckdb
