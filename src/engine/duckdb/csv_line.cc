#include "engine/duckdb/csv_line.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/duckdb/connection.h"
#include "sql/spark_text.h"

namespace firesteel::duckdb {
namespace {

struct CsvField {
  VectorView values;
  duckdb_type type;
};

template <typename Integer>
void AppendInteger(const CsvField& field, idx_t row, std::string* line) {
  fmt::format_to(std::back_inserter(*line), "{}", field.values.data<Integer>()[row]);
}

void Append(const CsvField& field, idx_t row, std::string* line) {
  if (!field.values.IsValid(row)) return;
  switch (field.type) {
    case DUCKDB_TYPE_VARCHAR:
      *line += sql::FormatCsvString(field.values.Text(row));
      return;
    case DUCKDB_TYPE_BOOLEAN:
      *line += field.values.data<bool>()[row] ? "true" : "false";
      return;
    case DUCKDB_TYPE_TINYINT:
      return AppendInteger<std::int8_t>(field, row, line);
    case DUCKDB_TYPE_SMALLINT:
      return AppendInteger<std::int16_t>(field, row, line);
    case DUCKDB_TYPE_INTEGER:
      return AppendInteger<std::int32_t>(field, row, line);
    case DUCKDB_TYPE_BIGINT:
      return AppendInteger<std::int64_t>(field, row, line);
    case DUCKDB_TYPE_FLOAT:
      *line += sql::FormatFloat(field.values.data<float>()[row]);
      return;
    case DUCKDB_TYPE_DOUBLE:
      *line += sql::FormatDouble(field.values.data<double>()[row]);
      return;
    default:
      throw Error(ErrorKind::kInternal, fmt::format("fs_csv_line: a value of DuckDB's type {}",
                                                    static_cast<int>(field.type)));
  }
}

void CsvLine(duckdb_data_chunk input, duckdb_vector output) {
  std::vector<CsvField> fields;
  const idx_t num_fields = duckdb_data_chunk_get_column_count(input);
  for (idx_t i = 0; i < num_fields; ++i) {
    const duckdb_vector vector = duckdb_data_chunk_get_vector(input, i);
    const LogicalType type(duckdb_vector_get_column_type(vector));
    fields.push_back({VectorView(vector), IdOf(type)});
  }
  std::string line;
  const idx_t num_rows = duckdb_data_chunk_get_size(input);
  for (idx_t row = 0; row < num_rows; ++row) {
    line.clear();
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (i > 0) line += ',';
      Append(fields[i], row, &line);
    }
    // Its parts are valid UTF-8, so DuckDB need not check it again.
    duckdb_unsafe_vector_assign_string_element_len(output, row, line.data(), line.size());
  }
}

}  // namespace

void RegisterCsvLineFunction(const udf::Registrar& registrar) {
  const LogicalType any(DUCKDB_TYPE_ANY), text(DUCKDB_TYPE_VARCHAR);
  udf::RegisterChunkFunction<CsvLine>(registrar, {.name = "fs_csv_line",
                                                  .arguments = {},
                                                  .variadic = &any,
                                                  .result = text,
                                                  .sees_nulls = true});
}

}  // namespace firesteel::duckdb
