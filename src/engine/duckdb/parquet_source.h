#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/duckdb/connection.h"
#include "table/schema.h"

namespace firesteel::duckdb {

struct ParquetSource {
  std::vector<std::string> files;
  std::string columns;  // What is selected of `reader` to have the types of `schema`.
  std::string reader;   // What stands after FROM: reads all files.
  Schema schema;

  std::string Query() const { return "SELECT " + columns + " FROM " + reader; }
};

/// Opens the footers of all files. Throws Error(kNotFound, kInvalidArgument, kUnsupported) that
/// names the file for one that is missing, cut short or no Parquet file, or whose columns are not
/// those of the first file, and for a column whose type we do not have.
ParquetSource OpenParquet(Connection* connection, const std::vector<std::string>& files);

/// The same rows with a BIGINT column appended that numbers them: file by file, as they lie in it.
/// Throws Error(kUnsupported) for a source with a column that has a name DuckDB needs for that.
std::string NumberedParquetSql(Connection* connection, const ParquetSource& source,
                               const std::string& column);

/// The value of a key in the footer.
std::optional<std::string> ReadParquetKeyValue(Connection* connection, const std::string& file,
                                               std::string_view key);

}  // namespace firesteel::duckdb
