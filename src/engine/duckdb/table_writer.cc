#include "engine/duckdb/table_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "base/text.h"
#include "sql/expression.h"
#include "sql/print.h"
#include "sql/resolve.h"
#include "sql/spark_text.h"

namespace firesteel::duckdb {
namespace {

// What DuckDB calls the files while it writes: this, a number, the extension.
constexpr std::string_view kDraftName = "draft_";

// One column as an argument of fs_csv_line.
std::string CsvFieldSql(const Field& field) {
  const std::string name = QuoteName(field.name);
  switch (field.type.kind) {
    case TypeKind::kNull:
    case TypeKind::kVector:
      throw Error(
          ErrorKind::kUnsupported,
          fmt::format("column '{}': CSV cannot hold a {}; leave it out or write Parquet",
                      field.name, field.type.kind == TypeKind::kVector ? "vector" : "list"));
    case TypeKind::kTimestamp:
      return fmt::format(
          "strftime(CAST({} AT TIME ZONE 'UTC' AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%gZ')", name);
    case TypeKind::kBoolean:
    case TypeKind::kByte:
    case TypeKind::kShort:
    case TypeKind::kInt:
    case TypeKind::kLong:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kString:
      return name;
    case TypeKind::kDecimal:
    case TypeKind::kDate:
      return sql::Print(
          *sql::Resolve(sql::Cast(sql::Column(field.name), kStringType), Schema({field})),
          sql::Dialect::kDuckDb);
  }
  throw Error(ErrorKind::kInternal, "a data type of no known kind");
}

std::string CsvHeader(const Schema& schema) {
  std::string header;
  for (const Field& field : schema.fields()) {
    header += (header.empty() ? "" : ",") + sql::FormatCsvString(field.name);
  }
  return header;
}

// A query of one text column: the lines, under a name that is the header line.
std::string CsvLinesSql(const std::string& source, const Schema& schema) {
  std::string line;
  for (const Field& field : schema.fields()) {
    line += (line.empty() ? "" : ", ") + CsvFieldSql(field);
  }
  return fmt::format("SELECT fs_csv_line({}) AS {} FROM {}", line, QuoteName(CsvHeader(schema)),
                     source);
}

std::string ParquetOptionsSql(const WriteOptions& options) {
  std::string text = "FORMAT parquet, COMPRESSION snappy";
  if (!options.key_values.empty()) {
    std::string entries;
    for (const auto& [key, value] : options.key_values) {
      entries +=
          fmt::format("{}{}: {}", entries.empty() ? "" : ", ", QuoteText(key), QuoteText(value));
    }
    text += fmt::format(", KV_METADATA {{{}}}", entries);
  }
  return text;
}

struct DraftFile {
  std::filesystem::path path;
  std::size_t number = 0;
  bool has_rows = true;
};

std::size_t NumberOf(const std::filesystem::path& path) {
  const std::string name = path.stem().string();
  std::size_t number = 0;
  const char* begin = name.data() + std::min(kDraftName.size(), name.size());
  std::from_chars(begin, name.data() + name.size(), number);
  return number;
}

}  // namespace

WriteResult WriteTable(Connection* connection, const std::string& source, const Schema& relation,
                       const WriteOptions& options) {
  const bool parquet = options.format == FileFormat::kParquet;
  Schema schema;
  for (const Field& field : relation.fields()) {
    if (!EqualsIgnoringCase(field.name, options.order_by)) schema.Add(field);
  }
  std::string columns = "*", order;
  if (!options.order_by.empty()) {
    columns += fmt::format(" EXCLUDE ({})", QuoteName(options.order_by));
    order = " ORDER BY " + QuoteName(options.order_by);
  }
  const std::string query = parquet ? fmt::format("SELECT {} FROM {}{}", columns, source, order)
                                    : CsvLinesSql(source, schema) + order;
  const std::string format = parquet
                                 ? ParquetOptionsSql(options)
                                 : "FORMAT csv, HEADER true, QUOTE '', ESCAPE '', DELIMITER ','";
  // Files of a given size are written by all threads as they come, a single one in the order of the
  // rows.
  const bool split = options.target_file_bytes > 0 && options.order_by.empty();
  const std::string single = (std::filesystem::path(options.directory) /
                              fmt::format("{}0.{}", kDraftName, parquet ? "parquet" : "csv"))
                                 .string();
  const std::string statement =
      fmt::format("COPY ({}) TO {} ({}{}, {} true)", query,
                  QuoteText(split ? options.directory : single), format,
                  split ? fmt::format(", FILE_SIZE_BYTES {}, FILENAME_PATTERN '{}{{i}}'",
                                      options.target_file_bytes, kDraftName)
                        : "",
                  parquet ? "RETURN_STATS" : "RETURN_FILES");
  WriteResult written;
  std::vector<DraftFile> drafts;
  const auto add_draft = [&drafts](std::string_view path) -> DraftFile& {
    DraftFile& draft = drafts.emplace_back();
    draft.path = path;
    draft.number = NumberOf(draft.path);
    return draft;
  };
  try {
    Result result = connection->Query(statement);
    if (parquet) {  // A row for each file: its name, number of rows, and more.
      while (result.Next()) {
        for (idx_t row = 0; row < result.num_rows(); ++row) {
          const std::uint64_t num_rows = result.column(1).data<std::uint64_t>()[row];
          add_draft(result.column(0).Text(row)).has_rows = num_rows > 0;
          written.num_rows += static_cast<std::int64_t>(num_rows);
        }
      }
    } else if (result.Next()) {  // One row: the number of rows, the list of files.
      written.num_rows = result.column(0).data<std::int64_t>()[0];
      const VectorView list = result.column(1), files = list.ListChild();
      const duckdb_list_entry entry = list.data<duckdb_list_entry>()[0];
      const std::size_t empty_size = CsvHeader(schema).size() + 1;
      for (idx_t i = 0; i < entry.length; ++i) {
        DraftFile& draft = add_draft(files.Text(entry.offset + i));
        draft.has_rows = std::filesystem::file_size(draft.path) > empty_size;
      }
    }
  } catch (const Error& error) {
    throw error.Within("writing to " + options.directory);
  }
  std::sort(drafts.begin(), drafts.end(), [](const DraftFile& left, const DraftFile& right) {
    return left.number < right.number;
  });

  const std::string_view extension = parquet ? "snappy.parquet" : "csv";
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    std::error_code error;
    // A file that was begun when the rows had ended. One file stays even without rows: it has the
    // schema.
    if (!drafts[i].has_rows && !(written.files.empty() && i + 1 == drafts.size())) {
      std::filesystem::remove(drafts[i].path, error);
      continue;
    }
    const std::string name =
        fmt::format("part-{:05}-{}-c000.{}", written.files.size(), options.uuid, extension);
    std::filesystem::rename(drafts[i].path, std::filesystem::path(options.directory) / name, error);
    if (error) {
      throw Error(ErrorKind::kIo, fmt::format("{}: cannot be renamed to {}: {}",
                                              drafts[i].path.string(), name, error.message()));
    }
    written.files.push_back(name);
  }
  return written;
}

}  // namespace firesteel::duckdb
