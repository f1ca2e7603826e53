#pragma once

#include <optional>
#include <string>

#include "engine/duckdb/connection.h"
#include "table/data_type.h"

namespace firesteel::duckdb {

/// How a vector column (Spark's VectorUDT) lies in DuckDB.
inline constexpr const char* kVectorSqlType =
    R"(STRUCT("type" TINYINT, size INTEGER, indices INTEGER[], "values" DOUBLE[]))";

/// The DuckDB type that carries `type`, as SQL. A timestamp is an instant.
std::string SqlType(const DataType& type);

/// How a column of a file fits our types.
struct ColumnMapping {
  DataType type;            // kNull for a list, which only FetchRow and Write take.
  bool needs_cast = false;  // The engine must cast it to SqlType(type) when it reads.
};

/// Nothing if no type of ours carries it (unsigned, 128-bit, binary, time, nested types).
std::optional<ColumnMapping> MapType(const LogicalType& type);

/// DuckDB's name of a type, for messages.
std::string TypeName(const LogicalType& type);

/// The type of kVectorSqlType.
LogicalType MakeVectorType();

}  // namespace firesteel::duckdb
