#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/duckdb/connection.h"
#include "table/schema.h"

namespace firesteel::duckdb {

struct ParquetSource {
  std::string query;  // Reads all files, typed as `schema` says.
  Schema schema;
};

/// Opens the footers of all files. Throws Error(kNotFound, kInvalidArgument, kUnsupported) that
/// names the file for one that is missing, cut short or no Parquet file, or whose columns are not
/// those of the first file, and for a column whose type we do not have.
ParquetSource OpenParquet(Connection* connection, const std::vector<std::string>& files);

/// The value of a key in the footer.
std::optional<std::string> ReadParquetKeyValue(Connection* connection, const std::string& file,
                                               std::string_view key);

}  // namespace firesteel::duckdb
