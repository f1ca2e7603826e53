#include "engine/duckdb/duckdb_engine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "base/text.h"
#include "engine/duckdb/cell_queries.h"
#include "engine/duckdb/connection.h"
#include "engine/duckdb/counting_functions.h"
#include "engine/duckdb/csv_fields.h"
#include "engine/duckdb/csv_source.h"
#include "engine/duckdb/functions/scalar_functions.h"
#include "engine/duckdb/group_counter.h"
#include "engine/duckdb/parquet_source.h"
#include "engine/duckdb/record_files.h"
#include "engine/duckdb/row_values.h"
#include "engine/duckdb/s3_access.h"
#include "engine/duckdb/score_function.h"
#include "engine/duckdb/table_writer.h"
#include "engine/duckdb/training_query.h"
#include "engine/duckdb/types.h"
#include "engine/duckdb/vector_column.h"
#include "engine/duckdb/vector_functions.h"
#include "engine/duckdb/view_origin.h"
#include "engine/duckdb/views.h"
#include "engine/join_columns.h"
#include "sql/print.h"
#include "sql/resolve.h"

namespace firesteel {
namespace {

using duckdb::QuoteName;

std::string PrintFor(const sql::ExpressionPtr& expression, const Schema& schema) {
  return sql::Print(*sql::Resolve(expression, schema), sql::Dialect::kDuckDb);
}

std::string PrintCondition(const sql::ExpressionPtr& condition, const Schema& schema) {
  const sql::ExpressionPtr resolved = sql::Resolve(condition, schema);
  if (resolved->type != kBooleanType && resolved->type != kNullType) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("a condition must be true or false, this one is of type {}",
                            resolved->type.ToString()));
  }
  return sql::Print(*resolved, sql::Dialect::kDuckDb);
}

class DuckDbEngine final : public Engine {
 public:
  DuckDbEngine(const duckdb::DatabaseOptions& options, std::function<S3Settings()> s3)
      : connection_(options), s3_(&connection_, std::move(s3)) {
    connection_.ProvideFunctions([](const udf::Registrar& registrar) {
      RegisterScalarFunctions(registrar);
      duckdb::RegisterVectorFunctions(registrar);
      duckdb::RegisterCsvFunctions(registrar);
    });
  }

  std::string version() const override {
    std::string_view number = duckdb_library_version();
    if (number.starts_with('v')) number.remove_prefix(1);
    return fmt::format("duckdb {}", number);
  }

  Relation ReadCsv(const CsvSource& source) override {
    BeginCall();
    const std::string name = connection_.NewName("fs_csv");
    Schema schema = duckdb::ReadCsvTable(&connection_, source, name);
    csv_sources_.emplace(name, source);
    return Relation(name, std::move(schema));
  }

  Relation ReadParquet(const std::vector<std::string>& files) override {
    BeginCall();
    s3_.Reach(files);
    duckdb::ParquetSource source = duckdb::OpenParquet(&connection_, files);
    Relation view = CreateView(source.Query(), source.schema);
    parquet_sources_.emplace(view.name(), std::move(source));
    return view;
  }

  Relation NumberRows(const Relation& source, const std::string& column) override;

  std::optional<std::string> ParquetKeyValue(const std::string& file,
                                             std::string_view key) override {
    BeginCall();
    s3_.Reach({&file, 1});
    return duckdb::ReadParquetKeyValue(&connection_, file, key);
  }

  Relation Values(const std::vector<NamedValue>& row) override {
    BeginCall();
    const std::string name = connection_.NewName("fs_table");
    Schema schema = duckdb::CreateRowTable(&connection_, name, row);
    return Relation(name, std::move(schema));
  }

  Relation Query(const Relation& input, const sql::Select& select) override {
    BeginCall();
    sql::ResolvedSelect resolved = sql::Resolve(select, input.schema());
    const std::string query = sql::Print(resolved, sql::Dialect::kDuckDb, views_.Source(input));
    Relation view = CreateView(query, resolved.schema);
    view_origins_.emplace(view.name(), duckdb::OriginOf(input, resolved, view_origins_));
    return view;
  }

  Relation Join(const Relation& left, const Relation& right, const JoinOptions& options) override;

  Relation Score(const Relation& input, const ScoreOptions& options,
                 RowFunction function) override {
    BeginCall();
    const Field& features = input.schema().Get(options.features.name);
    if (features.type != kVectorType) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("column '{}' is {}, not a vector: nothing can be predicted from it",
                              features.name, features.type.ToString()));
    }
    if (input.schema().Find(options.output_column)) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("column '{}' exists already; name the prediction otherwise",
                              options.output_column));
    }
    const std::string score = connection_.NewName("fs_score");
    duckdb::RegisterScoreFunction(&connection_, score,
                                  {.features = {features.name, options.features.width},
                                   .output_column = options.output_column,
                                   .null_for_null = options.null_for_null},
                                  std::move(function));
    Schema schema = input.schema();
    schema.Add({options.output_column, kDoubleType});
    return CreateView(fmt::format("SELECT *, {}({}) AS {} FROM {}", score, QuoteName(features.name),
                                  QuoteName(options.output_column), views_.Source(input)),
                      std::move(schema));
  }

  Relation Keep(const Relation& input) override {
    BeginCall();
    if (const auto origin = view_origins_.find(input.name()); origin != view_origins_.end()) {
      const std::optional<duckdb::KeepPlan> plan = duckdb::PlanToKeep(origin->second);
      if (plan) return KeepParts(input, origin->second, *plan);
    }
    const std::string name = connection_.NewName("fs_table");
    connection_.Run(
        fmt::format("CREATE TEMP TABLE {} AS FROM {}", QuoteName(name), views_.Source(input)));
    return Relation(name, input.schema());
  }

  std::int64_t Count(const Relation& input) override {
    BeginCall();
    return Counts(fmt::format("SELECT count(*) FROM {}", views_.Source(input))).front();
  }

  std::vector<std::int64_t> CountWhere(const Relation& input,
                                       std::span<const sql::ExpressionPtr> conditions) override {
    BeginCall();
    if (conditions.empty()) return {};
    std::string list;
    for (const sql::ExpressionPtr& condition : conditions) {
      list += fmt::format("{}count(*) FILTER (WHERE {})", list.empty() ? "" : ", ",
                          PrintCondition(condition, input.schema()));
    }
    return Counts(fmt::format("SELECT {} FROM {}", list, views_.Source(input)));
  }

  std::vector<std::vector<ValueCount>> ValueCountsOf(
      const Relation& input, std::span<const sql::ExpressionPtr> expressions) override;

  std::vector<NamedValue> FetchRow(const Relation& input) override {
    BeginCall();
    return duckdb::FetchOneRow(&connection_, views_.Source(input), input.schema());
  }

  void Scan(const Relation& input, const std::vector<ScanColumn>& columns,
            const std::function<void(MatrixView<const double> rows)>& visitor) override;

  void ScanCounted(
      const Relation& input, const std::vector<std::string>& columns,
      const std::function<void(MatrixView<const double> rows,
                               std::span<const std::int64_t> counts)>& visitor) override;

  std::vector<std::vector<WeightedValue>> DistinctValues(
      const Relation& input, const TrainingView& view,
      std::span<const std::size_t> features) override;
  std::optional<Cells> MakeCells(const Relation& input, const TrainingView& view,
                                 std::span<const FeatureBins> bins) override;
  std::vector<ValueRange> FeatureRanges(const Relation& input, const TrainingView& view) override {
    BeginCall();
    return duckdb::FindRanges(&connection_, TrainingQueryOf(input, view));
  }
  std::vector<std::int64_t> CountUnusable(const Relation& input, const TrainingView& view) override;

  std::optional<RecordOrigin> Locate(const Relation& csv, const sql::ExpressionPtr& condition,
                                     const std::string& column) override;

  WriteResult Write(const Relation& input, const WriteOptions& options) override {
    BeginCall();
    return duckdb::WriteTable(&connection_, views_.Source(input), input.schema(), options);
  }

  RecordTable ReadRecords(const std::vector<std::string>& files,
                          const RecordTable& layout) override {
    BeginCall();
    s3_.Reach(files);
    return duckdb::ReadRecordFiles(&connection_, files, layout);
  }

  WriteResult WriteRecords(const RecordTable& table, const WriteOptions& options) override {
    BeginCall();
    return duckdb::WriteRecordFile(&connection_, table, options);
  }

  void Interrupt() override { connection_.Interrupt(); }

 private:
  // To be called at the beginning of each verb.
  void BeginCall() {
    connection_.BeginCall();
    s3_.Refresh();
  }

  Relation CreateView(std::string query, Schema schema) {
    const std::string name = connection_.NewName("fs_view");
    views_.Add(name, std::move(query));
    return Relation(name, std::move(schema));
  }

  // Stores what the view's vectors are made of; they are made again as they are read.
  Relation KeepParts(const Relation& view, const duckdb::ViewOrigin& origin,
                     const duckdb::KeepPlan& plan) {
    const auto list_of = [](const std::vector<sql::ExpressionPtr>& columns, const Schema& schema) {
      std::string list;
      for (std::size_t i = 0; i < columns.size(); ++i) {
        list += fmt::format("{}{} AS {}", i == 0 ? "" : ", ",
                            sql::Print(*columns[i], sql::Dialect::kDuckDb),
                            QuoteName(schema.fields()[i].name));
      }
      return list;
    };
    const Relation table(connection_.NewName("fs_table"), plan.schema);
    connection_.Run(fmt::format("CREATE TEMP TABLE {} AS SELECT {} FROM {}",
                                QuoteName(table.name()), list_of(plan.stored, plan.schema),
                                duckdb::SourceSql(origin, views_)));
    Relation kept =
        CreateView(fmt::format("SELECT {} FROM {}", list_of(plan.columns, view.schema()),
                               QuoteName(table.name())),
                   view.schema());
    view_origins_.emplace(kept.name(), duckdb::ViewOrigin{table, plan.columns, nullptr});
    return kept;
  }

  // The one row of a query of BIGINT columns.
  std::vector<std::int64_t> Counts(const std::string& query) {
    duckdb::Result result = connection_.Query(query);
    std::vector<std::int64_t> counts;
    if (!result.Next()) throw Error(ErrorKind::kInternal, "a count came back without a row");
    for (idx_t i = 0; i < result.num_columns(); ++i) {
      counts.push_back(result.column(i).data<std::int64_t>()[0]);
    }
    return counts;
  }

  duckdb::TrainingQuery TrainingQueryOf(const Relation& input, const TrainingView& view) const {
    return duckdb::MakeTrainingQuery(input, view, views_, view_origins_);
  }

  duckdb::Connection connection_;
  duckdb::S3Access s3_;
  duckdb::Views views_;
  duckdb::ViewOrigins view_origins_;
  // By the name of the relation.
  std::map<std::string, CsvSource> csv_sources_;
  std::map<std::string, duckdb::ParquetSource> parquet_sources_;
};

Relation DuckDbEngine::NumberRows(const Relation& source, const std::string& column) {
  BeginCall();
  if (source.schema().Find(column)) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("there is a column '{}' already; rename it in its file", column));
  }
  Schema schema = source.schema();
  schema.Add({column, kLongType, /*nullable=*/false});
  std::string query;
  if (csv_sources_.contains(source.name())) {
    // A temporary table numbers its rows in the order in which they were read.
    query =
        fmt::format("SELECT *, rowid AS {} FROM {}", QuoteName(column), QuoteName(source.name()));
  } else if (const auto parquet = parquet_sources_.find(source.name());
             parquet != parquet_sources_.end()) {
    query = duckdb::NumberedParquetSql(&connection_, parquet->second, column);
  } else {
    throw Error(ErrorKind::kInternal, "only the rows of files can be numbered");
  }
  return CreateView(std::move(query), std::move(schema));
}

Relation DuckDbEngine::Join(const Relation& left, const Relation& right,
                            const JoinOptions& options) {
  BeginCall();
  JoinColumns join = ResolveJoin(left.schema(), right.schema(), options);
  std::string condition, list;
  for (const auto& [left_key, right_key] : join.keys) {
    condition += fmt::format("{}l.{} = r.{}", condition.empty() ? "" : " AND ", QuoteName(left_key),
                             QuoteName(right_key));
  }
  for (const JoinColumns::Source& column : join.columns) {
    list += fmt::format("{}{}.{}", list.empty() ? "" : ", ", column.is_left ? 'l' : 'r',
                        QuoteName(column.name));
  }
  return CreateView(
      fmt::format("SELECT {} FROM {} AS l {} JOIN {} AS r ON {}", list, views_.Source(left),
                  options.type == JoinType::kLeft ? "LEFT" : "INNER", views_.Source(right),
                  condition),
      std::move(join.schema));
}

std::vector<std::vector<ValueCount>> DuckDbEngine::ValueCountsOf(
    const Relation& input, std::span<const sql::ExpressionPtr> expressions) {
  BeginCall();
  // One set of groups for each expression: outside its own set a value is null.
  std::string values, texts, sets;
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    const sql::ExpressionPtr resolved = sql::Resolve(expressions[i], input.schema());
    const std::string name = fmt::format("value_{}", i);
    values += fmt::format("{}{} AS {}", i == 0 ? "" : ", ",
                          sql::Print(*resolved, sql::Dialect::kDuckDb), name);
    texts += fmt::format("{}, ", PrintFor(sql::Cast(sql::Column(name), kStringType),
                                          Schema({{name, resolved->type}})));
    // Grouping takes -0.0 for 0.0, whose texts differ.
    const bool is_float = resolved->type == kDoubleType || resolved->type == kFloatType;
    sets += fmt::format("{}({}{})", i == 0 ? "" : ", ", name,
                        is_float ? fmt::format(", signbit({})", name) : "");
  }
  std::string set = "0";
  for (std::size_t i = 1; i < expressions.size(); ++i) {
    set += fmt::format(" + {} * (1 - grouping(value_{}))", i, i);
  }
  duckdb::Result result = connection_.Query(
      fmt::format("SELECT {}CAST({} AS BIGINT), count(*) FROM (SELECT {} FROM {}) GROUP BY "
                  "GROUPING SETS ({})",
                  texts, set, values, views_.Source(input), sets));
  std::vector<std::vector<ValueCount>> counts(expressions.size());
  while (result.Next()) {
    const std::int64_t* sets_of = result.column(expressions.size()).data<std::int64_t>();
    const std::int64_t* num_rows = result.column(expressions.size() + 1).data<std::int64_t>();
    for (idx_t row = 0; row < result.num_rows(); ++row) {
      const auto which = static_cast<std::size_t>(sets_of[row]);
      const duckdb::VectorView text = result.column(which);
      ValueCount& count = counts[which].emplace_back();
      if (text.IsValid(row)) count.value = std::string(text.Text(row));
      count.count = num_rows[row];
    }
  }
  return counts;
}

void DuckDbEngine::Scan(const Relation& input, const std::vector<ScanColumn>& columns,
                        const std::function<void(MatrixView<const double> rows)>& visitor) {
  BeginCall();
  std::string list;
  std::vector<const Field*> fields;
  std::size_t width = 0;
  for (const ScanColumn& column : columns) {
    const Field& field = input.schema().Get(column.name);
    const bool is_vector = field.type == kVectorType;
    if (!is_vector && !field.type.IsNumeric() && field.type != kBooleanType) {
      throw Error(
          ErrorKind::kInvalidArgument,
          fmt::format(
              "column '{}' is {}: only numbers, booleans and vectors can be read as numbers",
              field.name, field.type.ToString()));
    }
    if (!is_vector && column.width != 1) {
      throw Error(
          ErrorKind::kInvalidArgument,
          fmt::format("column '{}' is a number, not a vector of {}", field.name, column.width));
    }
    list += list.empty() ? "" : ", ";
    list += is_vector ? QuoteName(field.name)
                      : fmt::format("CAST({} AS DOUBLE)", QuoteName(field.name));
    fields.push_back(&field);
    width += column.width;
  }
  if (columns.empty()) throw Error(ErrorKind::kInvalidArgument, "a scan needs at least one column");

  duckdb::Result result =
      connection_.Stream(fmt::format("SELECT {} FROM {}", list, views_.Source(input)));
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> rows;
  std::int64_t num_before = 0;
  while (result.Next()) {
    const idx_t num_rows = result.num_rows();
    rows.resize(num_rows * width);
    double* out = rows.data();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const duckdb::VectorView view = result.column(i);
      const std::size_t part = columns[i].width;
      if (fields[i]->type != kVectorType) {
        const double* values = view.data<double>();
        for (idx_t row = 0; row < num_rows; ++row) {
          out[row * width] = view.IsValid(row) ? values[row] : kNaN;
        }
      } else {
        const duckdb::VectorColumn vectors(view);
        for (idx_t row = 0; row < num_rows; ++row) {
          const std::span<double> slots(out + row * width, part);
          if (!vectors.IsValid(row)) {
            std::fill(slots.begin(), slots.end(), kNaN);
            continue;
          }
          if (!vectors.IsSound(row) || vectors.Length(row) != part) {
            throw Error(
                ErrorKind::kInvalidArgument,
                fmt::format("column '{}', row {}: {} where a vector of {} numbers was expected",
                            fields[i]->name, num_before + static_cast<std::int64_t>(row) + 1,
                            vectors.IsSound(row)
                                ? fmt::format("a vector of {}", vectors.Length(row))
                                : "a malformed vector",
                            part));
          }
          vectors.CopyDense(row, slots);
        }
      }
      out += part;
    }
    visitor(MatrixView<const double>(rows.data(), num_rows, width));
    num_before += static_cast<std::int64_t>(num_rows);
  }
}

void DuckDbEngine::ScanCounted(
    const Relation& input, const std::vector<std::string>& columns,
    const std::function<void(MatrixView<const double> rows, std::span<const std::int64_t> counts)>&
        visitor) {
  BeginCall();
  std::vector<std::string> expressions;
  std::vector<ScanColumn> scanned;
  for (const std::string& column : columns) {
    const Field& field = input.schema().Get(column);
    if (!field.type.IsNumeric()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("column '{}' is {}; only numbers are counted", field.name,
                              field.type.ToString()));
    }
    expressions.push_back(fmt::format("CAST({} AS DOUBLE)", QuoteName(field.name)));
    scanned.push_back({field.name});
  }
  const std::optional<duckdb::GroupCounter> groups =
      duckdb::CountRows(&connection_, expressions, views_.Source(input));
  if (!groups) {
    std::vector<std::int64_t> ones;
    Scan(input, scanned, [&](MatrixView<const double> rows) {
      ones.resize(rows.num_rows(), 1);
      visitor(rows, {ones.data(), rows.num_rows()});
    });
    return;
  }
  std::vector<double> rows;
  std::vector<std::int64_t> counts;
  for (std::size_t group = 0; group < groups->size(); ++group) {
    for (const std::uint64_t bits : groups->words(group))
      rows.push_back(std::bit_cast<double>(bits));
    counts.push_back(groups->count(group));
  }
  visitor(MatrixView<const double>(rows.data(), counts.size(), columns.size()), counts);
}

std::vector<std::vector<WeightedValue>> DuckDbEngine::DistinctValues(
    const Relation& input, const TrainingView& view, std::span<const std::size_t> features) {
  BeginCall();
  for (const std::size_t feature : features) {
    if (feature < view.features.width) continue;
    throw Error(ErrorKind::kInternal,
                fmt::format("there is no feature {} among {}", feature, view.features.width));
  }
  return duckdb::FindDistinctValues(&connection_, TrainingQueryOf(input, view), features);
}

std::optional<Cells> DuckDbEngine::MakeCells(const Relation& input, const TrainingView& view,
                                             std::span<const FeatureBins> bins) {
  BeginCall();
  if (bins.size() != view.features.width) {
    throw Error(ErrorKind::kInternal, fmt::format("bins of {} features where there are {}",
                                                  bins.size(), view.features.width));
  }
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (bins[i].arity && *bins[i].arity < 1) {
      throw Error(ErrorKind::kInternal,
                  fmt::format("feature {} has {} categories", i, *bins[i].arity));
    }
    if (bins[i].num_bins() > kMaxCellBins) {
      throw Error(ErrorKind::kUnsupported, fmt::format("feature {} has {} bins, {} are the most", i,
                                                       bins[i].num_bins(), kMaxCellBins));
    }
  }
  return duckdb::GatherCells(&connection_, TrainingQueryOf(input, view), bins);
}

std::vector<std::int64_t> DuckDbEngine::CountUnusable(const Relation& input,
                                                      const TrainingView& view) {
  BeginCall();
  std::vector<std::int64_t> counts(view.features.width + (view.weight ? 2 : 1), 0);
  // On all cores; which feature it is matters only once something is found.
  if (!duckdb::HasUnusableRow(&connection_, TrainingQueryOf(input, view))) return counts;
  std::vector<ScanColumn> columns = {view.features, {view.label}};
  if (view.weight) columns.push_back({*view.weight});
  Scan(input, columns, [&](MatrixView<const double> rows) {
    for (std::size_t row = 0; row < rows.num_rows(); ++row) {
      for (std::size_t col = 0; col < counts.size(); ++col) {
        counts[col] += std::isfinite(rows(row, col)) ? 0 : 1;
      }
    }
  });
  return counts;
}

std::optional<RecordOrigin> DuckDbEngine::Locate(const Relation& csv,
                                                 const sql::ExpressionPtr& condition,
                                                 const std::string& column) {
  BeginCall();
  const auto source = csv_sources_.find(csv.name());
  if (source == csv_sources_.end()) {
    throw Error(ErrorKind::kInvalidArgument,
                "only the rows of a relation that was read from CSV can be located");
  }
  const std::size_t position = csv.schema().Find(csv.schema().Get(column).name).value();
  // A temporary table numbers its rows in the order in which they were read.
  duckdb::Result result =
      connection_.Query(fmt::format("SELECT min(rowid) FROM {} WHERE {}", QuoteName(csv.name()),
                                    PrintCondition(condition, csv.schema())));
  if (!result.Next() || !result.column(0).IsValid(0)) return std::nullopt;
  return duckdb::OriginOfRecord(source->second, result.column(0).data<std::int64_t>()[0], position);
}

}  // namespace

std::unique_ptr<Engine> OpenDuckDb(const DuckDbOptions& options) {
  constexpr int kMaxThreads = 4096;
  if (options.num_threads < 0 || options.num_threads > kMaxThreads) {
    throw Error(ErrorKind::kUsage,
                fmt::format("the number of threads must be 1 to {}, or 0 for all, not {}",
                            kMaxThreads, options.num_threads));
  }
  if (options.memory_limit_bytes < 0) {
    throw Error(ErrorKind::kUsage,
                fmt::format("the memory limit must not be negative, it is {} bytes",
                            options.memory_limit_bytes));
  }
  duckdb::DatabaseOptions database;
  database.num_threads = options.num_threads;
  database.memory_limit_bytes = options.memory_limit_bytes;
  database.temp_directory = options.temp_directory;
  if (database.temp_directory.empty()) {
    database.temp_directory =
        (std::filesystem::temp_directory_path() / fmt::format("firesteel-{}", getpid())).string();
  }
  return std::make_unique<DuckDbEngine>(database, options.s3);
}

}  // namespace firesteel
