#pragma once

#include <string>
#include <string_view>

#include "sql/select.h"

namespace firesteel::sql {

enum class Dialect { kDuckDb, kSpark };

/// Writes a resolved expression as SQL text of `dialect` that computes what Spark 4 computes in
/// ANSI mode, errors included. The DuckDB text calls functions named `fs_…`, which engine/duckdb
/// registers. Spark's SQL text knows no vectors: there, the ML functions compute arrays of doubles
/// from arrays of doubles.
std::string Print(const Expression& expression, Dialect dialect);

/// Writes `SELECT … FROM source [WHERE …]`; `source` is inserted as it is.
std::string Print(const ResolvedSelect& select, Dialect dialect, std::string_view source);

/// `"a""b"` for DuckDB, `` `a``b` `` for Spark.
std::string QuoteIdentifier(std::string_view name, Dialect dialect);
/// A string literal of the dialect, escaped so that no content can end it.
std::string QuoteString(std::string_view text, Dialect dialect);

}  // namespace firesteel::sql
