#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace firesteel::duckdb {

/// A list of files as the argument of read_csv or read_parquet, so that a name with *, ? or [ means
/// itself.
std::string FileListSql(std::span<const std::string> files);

/// Throws Error(kNotFound) if there is no such file, Error(kInvalidArgument) if it is not a regular
/// file. Returns its size in bytes.
std::uintmax_t CheckInputFile(const std::string& file);

/// Throws Error(kInvalidArgument) unless the file begins and ends as a Parquet file does. Of an
/// object on S3 DuckDB finds that out itself, without another request.
void CheckParquetFile(const std::string& file);

}  // namespace firesteel::duckdb
