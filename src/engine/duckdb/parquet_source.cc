#include "engine/duckdb/parquet_source.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <span>

#include "base/text.h"
#include "engine/duckdb/file_list.h"
#include "engine/duckdb/types.h"

namespace firesteel::duckdb {
namespace {

// Throws `error` again with the file's name in it; what DuckDB takes for a bug of its own is a
// damaged file.
[[noreturn]] void Rethrow(const Error& error, const std::string& file) {
  if (error.kind() == ErrorKind::kInternal) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{}: the Parquet file is damaged: {}", file, error.what()));
  }
  if (std::string_view(error.what()).find(file) != std::string_view::npos) throw error;
  throw error.Within(file);
}

std::string ReaderSql(std::span<const std::string> files) {
  return fmt::format(
      "read_parquet({}, union_by_name=false, hive_partitioning=false, filename=false)",
      FileListSql(files));
}

// DuckDB reads later files as the first one's types, which may round numbers without a word; so
// whoever differs is refused before a row is read.
void CheckSameColumns(Connection* connection, const std::vector<std::string>& files,
                      const std::vector<Connection::Column>& expected) {
  for (const std::string& file : std::span(files).subspan(1)) {
    std::vector<Connection::Column> columns;
    try {
      columns = connection->Describe("FROM " + ReaderSql({&file, 1}));
    } catch (const Error& error) {
      Rethrow(error, file);
    }
    std::map<std::string, const LogicalType*> by_name;
    for (const Connection::Column& column : columns) {
      by_name.emplace(AsciiLower(column.name), &column.type);
    }
    for (const Connection::Column& column : expected) {
      const auto found = by_name.find(AsciiLower(column.name));
      if (found == by_name.end()) {
        throw Error(
            ErrorKind::kInvalidArgument,
            fmt::format("{}: column '{}' is missing; {} has it", file, column.name, files.front()));
      }
      const auto want = MapType(column.type), have = MapType(*found->second);
      if (!have || want->type != have->type) {
        throw Error(ErrorKind::kInvalidArgument,
                    fmt::format("{}: column '{}' is {}, but {} in {}", file, column.name,
                                have ? have->type.ToString() : TypeName(*found->second),
                                want->type.ToString(), files.front()));
      }
    }
  }
}

}  // namespace

ParquetSource OpenParquet(Connection* connection, const std::vector<std::string>& files) {
  if (files.empty()) throw Error(ErrorKind::kInvalidArgument, "there is no Parquet file to read");
  for (const std::string& file : files) CheckParquetFile(file);

  std::vector<Connection::Column> columns;
  try {
    columns = connection->Describe("FROM " + ReaderSql({files.data(), 1}));
  } catch (const Error& error) {
    Rethrow(error, files.front());
  }
  ParquetSource source;
  std::string list;
  bool needs_cast = false;
  std::set<std::string> names;
  for (const Connection::Column& column : columns) {
    if (!names.insert(AsciiLower(column.name)).second) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("{}: column '{}' is there twice (letter case does not count)",
                              files.front(), column.name));
    }
    const std::optional<ColumnMapping> mapping = MapType(column.type);
    if (!mapping) {
      throw Error(
          ErrorKind::kUnsupported,
          fmt::format(
              "{}: column '{}' has the type {}, which is not supported; cast it where the file "
              "is written",
              files.front(), column.name, TypeName(column.type)));
    }
    const std::string name = QuoteName(column.name);
    list += list.empty() ? "" : ", ";
    if (mapping->needs_cast) {
      list += fmt::format("CAST({0} AS {1}) AS {0}", name, SqlType(mapping->type));
    } else {
      list += name;
    }
    needs_cast |= mapping->needs_cast;
    source.schema.Add({column.name, mapping->type});
  }
  CheckSameColumns(connection, files, columns);
  source.files = files;
  source.columns = needs_cast ? list : "*";
  source.reader = ReaderSql(files);
  return source;
}

std::string NumberedParquetSql(Connection* connection, const ParquetSource& source,
                               const std::string& column) {
  for (const char* taken : {"file_index", "file_row_number"}) {
    if (!source.schema.Find(taken)) continue;
    throw Error(ErrorKind::kUnsupported,
                fmt::format("{}: the rows of a file with a column '{}' can't be numbered; rename "
                            "it or leave it out",
                            source.files.front(), taken));
  }
  std::map<std::string, std::int64_t> num_rows;
  Result result = connection->Query(fmt::format(
      "SELECT file_name, num_rows FROM parquet_file_metadata({})", FileListSql(source.files)));
  while (result.Next()) {
    for (idx_t row = 0; row < result.num_rows(); ++row) {
      num_rows[std::string(result.column(0).Text(row))] =
          result.column(1).data<std::int64_t>()[row];
    }
  }
  std::string offsets;
  std::int64_t offset = 0;
  for (const std::string& file : source.files) {
    offsets += fmt::format("{}{}", offsets.empty() ? "" : ", ", offset);
    offset += num_rows.at(file);
  }
  return fmt::format(
      "SELECT {}, CAST([{}][CAST(file_index AS BIGINT) + 1] + file_row_number AS BIGINT) AS {} "
      "FROM {}",
      source.columns, offsets, QuoteName(column), source.reader);
}

std::optional<std::string> ReadParquetKeyValue(Connection* connection, const std::string& file,
                                               std::string_view key) {
  CheckParquetFile(file);
  try {
    Result result = connection->Query(
        fmt::format("SELECT key, value FROM parquet_kv_metadata({})", FileListSql({&file, 1})));
    while (result.Next()) {
      for (idx_t row = 0; row < result.num_rows(); ++row) {
        if (result.column(0).Text(row) == key) return std::string(result.column(1).Text(row));
      }
    }
    return std::nullopt;
  } catch (const Error& error) {
    Rethrow(error, file);
  }
}

}  // namespace firesteel::duckdb
