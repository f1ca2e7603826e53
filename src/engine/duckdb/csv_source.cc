#include "engine/duckdb/csv_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/duckdb/csv_fields.h"
#include "engine/duckdb/csv_scanner.h"
#include "engine/duckdb/file_list.h"
#include "sql/spark_text.h"

namespace firesteel::duckdb {
namespace {

constexpr std::int64_t kNumSampleRows = 2000;
constexpr std::uint8_t kAllKinds = 0xFF;

bool IsSpark(const CsvSource& source) {
  return source.options.dialect == CsvOptions::Dialect::kSpark;
}

DataType Narrowest(std::uint8_t kinds, int num_digits) {
  if ((kinds & sql::kCsvInt) != 0) return kIntType;
  if ((kinds & sql::kCsvLong) != 0) return kLongType;
  if ((kinds & sql::kCsvDecimal) != 0) return DataType{TypeKind::kDecimal, num_digits, 0};
  if ((kinds & sql::kCsvDouble) != 0) return kDoubleType;
  if ((kinds & sql::kCsvDate) != 0) return kDateType;
  if ((kinds & sql::kCsvTimestamp) != 0) return kTimestampType;
  if ((kinds & sql::kCsvBoolean) != 0) return kBooleanType;
  return kStringType;
}

struct CsvColumn {
  std::string name;
  std::optional<DataType> declared;
  std::uint8_t kinds = kAllKinds;  // What the column may still be.
  bool has_value = false;          // Whether a field was seen that is not null.
  int num_digits = 1;              // Of its longest whole number, once all rows are classified.
  bool is_final = false;           // Whether `kinds` is known over all rows.

  DataType Type() const {
    if (declared) return *declared;
    return has_value ? Narrowest(kinds, num_digits) : kStringType;
  }
  void See(std::string_view field) {
    if (field.empty()) return;
    has_value = true;
    kinds &= sql::ClassifyCsvField(field);
  }
  // Whether the sample can't say which type to try.
  bool MustClassify() const {
    return !declared && !is_final && (!has_value || Type().kind == TypeKind::kDecimal);
  }
};

// The files, what their headers and first records say.
struct CsvPlan {
  CsvSource source;
  std::vector<CsvColumn> columns;
  bool duckdb_reads = true;  // Whether DuckDB's reader may be used.
};

bool NextChecked(CsvScanner* scanner, std::size_t num_columns, bool is_spark) {
  if (!scanner->Next()) return false;
  const std::size_t num_fields = scanner->fields().size();
  if (num_fields != num_columns && !is_spark) {
    throw scanner->ErrorAt(scanner->line(),
                           fmt::format("{} field{} where the header has {}", num_fields,
                                       num_fields == 1 ? "" : "s", num_columns));
  }
  return true;
}

std::vector<CsvColumn> MakeColumns(const CsvSource& source,
                                   std::span<const std::string_view> header) {
  std::vector<CsvColumn> columns;
  const std::vector<std::string> names = CsvColumnNames(header);
  std::vector<std::string> seen;
  for (const std::string& name : names) {
    if (std::find(seen.begin(), seen.end(), AsciiLower(name)) != seen.end()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("{}: two columns are called '{}' once empty and repeated names are "
                              "numbered; rename one",
                              source.files.front(), name));
    }
    seen.push_back(AsciiLower(name));
    CsvColumn& column = columns.emplace_back();
    column.name = name;
  }
  for (const auto& [name, type] : source.types) {
    const auto found = std::find(seen.begin(), seen.end(), AsciiLower(name));
    if (found == seen.end()) {
      throw Error(ErrorKind::kNotFound,
                  fmt::format("{}: a type is declared for column '{}', which is not there{}",
                              source.files.front(), name, DidYouMean(name, names)));
    }
    if (type.kind == TypeKind::kVector || type.kind == TypeKind::kNull) {
      throw Error(ErrorKind::kUnsupported,
                  fmt::format("column '{}': CSV cannot hold the type {}", name, type.ToString()));
    }
    columns[static_cast<std::size_t>(found - seen.begin())].declared = type;
  }
  return columns;
}

void CheckSameHeader(const CsvScanner& scanner, const CsvSource& source,
                     const std::vector<std::string>& expected) {
  const std::span<const std::string_view> header = scanner.fields();
  if (header.size() != expected.size()) {
    throw scanner.ErrorAt(scanner.line(),
                          fmt::format("the header has {} columns, that of {} has {}", header.size(),
                                      source.files.front(), expected.size()));
  }
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i] == expected[i]) continue;
    throw scanner.ErrorAt(scanner.line(),
                          fmt::format("column {} is '{}', but '{}' in {}; files of one table must "
                                      "have the same header",
                                      i + 1, header[i], expected[i], source.files.front()));
  }
}

CsvPlan MakePlan(const CsvSource& source) {
  if (source.files.empty())
    throw Error(ErrorKind::kInvalidArgument, "there is no CSV file to read");
  CsvPlan plan;
  plan.source = source;
  std::vector<std::string> first_header;
  for (std::size_t i = 0; i < source.files.size(); ++i) {
    CsvScanner scanner(source.files[i], source.options);
    if (!scanner.Next()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("{}: the file is empty; expected a header line", source.files[i]));
    }
    if (i == 0) {
      plan.columns = MakeColumns(source, scanner.fields());
      first_header.assign(scanner.fields().begin(), scanner.fields().end());
    } else if (!IsSpark(source)) {
      CheckSameHeader(scanner, source, first_header);
    } else if (!std::equal(scanner.fields().begin(), scanner.fields().end(), first_header.begin(),
                           first_header.end())) {
      // Spark's inference takes such a line for data, its reading for a header.
      for (std::size_t c = 0; c < std::min(plan.columns.size(), scanner.fields().size()); ++c) {
        plan.columns[c].See(scanner.fields()[c]);
      }
    }
    plan.duckdb_reads = plan.duckdb_reads && DuckDbReadsAlike(scanner.text(), scanner.position(),
                                                              source.options, plan.columns.size());
    if (i > 0) continue;
    bool at_end = false;
    for (std::int64_t row = 0; row < kNumSampleRows && !at_end; ++row) {
      at_end = !NextChecked(&scanner, plan.columns.size(), IsSpark(source));
      if (at_end) break;
      for (std::size_t c = 0; c < std::min(plan.columns.size(), scanner.fields().size()); ++c) {
        if (!plan.columns[c].declared) plan.columns[c].See(scanner.fields()[c]);
      }
    }
    if (!at_end || source.files.size() > 1) continue;
    for (CsvColumn& column : plan.columns) {
      column.is_final = Narrowest(column.kinds, 1).kind != TypeKind::kDecimal;
    }
  }
  return plan;
}

std::string FieldName(std::size_t column) { return fmt::format("c{}", column); }

std::string DuckDbReaderSql(const CsvPlan& plan) {
  std::string columns;
  for (std::size_t i = 0; i < plan.columns.size(); ++i) {
    columns += fmt::format("{}'{}': 'VARCHAR'", columns.empty() ? "" : ", ", FieldName(i));
  }
  return fmt::format(
      "read_csv({}, auto_detect=false, header=true, delim={}, quote='\"', escape='\"', comment='', "
      "nullstr='', "
      "allow_quoted_nulls=true, strict_mode=true, null_padding=false, ignore_errors=false, "
      "hive_partitioning=false, union_by_name=false, columns={{{}}})",
      FileListSql(plan.source.files), QuoteText({&plan.source.options.delimiter, 1}), columns);
}

// The table function over CsvScanner: what one run of it remembers.
struct ScanState {
  std::size_t next_file = 0;
  std::unique_ptr<CsvScanner> scanner;
};

struct ScanPlan {
  CsvSource source;
  std::size_t num_columns;
  std::shared_ptr<ErrorSlot> errors;
};

const ScanPlan& PlanOf(void* extra_info) { return *static_cast<const ScanPlan*>(extra_info); }

bool NextRecord(const ScanPlan& plan, ScanState* state) {
  for (;;) {
    if (state->scanner == nullptr) {
      if (state->next_file == plan.source.files.size()) return false;
      state->scanner =
          std::make_unique<CsvScanner>(plan.source.files[state->next_file++], plan.source.options);
      state->scanner->Next();  // The header.
    }
    if (NextChecked(state->scanner.get(), plan.num_columns, IsSpark(plan.source))) return true;
    state->scanner.reset();
  }
}

void BindScan(duckdb_bind_info info) {
  const LogicalType text(DUCKDB_TYPE_VARCHAR);
  const ScanPlan& plan = PlanOf(duckdb_bind_get_extra_info(info));
  for (std::size_t i = 0; i < plan.num_columns; ++i) {
    duckdb_bind_add_result_column(info, FieldName(i).c_str(), text.get());
  }
}

void InitScan(duckdb_init_info info) {
  duckdb_init_set_max_threads(info, 1);  // Records come in the order of the file.
  duckdb_init_set_init_data(info, new ScanState,
                            [](void* state) { delete static_cast<ScanState*>(state); });
}

void FillChunk(const ScanPlan& plan, ScanState* state, duckdb_data_chunk output) {
  std::vector<duckdb_vector> columns;
  std::vector<udf::NullWriter> nulls;
  for (std::size_t i = 0; i < plan.num_columns; ++i) {
    columns.push_back(duckdb_data_chunk_get_vector(output, i));
    nulls.emplace_back(columns.back());
  }
  const idx_t capacity = duckdb_vector_size();
  idx_t row = 0;
  for (; row < capacity && NextRecord(plan, state); ++row) {
    const std::span<const std::string_view> fields = state->scanner->fields();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i >= fields.size() || fields[i].empty()) {
        nulls[i].SetNull(row);
      } else {
        // The scanner has seen to it that all is UTF-8.
        duckdb_unsafe_vector_assign_string_element_len(columns[i], row, fields[i].data(),
                                                       fields[i].size());
      }
    }
  }
  duckdb_data_chunk_set_size(output, row);
}

void RunScan(duckdb_function_info info, duckdb_data_chunk output) {
  const ScanPlan& plan = PlanOf(duckdb_function_get_extra_info(info));
  plan.errors->Guard(
      [&] {
        FillChunk(plan, static_cast<ScanState*>(duckdb_function_get_init_data(info)), output);
      },
      [&](const char* text) { duckdb_function_set_error(info, text); });
}

// Registers a table function that reads the files with CsvScanner, and returns the call.
std::string ScannerSql(Connection* connection, const CsvPlan& plan) {
  const std::string name = connection->NewName("fs_read_csv");
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, name.c_str());
  duckdb_table_function_set_extra_info(
      function, new ScanPlan{plan.source, plan.columns.size(), connection->error_slot()},
      [](void* extra) { delete static_cast<ScanPlan*>(extra); });
  duckdb_table_function_set_bind(function, BindScan);
  duckdb_table_function_set_init(function, InitScan);
  duckdb_table_function_set_function(function, RunScan);
  const duckdb_state state = duckdb_register_table_function(connection->get(), function);
  duckdb_destroy_table_function(&function);
  if (state == DuckDBError) {
    throw Error(ErrorKind::kInternal, fmt::format("DuckDB did not register {}", name));
  }
  return name + "()";
}

// Learns the kinds of all columns for which `wanted` is true over all rows.
template <typename Wanted>
void Classify(Connection* connection, const std::string& reader, CsvPlan* plan, Wanted wanted) {
  std::string list;
  std::vector<CsvColumn*> columns;
  for (std::size_t i = 0; i < plan->columns.size(); ++i) {
    CsvColumn& column = plan->columns[i];
    if (!wanted(column)) continue;
    columns.push_back(&column);
    const std::string field = FieldName(i);
    list += fmt::format("{}bit_and(fs_csv_kinds({}))", list.empty() ? "" : ", ", field);
    const bool may_be_decimal = (column.kinds & sql::kCsvDecimal) != 0;
    list += may_be_decimal ? fmt::format(", max(fs_csv_num_digits({}))", field)
                           : ", CAST(NULL AS INTEGER)";
  }
  if (columns.empty()) return;
  Result result = connection->Query(fmt::format("SELECT {} FROM {}", list, reader));
  if (!result.Next()) throw Error(ErrorKind::kInternal, "an aggregate came back without a row");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const VectorView kinds = result.column(2 * i), digits = result.column(2 * i + 1);
    if (kinds.IsValid(0)) {
      columns[i]->kinds &= kinds.data<std::uint8_t>()[0];
      columns[i]->has_value = true;
    }
    if (digits.IsValid(0)) columns[i]->num_digits = digits.data<std::int32_t>()[0];
    columns[i]->is_final = true;
  }
}

// Throws for the first field that does not fit its declared type, if there is one.
void CheckDeclaredTypes(const Connection& connection, const CsvPlan& plan) {
  for (const std::string& file : plan.source.files) {
    CsvScanner scanner(file, plan.source.options);
    scanner.Next();
    while (NextChecked(&scanner, plan.columns.size(), IsSpark(plan.source))) {
      if (connection.interrupted()) connection.CheckInterrupted();
      for (std::size_t i = 0; i < std::min(plan.columns.size(), scanner.fields().size()); ++i) {
        const CsvColumn& column = plan.columns[i];
        const std::string_view field = scanner.fields()[i];
        if (!column.declared || field.empty() || CsvFieldFits(field, *column.declared)) continue;
        throw scanner.ErrorAt(
            scanner.line(),
            fmt::format("column '{}': '{}' is not of the declared type {}; correct it or declare "
                        "another type",
                        column.name, field, column.declared->ToString()));
      }
    }
  }
}

}  // namespace

Schema ReadCsvTable(Connection* connection, const CsvSource& source, const std::string& table) {
  CsvPlan plan = MakePlan(source);
  std::string reader = plan.duckdb_reads ? DuckDbReaderSql(plan) : ScannerSql(connection, plan);
  for (;;) {
    try {
      Classify(connection, reader, &plan,
               [](const CsvColumn& column) { return column.MustClassify(); });
      Schema schema;
      std::string list;
      for (std::size_t i = 0; i < plan.columns.size(); ++i) {
        const DataType type = plan.columns[i].Type();
        list += fmt::format("{}{} AS {}", list.empty() ? "" : ", ", CsvValueSql(FieldName(i), type),
                            QuoteName(plan.columns[i].name));
        schema.Add({plan.columns[i].name, type});
      }
      connection->Run(
          fmt::format("CREATE TEMP TABLE {} AS SELECT {} FROM {}", QuoteName(table), list, reader));
      return schema;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::kInterrupted || error.kind() == ErrorKind::kUnavailable) throw;
      if (std::string_view(error.what()).find(kCsvMisfit) != std::string_view::npos) {
        const auto is_open = [](const CsvColumn& column) {
          return !column.declared && !column.is_final && column.Type() != kStringType;
        };
        CheckDeclaredTypes(*connection, plan);
        if (std::none_of(plan.columns.begin(), plan.columns.end(), is_open)) {
          throw Error(ErrorKind::kInternal,
                      fmt::format("{}: a field does not fit the type that all rows have",
                                  source.files.front()));
        }
        Classify(connection, reader, &plan, is_open);
      } else if (plan.duckdb_reads) {
        // DuckDB's reader stops at what is wrong, and at what is merely unusual (mixed line ends,
        // very long lines). The scanner tells which: it reads on or says where.
        plan.duckdb_reads = false;
        reader = ScannerSql(connection, plan);
      } else {
        throw;
      }
    }
  }
}

RecordOrigin OriginOfRecord(const CsvSource& source, std::int64_t record, std::size_t column) {
  std::int64_t num_before = 0;
  for (const std::string& file : source.files) {
    CsvScanner scanner(file, source.options);
    scanner.Next();
    while (scanner.Next()) {
      if (num_before++ < record) continue;
      RecordOrigin origin = {file, scanner.line(), std::nullopt};
      if (column < scanner.fields().size() && !scanner.fields()[column].empty()) {
        origin.value = std::string(scanner.fields()[column]);
      }
      return origin;
    }
  }
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("{}: the file has changed since it was read", source.files.front()));
}

}  // namespace firesteel::duckdb
