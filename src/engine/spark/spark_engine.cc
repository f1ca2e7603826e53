#include "engine/spark/spark_engine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "engine/duckdb/duckdb_engine.h"
#include "engine/join_columns.h"
#include "engine/spark/cluster_models.h"
#include "engine/spark/ml_stages.h"
#include "engine/spark/score_lookup.h"
#include "engine/spark/scoring.h"
#include "engine/spark/spark_files.h"
#include "engine/spark/spark_reach.h"
#include "engine/spark/spark_schema.h"
#include "engine/spark/spark_table.h"
#include "engine/spark/training_rows.h"
#include "engine/spark/vector_slots.h"
#include "sql/print.h"
#include "sql/resolve.h"
#include "storage/local_copy.h"

namespace firesteel {
namespace {

namespace connect = ::spark::connect;
using spark_plans::Plan;
using spark_plans::ProjectedColumn;
using spark_plans::Quote;

std::string PrintFor(const sql::ExpressionPtr& expression, const Schema& schema) {
  return sql::Print(*sql::Resolve(expression, schema), sql::Dialect::kSpark);
}

// The columns that an expression looks into, in lower case. Whether one is null it does not need
// to look into it for.
void AddColumnsOf(const sql::Expression& expression, std::set<std::string>* columns) {
  if (expression.kind == sql::Expression::Kind::kColumn) {
    columns->insert(AsciiLower(expression.name));
  }
  if (expression.kind == sql::Expression::Kind::kCall && expression.name == "isnull" &&
      expression.args.front()->kind == sql::Expression::Kind::kColumn) {
    return;
  }
  for (const sql::ExpressionPtr& argument : expression.args) AddColumnsOf(*argument, columns);
}

// For each condition the number of rows for which it is true, as an aggregate; and the columns that
// they look into.
std::vector<ProjectedColumn> CountsWhere(std::span<const sql::ExpressionPtr> conditions,
                                         const Schema& schema, std::set<std::string>* looked_into) {
  std::vector<ProjectedColumn> counts;
  for (const sql::ExpressionPtr& condition : conditions) {
    const sql::ExpressionPtr resolved = sql::Resolve(condition, schema);
    if (resolved->type != kBooleanType && resolved->type != kNullType) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("a condition must be true or false, this one is of type {}",
                              resolved->type.ToString()));
    }
    AddColumnsOf(*resolved, looked_into);
    counts.push_back({fmt::format("n{}", counts.size()),
                      fmt::format("count_if({})", sql::Print(*resolved, sql::Dialect::kSpark))});
  }
  return counts;
}

// Of so little data a job takes as long as it takes to plan it.
constexpr std::int64_t kMaxRowsOfLittle = std::int64_t{1} << 16;
// About what a row of a CSV file takes.
constexpr std::int64_t kBytesOfRow = 128;
constexpr std::int64_t kMaxBytesReadHere = std::int64_t{256} << 20;

std::int64_t HalfOfMemory() {
  return static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE) / 2;
}

// What is known of rows of which a query makes others, row by row: the columns that it takes over.
std::optional<CountedRows> CountedInQuery(const std::optional<CountedRows>& counted,
                                          const sql::ResolvedSelect& select) {
  if (!counted) return std::nullopt;
  CountedRows result = *counted;
  result.columns.clear();
  for (std::size_t i = 0; i < select.columns.size(); ++i) {
    if (select.columns[i]->kind != sql::Expression::Kind::kColumn) continue;
    const auto found = counted->columns.find(AsciiLower(select.columns[i]->name));
    if (found == counted->columns.end()) continue;
    result.columns[AsciiLower(select.schema.fields()[i].name)] = found->second;
  }
  return result;
}

// Some columns of rows that are known, in the order asked for. Nothing unless it has them all.
std::optional<CountedRows> ColumnsOf(const std::optional<CountedRows>& counted,
                                     const std::vector<std::string>& columns) {
  if (!counted) return std::nullopt;
  CountedRows result{.counts = counted->counts};
  std::vector<std::size_t> positions;
  for (const std::string& column : columns) {
    const auto found = counted->columns.find(AsciiLower(column));
    if (found == counted->columns.end()) return std::nullopt;
    positions.push_back(found->second);
  }
  const std::size_t width = counted->num_columns();
  for (std::size_t row = 0; row < counted->counts.size(); ++row) {
    for (const std::size_t position : positions) {
      result.values.push_back(counted->values[row * width + position]);
    }
  }
  return result;
}

// Rows that must not be there, looked for by the first job that computes them.
struct Requirement {
  Relation input;
  std::vector<sql::ExpressionPtr> conditions;
  std::function<void(std::span<const std::int64_t> counts)> refuse;
  bool is_met = false;  // By what a job has computed so far.
};

void Refuse(const Requirement& requirement, const std::vector<std::int64_t>& counts) {
  if (std::any_of(counts.begin(), counts.end(), [](std::int64_t count) { return count > 0; })) {
    requirement.refuse(counts);
  }
}

class SparkEngine final : public Engine {
 public:
  explicit SparkEngine(const SparkOptions& options)
      : local_server_(options.local_server),
        owns_session_(options.remote.session_id.empty()),
        client_(options.remote, options.tuning),
        models_(&client_, /*delete_at_end=*/!owns_session_),
        local_(OpenDuckDb({.num_threads = options.num_threads,
                           .memory_limit_bytes = options.memory_limit_bytes,
                           .temp_directory = options.temp_directory,
                           .s3 = options.s3})),
        fetch_limit_(options.memory_limit_bytes > 0 ? options.memory_limit_bytes : HalfOfMemory()),
        reach_(&client_, options.remote.OnLoopback(), options.local_server != nullptr) {
    connect::AnalyzePlanRequest request;
    request.mutable_spark_version();
    spark_version_ = client_.Analyze(request).spark_version().version();
    client_.SetConfig({{"spark.sql.ansi.enabled", "true"},
                       {"spark.sql.session.timeZone", "UTC"},
                       {"spark.sql.caseSensitive", "false"},
                       // Java compiles no longer method than this, and what it interprets is slow.
                       {"spark.sql.codegen.hugeMethodLimit", "8000"}});
    client_.SetWatcher([this](std::span<const ObservedMetrics> metrics) { LookAt(metrics); },
                       [this](const Error& error) { ExplainFailure(error); });
  }

  std::string version() const override { return "spark " + spark_version_; }

  bool WorksOnS3() override { return reach_.ToS3(); }
  void RequireReach(const std::string& directory) override { reach_.RequireDirectory(directory); }

  Relation ReadCsv(const CsvSource& source) override;
  Relation ReadParquet(const std::vector<std::string>& files) override;
  Relation NumberRows(const Relation& source, const std::string& column) override;
  std::optional<std::string> ParquetKeyValue(const std::string& file,
                                             std::string_view key) override {
    return local_->ParquetKeyValue(file, key);
  }

  Relation Values(const std::vector<NamedValue>& row) override {
    const Relation local = local_->Values(row);
    return Add({.local = local}, local.schema());
  }

  Relation Query(const Relation& input, const sql::Select& select) override;
  Relation Join(const Relation& left, const Relation& right, const JoinOptions& options) override;
  Relation Score(const Relation& input, const ScoreOptions& options, RowFunction function) override;
  bool AppliesSparkStages() const override { return true; }
  Relation ApplySparkStages(const Relation& input, std::span<const SparkStage> stages,
                            const Schema& schema) override {
    return Add(StagedTable(Of(input), input.schema(), stages, schema, &models_), schema);
  }
  void FitSparkStage(const Relation& input, const SparkStage& estimator,
                     const std::string& directory) override {
    FitStage(&client_, WithVectors(Of(input), input.schema(), ""), estimator, directory);
  }
  Relation Keep(const Relation& input) override;
  Relation Reuse(const Relation& input) override {
    return Of(input).parses_text ? Keep(input) : input;
  }

  std::int64_t Count(const Relation& input) override;
  Relation Require(const Relation& input, std::vector<sql::ExpressionPtr> conditions,
                   std::function<void(std::span<const std::int64_t> counts)> refuse) override;
  std::vector<std::int64_t> CountWhere(const Relation& input,
                                       std::span<const sql::ExpressionPtr> conditions) override;
  std::vector<std::vector<ValueCount>> ValueCountsOf(
      const Relation& input, std::span<const sql::ExpressionPtr> expressions) override;
  std::vector<NamedValue> FetchRow(const Relation& input) override;
  void Scan(const Relation& input, const std::vector<ScanColumn>& columns,
            const std::function<void(MatrixView<const double> rows)>& visitor) override;
  void ScanCounted(
      const Relation& input, const std::vector<std::string>& columns,
      const std::function<void(MatrixView<const double> rows,
                               std::span<const std::int64_t> counts)>& visitor) override;

  std::vector<std::vector<WeightedValue>> DistinctValues(
      const Relation& input, const TrainingView& view,
      std::span<const std::size_t> features) override {
    if (const DistinctRows* rows = DistinctOf(input, view))
      return DistinctValuesOf(*rows, features);
    FetchedValues fetched =
        FetchDistinctValues(&client_, QueryOf(input, view), features, fetch_limit_);
    for (std::size_t i = 0; i < features.size(); ++i) {
      if (HasNan(fetched.values[i])) SettleUnobserved(input, view.features, /*all_there=*/false);
      if (fetched.one_in[i] == 1) known_ranges_.at(features[i]) = RangeOf(fetched.values[i]);
    }
    return std::move(fetched.values);
  }
  std::optional<Cells> MakeCells(const Relation& input, const TrainingView& view,
                                 std::span<const FeatureBins> bins) override {
    if (const DistinctRows* rows = DistinctOf(input, view)) return CellsOf(*rows, bins);
    std::optional<Cells> cells = FetchCells(&client_, QueryOf(input, view), bins, fetch_limit_);
    SettleUnobserved(input, view.features, /*all_there=*/cells.has_value());
    if (!cells) return cells;
    NoteSeen(input, SeenInCells(view, bins, *cells));
    for (std::size_t feature = 0; feature < bins.size(); ++feature) {
      // The bin of a category is its number.
      if (bins[feature].arity) known_ranges_.at(feature) = RangeOfBins(*cells, feature);
    }
    return cells;
  }
  std::vector<ValueRange> FeatureRanges(const Relation& input, const TrainingView& view) override {
    if (const DistinctRows* rows = DistinctOf(input, view)) return RangesOf(*rows);
    std::vector<ValueRange> ranges;
    for (const std::optional<ValueRange>& range : known_ranges_) {
      if (range) ranges.push_back(*range);
    }
    if (ranges.size() == known_ranges_.size()) return ranges;
    return FetchRanges(&client_, QueryOf(input, view));
  }
  std::vector<std::int64_t> CountUnusable(const Relation& input,
                                          const TrainingView& view) override {
    if (const DistinctRows* rows = DistinctOf(input, view)) {
      return UnusableOf(*rows, view.weight.has_value());
    }
    // Of the vectors themselves: one of another length is told then.
    const TrainingQuery query = QueryOf(input, view, /*by_vectors=*/true);
    return FetchUnusable(&client_, query);
  }

  std::optional<RecordOrigin> Locate(const Relation& csv, const sql::ExpressionPtr& condition,
                                     const std::string& column) override;
  WriteResult Write(const Relation& input, const WriteOptions& options) override;
  RecordTable ReadRecords(const std::vector<std::string>& files,
                          const RecordTable& layout) override {
    return local_->ReadRecords(files, layout);
  }
  WriteResult WriteRecords(const RecordTable& table, const WriteOptions& options) override {
    return local_->WriteRecords(table, options);
  }

  void Interrupt() override {
    client_.Interrupt();
    local_->Interrupt();
  }

 private:
  Relation Add(SparkTable table, Schema schema) {
    std::string name = fmt::format("fs_plan_{}", tables_.size());
    tables_.emplace(name, std::move(table));
    return Relation(std::move(name), std::move(schema));
  }
  const SparkTable& Of(const Relation& relation) const {
    const auto found = tables_.find(relation.name());
    if (found == tables_.end()) throw Error(ErrorKind::kInternal, "a relation of another engine");
    return found->second;
  }
  // The plan, with the named columns (lower case) as arrays if they are vectors.
  Plan ArraysOf(const Relation& relation, const std::set<std::string>& columns) const {
    return WithArrays(Of(relation), relation.schema(), columns);
  }
  static bool IsSmall(std::optional<std::int64_t> num_rows) {
    return num_rows && *num_rows <= kMaxRowsOfLittle;
  }
  // Settings for the data there is so far, to be called with the rows of each source.
  void NoteInput(std::optional<std::int64_t> num_rows);
  // Has settings in the session as long as they are wanted.
  void Use(const std::map<std::string, std::string>& settings, bool wanted, bool* used);
  // Ends what Require began.
  void LookAt(std::span<const ObservedMetrics> metrics);
  void ExplainFailure(const Error& error);
  // By value: what goes wrong as it explains itself ends all of them.
  void Settle(Requirement requirement);
  // The rows of a plan, computed at the first use and kept on the cluster as long as the session.
  Plan Cached(const Plan& plan);
  // The other way to the features, where there is one that tells whether what is required is there.
  const VectorSlots* SlotsOf(const Relation& input, const ScanColumn& features) const;
  TrainingQuery QueryOf(const Relation& input, const TrainingView& view,
                        bool by_vectors = false) const;
  // After a query of QueryOf, which may go by what does not observe a requirement: none is broken
  // if all features of all rows are there; otherwise it is looked for.
  void SettleUnobserved(const Relation& input, const ScanColumn& features, bool all_there);
  void NoteSeen(const Relation& input, std::optional<SeenRows> rows) {
    if (rows) seen_.insert_or_assign(input.name(), *std::move(rows));
  }
  // The distinct rows of a view, fetched once; null if it has too many rows.
  const DistinctRows* DistinctOf(const Relation& input, const TrainingView& view);

  std::shared_ptr<LocalServer> local_server_;  // Before the client, whose session ends first.
  bool owns_session_;
  ConnectClient client_;
  ClusterModels models_;
  std::unique_ptr<Engine> local_;
  std::int64_t fetch_limit_;  // What is fetched to train on takes no more bytes.
  SparkReach reach_;
  std::string spark_version_;
  std::map<std::string, SparkTable> tables_;  // By the name of the relation.
  int num_views_ = 0;
  std::optional<std::int64_t> num_rows_read_ = 0;  // Nothing: not known.
  bool is_small_ = false;                          // What the session's settings are for.
  bool keeps_as_they_are_ = false;
  int num_requirements_ = 0;
  std::map<std::string, Requirement> requirements_;  // By the name of the metric that observes it.
  std::string distinct_key_;                         // Of which view distinct_rows_ are.
  std::optional<DistinctRows> distinct_rows_;
  std::vector<std::optional<ValueRange>> known_ranges_;  // Of its features, found on the way.
  std::map<std::string, SeenRows> seen_;                 // By a training; by the relation's name.
};

Relation SparkEngine::ReadCsv(const CsvSource& source) {
  if (source.files.empty()) throw Error(ErrorKind::kInternal, "a CSV source without files");
  const std::optional<std::int64_t> num_bytes = BytesOf(source.files);
  const std::optional<std::int64_t> about_rows =
      num_bytes ? std::optional(*num_bytes / kBytesOfRow) : std::nullopt;
  NoteInput(about_rows);
  const bool is_small = IsSmall(about_rows);
  // What is not too much is read through here sooner than by the jobs that it saves.
  const bool is_read_here = num_bytes && *num_bytes <= kMaxBytesReadHere;
  const auto has_open_quotes = [&] {
    return is_read_here ? HasOpenQuotes(source.files)
                        : client_.QueryNumbers(CountOpenQuotes(source)).front() > 0;
  };
  const bool spans_lines =
      source.options.dialect == CsvOptions::Dialect::kRfc4180 && (is_small || has_open_quotes());
  // Types that are inferred; a declared one replaces it.
  Schema inferred;
  std::optional<std::int64_t> num_rows;
  if (is_read_here) {
    CsvSource undeclared = source;
    undeclared.types.clear();
    const Relation local = local_->ReadCsv(undeclared);
    inferred = local.schema();
    num_rows = local_->Count(local);
  } else {
    connect::AnalyzePlanRequest request;
    *request.mutable_schema()->mutable_plan()->mutable_root() =
        ReadCsvFiles(source, "", spans_lines);
    inferred = SchemaOf(client_.Analyze(request).schema().schema());
  }
  if (inferred.num_fields() == 0) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{}: the file is empty, not even a header line", source.files[0]));
  }
  Schema read = inferred;
  for (const auto& [column, type] : source.types) {
    const std::optional<std::size_t> position = read.Find(column);
    if (!position) {
      throw Error(ErrorKind::kNotFound,
                  fmt::format("{}: there is no column '{}' whose type could be declared{}",
                              source.files[0], column, DidYouMean(column, read.names())));
    }
    // As text, then cast, so that a value that does not fit is an error and not a null.
    read.at(*position).type = kStringType;
    inferred.at(*position).type = type;
  }
  SparkTable table{.num_rows = num_rows,
                   .csv = source,
                   .files = source.files,
                   .reader = ReadCsvFiles(source, spark_plans::DdlOf(read), spans_lines)};
  for (const Field& field : inferred.fields()) {
    const std::string name = Quote(field.name);
    const bool is_declared = read.Get(field.name).type != field.type;
    table.columns.push_back(
        {field.name,
         is_declared ? fmt::format("CAST({} AS {})", name, field.type.ToString()) : name});
  }
  table.plan = WithOrigin(table, {});
  // Or the count and what comes after it would parse the text, each of them.
  if (!is_read_here) table.plan = Cached(table.plan);
  table.parses_text = is_read_here && !is_small;
  return Add(std::move(table), std::move(inferred));
}

Relation SparkEngine::ReadParquet(const std::vector<std::string>& files) {
  const Relation local = local_->ReadParquet(files);
  // Footers say how many rows there are; of very many files a job reads them sooner.
  constexpr std::size_t kFewFiles = 64;
  std::optional<std::int64_t> num_rows;
  if (files.size() <= kFewFiles) num_rows = local_->Count(local);
  NoteInput(num_rows);
  // Spark would start a job to read it in the footers, each time that it is asked of these rows.
  const std::string schema_json =
      local_->ParquetKeyValue(files.front(), kSparkSchemaKey).value_or("");
  SparkTable table{.num_rows = num_rows,
                   .local = local,
                   .files = files,
                   .reader = spark_plans::ReadFiles("parquet", SparkPaths(files), {}, schema_json)};
  for (const Field& field : local.schema().fields()) {
    const std::string name = Quote(field.name);
    ProjectedColumn column{.name = field.name, .sql = name};
    if (field.type == kVectorType) {
      // To Spark it is a vector only if the file says so, and a struct otherwise.
      if (SaysVector(schema_json, field.name)) {
        table.vectors.insert(AsciiLower(field.name));
      } else {
        column.sql = ArrayOfVectorStruct(name);
      }
    }
    table.columns.push_back(std::move(column));
  }
  table.plan = WithOrigin(table, {});
  table.slots = SlotsOfFiles(files, schema_json, local.schema());
  return Add(std::move(table), local.schema());
}

Relation SparkEngine::NumberRows(const Relation& source, const std::string& column) {
  if (source.schema().Find(column)) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("there is a column '{}' already, which is to number the rows", column));
  }
  const SparkTable& table = Of(source);
  if (table.files.empty()) {
    throw Error(ErrorKind::kInternal, "only the rows of files can be numbered");
  }
  // Where each stretch of rows that one task reads begins, and the number of its first row. A row's
  // number inside its stretch is what Spark counts up as it reads.
  const Plan with_origin = WithOrigin(table, {{"fs_path", "_metadata.file_path"},
                                              {"fs_begin", "_metadata.file_block_start"},
                                              {"fs_serial", "monotonically_increasing_id()"}});
  struct Stretch {
    std::size_t file;
    std::int64_t begin, first_serial, num_rows;
    std::string uri;
  };
  std::vector<Stretch> stretches;
  std::map<std::string, std::size_t> file_of;
  for (std::size_t i = 0; i < table.files.size(); ++i) {
    file_of[PathOfSparkUri(SparkUri(table.files[i]))] = i;
  }
  client_.Query(
      spark_plans::Aggregate(with_origin, {{"", "fs_path"}, {"", "fs_begin"}},
                             {{"", "min(fs_serial)"}, {"", "count(*)"}}),
      [&](const ArrowRows& rows) {
        for (std::int64_t row = 0; row < rows.num_rows; ++row) {
          const std::string uri(rows.columns[0].Text(row));
          const auto file = file_of.find(PathOfSparkUri(uri));
          if (file == file_of.end()) {
            throw Error(ErrorKind::kInternal, fmt::format("Spark read '{}', which is none of the "
                                                          "files that it was asked to read",
                                                          uri));
          }
          stretches.push_back({file->second, rows.columns[1].Integer(row),
                               rows.columns[2].Integer(row), rows.columns[3].Integer(row), uri});
        }
      });
  std::sort(stretches.begin(), stretches.end(), [](const Stretch& left, const Stretch& right) {
    return std::pair(left.file, left.begin) < std::pair(right.file, right.begin);
  });
  std::string offset = "CASE";
  std::int64_t num_before = 0;
  for (const Stretch& stretch : stretches) {
    offset += fmt::format(" WHEN fs_path = {} AND fs_begin = {} THEN ({}L)",
                          spark_plans::QuoteText(stretch.uri), stretch.begin,
                          num_before - stretch.first_serial);
    num_before += stretch.num_rows;
  }
  offset = stretches.empty() ? "0L" : offset + " END";
  std::vector<ProjectedColumn> columns;
  for (const std::string& name : source.schema().names()) columns.push_back({name, Quote(name)});
  columns.push_back({column, fmt::format("fs_serial + {}", offset)});
  Schema schema = source.schema();
  schema.Add({column, kLongType, /*nullable=*/false});
  SparkTable numbered{.plan = spark_plans::Project(with_origin, columns), .vectors = table.vectors};
  return Add(std::move(numbered), std::move(schema));
}

Relation SparkEngine::Query(const Relation& input, const sql::Select& select) {
  sql::ResolvedSelect resolved = sql::Resolve(select, input.schema());
  std::set<std::string> looked_into;
  for (const sql::ExpressionPtr& column : resolved.columns) {
    if (column->kind != sql::Expression::Kind::kColumn) AddColumnsOf(*column, &looked_into);
  }
  if (resolved.where) AddColumnsOf(*resolved.where, &looked_into);
  const SparkTable& table = Of(input);
  SparkTable result{.parses_text = table.parses_text, .is_looked_up = table.is_looked_up};
  if (!resolved.where) {
    result.num_rows = table.num_rows;
    result.counted = CountedInQuery(table.counted, resolved);
  }
  std::vector<ProjectedColumn> columns;
  for (std::size_t i = 0; i < resolved.columns.size(); ++i) {
    columns.push_back(
        {resolved.schema.fields()[i].name, sql::Print(*resolved.columns[i], sql::Dialect::kSpark)});
    const std::string source = AsciiLower(resolved.columns[i]->name);
    if (resolved.columns[i]->kind == sql::Expression::Kind::kColumn &&
        table.vectors.contains(source) && !looked_into.contains(source)) {
      result.vectors.insert(AsciiLower(resolved.schema.fields()[i].name));
    }
  }
  Plan rows = ArraysOf(input, looked_into);
  if (resolved.where) {
    rows = spark_plans::Filter(rows, sql::Print(*resolved.where, sql::Dialect::kSpark));
  }
  result.plan = spark_plans::Project(rows, columns);
  if (table.slots) result.slots = SlotsOfQuery(*table.slots, input.schema(), resolved);
  return Add(std::move(result), std::move(resolved.schema));
}

Relation SparkEngine::Join(const Relation& left, const Relation& right,
                           const JoinOptions& options) {
  JoinColumns join = ResolveJoin(left.schema(), right.schema(), options);
  const SparkTable &left_table = Of(left), &right_table = Of(right);
  SparkTable result{.parses_text = left_table.parses_text || right_table.parses_text};
  std::string condition;
  std::vector<ProjectedColumn> columns;
  for (const auto& [left_key, right_key] : join.keys) {
    condition += fmt::format("{}l.{} = r.{}", condition.empty() ? "" : " AND ", Quote(left_key),
                             Quote(right_key));
  }
  for (const JoinColumns::Source& column : join.columns) {
    columns.push_back(
        {column.name, fmt::format("{}.{}", column.is_left ? 'l' : 'r', Quote(column.name))});
    const std::string lower = AsciiLower(column.name);
    if ((column.is_left ? left_table : right_table).vectors.contains(lower)) {
      result.vectors.insert(lower);
    }
  }
  result.plan = spark_plans::Project(
      spark_plans::Join(left_table.plan, right_table.plan, options.type, condition), columns);
  return Add(std::move(result), std::move(join.schema));
}

Relation SparkEngine::Score(const Relation& input, const ScoreOptions& options,
                            RowFunction function) {
  Schema schema = input.schema();
  schema.Add({options.output_column, kDoubleType});
  const VectorSlots* slots = SlotsOf(input, options.features);
  if (slots != nullptr && options.bins) {
    const auto seen = seen_.find(input.name());
    const bool is_seen = seen != seen_.end() &&
                         EqualsIgnoringCase(seen->second.features.name, options.features.name);
    const KnownRows known{.seen = is_seen ? &seen->second : nullptr, .are_alike = !seen_.empty()};
    if (auto scored =
            LookUpScores(&client_, Of(input), *slots, known, input.schema(), options, function)) {
      SettleUnobserved(input, options.features, /*all_there=*/true);
      return Add(*std::move(scored), std::move(schema));
    }
  }
  return Add(ScoreTable(Of(input), input.schema(), options, &models_), std::move(schema));
}

Relation SparkEngine::Keep(const Relation& input) {
  const SparkTable& table = Of(input);
  if (table.is_looked_up) return input;
  // What is observed while rows are put into the cache is not told.
  for (auto& [name, requirement] : requirements_) {
    if (requirement.is_met || !spark_plans::Names(table.plan, name)) continue;
    requirement.is_met = true;
    Settle(requirement);
  }
  return Add({.plan = Cached(table.plan), .vectors = table.vectors, .num_rows = table.num_rows},
             input.schema());
}

Plan SparkEngine::Cached(const Plan& plan) {
  // A view has its plan settled once; what is cached is found again by it. All sessions of a server
  // share what is cached, by equal plans, and the files of one may have changed since: this plan is
  // nobody else's.
  const std::string view = fmt::format("fs_kept_{}", num_views_++);
  connect::Command command;
  connect::CreateDataFrameViewCommand* create = command.mutable_create_dataframe_view();
  *create->mutable_input() = spark_plans::Filter(
      plan, fmt::format("{} IS NOT NULL", spark_plans::QuoteText(RandomUuid())));
  create->set_name(view);
  create->set_replace(true);
  client_.Run(command);
  Plan kept;
  kept.mutable_read()->mutable_named_table()->set_unparsed_identifier(view);
  connect::AnalyzePlanRequest request;
  *request.mutable_persist()->mutable_relation() = kept;
  connect::StorageLevel* level = request.mutable_persist()->mutable_storage_level();
  level->set_use_disk(true);
  level->set_use_memory(true);
  level->set_deserialized(true);
  level->set_replication(1);
  client_.Analyze(request);
  connect::AnalyzePlanRequest at_end;
  *at_end.mutable_unpersist()->mutable_relation() = kept;
  client_.AnalyzeAtEnd(std::move(at_end));
  return kept;
}

std::int64_t SparkEngine::Count(const Relation& input) {
  if (Of(input).num_rows) return *Of(input).num_rows;
  return client_.QueryNumbers(spark_plans::Aggregate(Of(input).plan, {}, {{"", "count(*)"}}))
      .front();
}

void SparkEngine::NoteInput(std::optional<std::int64_t> num_rows) {
  num_rows_read_ =
      num_rows && num_rows_read_ ? std::optional(*num_rows_read_ + *num_rows) : std::nullopt;
  // A job of little data takes as long as it takes to plan it: compiled code, plans that change
  // while they run and two hundred partitions cost more than they save.
  Use({{"spark.sql.shuffle.partitions", "1"},
       {"spark.sql.adaptive.enabled", "false"},
       {"spark.sql.codegen.wholeStage", "false"},
       {"spark.sql.codegen.factoryMode", "NO_CODEGEN"}},
      IsSmall(num_rows_read_), &is_small_);
  // To put into few bytes what is kept takes as long as to read it.
  constexpr std::int64_t kMaxRowsAsTheyAre = std::int64_t{1} << 24;
  Use({{"spark.sql.inMemoryColumnarStorage.compressed", "false"}},
      num_rows_read_ && *num_rows_read_ <= kMaxRowsAsTheyAre, &keeps_as_they_are_);
}

void SparkEngine::Use(const std::map<std::string, std::string>& settings, bool wanted, bool* used) {
  // A session that the user named goes on after us, as it was.
  if (!owns_session_ || wanted == *used) return;
  *used = wanted;
  if (wanted) {
    client_.SetConfig(settings);
  } else {
    client_.UnsetConfig(settings);
  }
}

Relation SparkEngine::Require(const Relation& input, std::vector<sql::ExpressionPtr> conditions,
                              std::function<void(std::span<const std::int64_t>)> refuse) {
  if (conditions.empty()) return input;
  const std::string name = fmt::format("fs_required_{}_", num_requirements_++);
  SparkTable table{.vectors = Of(input).vectors, .num_rows = Of(input).num_rows};
  std::set<std::string> looked_into;
  const std::vector<ProjectedColumn> counts = CountsWhere(conditions, input.schema(), &looked_into);
  for (const std::string& column : looked_into) table.vectors.erase(column);
  table.plan = spark_plans::Observe(ArraysOf(input, looked_into), name, counts);
  if (Of(input).slots) table.slots = SlotsOfRequired(*Of(input).slots, name, conditions);
  requirements_.emplace(name, Requirement{input, std::move(conditions), std::move(refuse)});
  return Add(std::move(table), input.schema());
}

void SparkEngine::Settle(Requirement requirement) {
  Refuse(requirement, CountWhere(requirement.input, requirement.conditions));
}

void SparkEngine::LookAt(std::span<const ObservedMetrics> metrics) {
  for (const ObservedMetrics& observed : metrics) {
    const auto found = requirements_.find(observed.name());
    if (found == requirements_.end()) continue;
    const bool is_met = std::none_of(observed.values().begin(), observed.values().end(),
                                     [](const auto& value) { return value.long_() > 0; });
    found->second.is_met = is_met;
    // A task that was done twice counts twice.
    if (!is_met) Settle(std::move(requirements_.extract(found).mapped()));
  }
}

// What Spark says of a row that it can't compute is not what a user can act on.
void SparkEngine::ExplainFailure(const Error& error) {
  if (error.kind() != ErrorKind::kInvalidArgument) return;
  const std::map<std::string, Requirement> requirements = std::exchange(requirements_, {});
  for (const auto& [name, requirement] : requirements) {
    std::vector<std::int64_t> counts;
    try {
      counts = CountWhere(requirement.input, requirement.conditions);
    } catch (const Error&) {
      continue;  // It is the first error that counts.
    }
    Refuse(requirement, counts);
  }
}

std::vector<std::int64_t> SparkEngine::CountWhere(const Relation& input,
                                                  std::span<const sql::ExpressionPtr> conditions) {
  if (conditions.empty()) return {};
  std::set<std::string> looked_into;
  const std::vector<ProjectedColumn> counts = CountsWhere(conditions, input.schema(), &looked_into);
  return client_.QueryNumbers(spark_plans::Aggregate(ArraysOf(input, looked_into), {}, counts));
}

std::vector<std::vector<ValueCount>> SparkEngine::ValueCountsOf(
    const Relation& input, std::span<const sql::ExpressionPtr> expressions) {
  if (expressions.empty()) return {};
  // A row for each expression, with its number.
  std::set<std::string> looked_into;
  std::string numbered;
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    const sql::ExpressionPtr text =
        sql::Resolve(sql::Cast(expressions[i], kStringType), input.schema());
    AddColumnsOf(*text, &looked_into);
    numbered += fmt::format(", {}, {}", i, sql::Print(*text, sql::Dialect::kSpark));
  }
  const Plan values = spark_plans::Project(
      ArraysOf(input, looked_into),
      {{"", fmt::format("stack({}{}) AS (k, v)", expressions.size(), numbered)}});
  std::vector<std::vector<ValueCount>> counts(expressions.size());
  client_.Query(spark_plans::Aggregate(values, {{"", "k"}, {"", "v"}}, {{"", "count(*)"}}),
                [&](const ArrowRows& rows) {
                  for (std::int64_t row = 0; row < rows.num_rows; ++row) {
                    const auto number = static_cast<std::size_t>(rows.columns[0].Integer(row));
                    ValueCount& count = counts.at(number).emplace_back();
                    if (!rows.columns[1].IsNull(row)) {
                      count.value = std::string(rows.columns[1].Text(row));
                    }
                    count.count = rows.columns[2].Integer(row);
                  }
                });
  return counts;
}

std::vector<NamedValue> SparkEngine::FetchRow(const Relation& input) {
  const SparkTable& table = Of(input);
  if (table.local) return local_->FetchRow(*table.local);
  std::vector<ProjectedColumn> columns;
  for (const Field& field : input.schema().fields()) {
    const bool is_text = field.type == kStringType || field.type == kDateType ||
                         field.type == kTimestampType || field.type.kind == TypeKind::kDecimal;
    const std::string name = Quote(field.name);
    columns.push_back({field.name, is_text ? fmt::format("CAST({} AS STRING)", name) : name});
  }
  std::set<std::string> all;
  for (const std::string& name : input.schema().names()) all.insert(AsciiLower(name));
  std::vector<NamedValue> values;
  std::int64_t num_rows = 0;
  client_.Query(spark_plans::Limit(spark_plans::Project(ArraysOf(input, all), columns), 2),
                [&](const ArrowRows& rows) {
                  num_rows += rows.num_rows;
                  if (rows.num_rows == 0 || !values.empty()) return;
                  for (std::size_t i = 0; i < rows.columns.size(); ++i) {
                    const ArrowColumn& column = rows.columns[i];
                    const Field& field = input.schema().fields()[i];
                    NamedValue& value = values.emplace_back(NamedValue{field.name, {}});
                    if (column.IsNull(0)) continue;
                    if (field.type == kVectorType) {
                      const ArrowColumn items = column.Items();
                      std::vector<double> numbers;
                      for (std::int64_t k = column.ItemsBegin(0); k < column.ItemsEnd(0); ++k) {
                        numbers.push_back(items.Number(k));
                      }
                      value.value = std::move(numbers);
                    } else if (field.type == kBooleanType) {
                      value.value = column.Integer(0) != 0;
                    } else if (field.type == kLongType) {
                      value.value = column.Integer(0);
                    } else if (field.type.IsIntegral()) {
                      value.value = static_cast<std::int32_t>(column.Integer(0));
                    } else if (field.type == kDoubleType || field.type == kFloatType) {
                      value.value = column.Number(0);
                    } else {
                      value.value = std::string(column.Text(0));
                    }
                  }
                });
  if (num_rows != 1) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("one row was expected, there are {}", num_rows == 0 ? "none" : "more"));
  }
  return values;
}

void SparkEngine::Scan(const Relation& input, const std::vector<ScanColumn>& columns,
                       const std::function<void(MatrixView<const double> rows)>& visitor) {
  if (columns.empty()) throw Error(ErrorKind::kInvalidArgument, "a scan needs at least one column");
  std::vector<ProjectedColumn> scanned;
  std::set<std::string> vectors;
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
    if (is_vector) vectors.insert(AsciiLower(field.name));
    const std::string name = Quote(field.name);
    scanned.push_back({"", is_vector ? name : fmt::format("CAST({} AS DOUBLE)", name)});
    fields.push_back(&field);
    width += column.width;
  }
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> block;
  std::int64_t num_before = 0;
  client_.Query(
      spark_plans::Project(ArraysOf(input, vectors), scanned), [&](const ArrowRows& rows) {
        const auto num_rows = static_cast<std::size_t>(rows.num_rows);
        if (num_rows == 0) return;
        block.assign(num_rows * width, kNaN);
        double* out = block.data();
        for (std::size_t i = 0; i < columns.size(); ++i) {
          const ArrowColumn& column = rows.columns[i];
          for (std::size_t row = 0; row < num_rows; ++row) {
            const auto at = static_cast<std::int64_t>(row);
            if (column.IsNull(at)) continue;
            if (fields[i]->type != kVectorType) {
              out[row * width] = column.Number(at);
              continue;
            }
            const ArrowColumn items = column.Items();
            const std::int64_t begin = column.ItemsBegin(at);
            const auto length = static_cast<std::size_t>(column.ItemsEnd(at) - begin);
            if (length != columns[i].width) {
              throw Error(
                  ErrorKind::kInvalidArgument,
                  fmt::format(
                      "column '{}', row {}: a vector of {} where a vector of {} numbers was "
                      "expected",
                      fields[i]->name, num_before + at + 1, length, columns[i].width));
            }
            for (std::size_t k = 0; k < length; ++k) {
              out[row * width + k] = items.Number(begin + static_cast<std::int64_t>(k));
            }
          }
          out += columns[i].width;
        }
        visitor(MatrixView<const double>(block.data(), num_rows, width));
        num_before += rows.num_rows;
      });
}

void SparkEngine::ScanCounted(
    const Relation& input, const std::vector<std::string>& columns,
    const std::function<void(MatrixView<const double> rows, std::span<const std::int64_t> counts)>&
        visitor) {
  if (const std::optional<CountedRows> counted = ColumnsOf(Of(input).counted, columns)) {
    visitor({counted->values.data(), counted->counts.size(), columns.size()}, counted->counts);
    return;
  }
  std::vector<ProjectedColumn> numbers, keys;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Field& field = input.schema().Get(columns[i]);
    if (!field.type.IsNumeric()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("column '{}' is {}; only numbers are counted", field.name,
                              field.type.ToString()));
    }
    const std::string name = fmt::format("c{}", i);
    numbers.push_back({name, fmt::format("CAST({} AS DOUBLE)", Quote(field.name))});
    keys.push_back({"", name});
  }
  std::vector<double> block;
  std::vector<std::int64_t> counts;
  client_.Query(spark_plans::Aggregate(spark_plans::Project(Of(input).plan, numbers), keys,
                                       {{"", "count(*)"}}),
                [&](const ArrowRows& rows) {
                  block.clear();
                  counts.clear();
                  for (std::int64_t row = 0; row < rows.num_rows; ++row) {
                    for (std::size_t i = 0; i < columns.size(); ++i) {
                      block.push_back(rows.columns[i].NumberOrNaN(row));
                    }
                    counts.push_back(rows.columns[columns.size()].Integer(row));
                  }
                  visitor(MatrixView<const double>(block.data(), counts.size(), columns.size()),
                          counts);
                });
}

TrainingQuery SparkEngine::QueryOf(const Relation& input, const TrainingView& view,
                                   bool by_vectors) const {
  const Field& features = input.schema().Get(view.features.name);
  if (features.type != kVectorType) {
    throw Error(ErrorKind::kInvalidArgument, fmt::format("column '{}' is {}, not a vector",
                                                         features.name, features.type.ToString()));
  }
  const auto number = [&](const std::string& name) {
    const Field& field = input.schema().Get(name);
    if (!field.type.IsNumeric()) {
      throw Error(ErrorKind::kInvalidArgument, fmt::format("column '{}' is {}, not a number",
                                                           field.name, field.type.ToString()));
    }
    return fmt::format("CAST({} AS DOUBLE)", Quote(field.name));
  };
  const std::string label = number(view.label);
  const std::optional<std::string> weight =
      view.weight ? std::optional(number(*view.weight)) : std::nullopt;
  const std::size_t width = view.features.width;
  TrainingQuery query;
  const VectorSlots* slots = by_vectors ? nullptr : SlotsOf(input, view.features);
  if (slots != nullptr) {
    query = {slots->plan, *NumbersOf(*slots, features.name, width), label, weight};
  } else {
    query = QueryOfArray(ArraysOf(input, {AsciiLower(features.name)}), Quote(features.name), width,
                         label, weight);
  }
  query.num_rows = Of(input).num_rows;
  return query;
}

const VectorSlots* SparkEngine::SlotsOf(const Relation& input, const ScanColumn& features) const {
  const std::optional<VectorSlots>& slots = Of(input).slots;
  if (!slots || !slots->required.empty() || !NumbersOf(*slots, features.name, features.width) ||
      (slots->requirement && !slots->assembled.contains(AsciiLower(features.name)))) {
    return nullptr;
  }
  return &*slots;
}

void SparkEngine::SettleUnobserved(const Relation& input, const ScanColumn& features,
                                   bool all_there) {
  const VectorSlots* slots = SlotsOf(input, features);
  if (slots == nullptr || !slots->requirement) return;
  const auto found = requirements_.find(*slots->requirement);
  if (found == requirements_.end() || found->second.is_met) return;
  if (all_there) {
    found->second.is_met = true;
  } else {
    Settle(std::move(requirements_.extract(found).mapped()));
  }
}

const DistinctRows* SparkEngine::DistinctOf(const Relation& input, const TrainingView& view) {
  const std::string key = fmt::format("{}\n{}\n{}\n{}", input.name(), view.features.name,
                                      view.label, view.weight.value_or(""));
  if (key != distinct_key_) {
    distinct_rows_ = FetchDistinctRows(&client_, QueryOf(input, view));
    if (distinct_rows_ && !HasAllFeatures(*distinct_rows_)) {
      SettleUnobserved(input, view.features, /*all_there=*/false);
      // One of another length is an error then.
      distinct_rows_ = FetchDistinctRows(&client_, QueryOf(input, view, /*by_vectors=*/true));
    } else if (distinct_rows_) {
      SettleUnobserved(input, view.features, /*all_there=*/true);
      NoteSeen(input, SeenInRows(view, *distinct_rows_));
    }
    distinct_key_ = key;
    known_ranges_.assign(view.features.width, std::nullopt);
    if (!distinct_rows_) {
      LogDebug(fmt::format("more than {} rows: values and cells are counted on the cluster",
                           WithThousands(kMaxFetchedRows)));
    }
  }
  return distinct_rows_ ? &*distinct_rows_ : nullptr;
}

std::optional<RecordOrigin> SparkEngine::Locate(const Relation& csv,
                                                const sql::ExpressionPtr& condition,
                                                const std::string& column) {
  const SparkTable& table = Of(csv);
  if (!table.csv) {
    throw Error(ErrorKind::kInvalidArgument,
                "only the rows of a relation that was read from CSV can be located");
  }
  // Lines are known to a reader in this process alone; it is given the one file that matters.
  std::string file;
  const Plan with_origin = WithOrigin(table, {{"fs_path", "_metadata.file_path"}});
  client_.Query(
      spark_plans::Aggregate(spark_plans::Filter(with_origin, PrintFor(condition, csv.schema())),
                             {}, {{"", "min(fs_path)"}}),
      [&](const ArrowRows& rows) {
        for (std::int64_t row = 0; row < rows.num_rows; ++row) {
          if (!rows.columns[0].IsNull(row)) file = PathOfSparkUri(rows.columns[0].Text(row));
        }
      });
  if (file.empty()) return std::nullopt;
  CsvSource source = *table.csv;
  source.files = {LocalCopy(Location::Parse(file)).path()};
  source.types.clear();
  for (const Field& field : csv.schema().fields())
    source.types.emplace_back(field.name, field.type);
  return local_->Locate(local_->ReadCsv(source), condition, column);
}

WriteResult SparkEngine::Write(const Relation& input, const WriteOptions& options) {
  const SparkTable& table = Of(input);
  if (table.local && table.files.empty()) return local_->Write(*table.local, options);
  const auto json = options.key_values.find(std::string(kSparkSchemaKey));
  Plan plan =
      WithVectors(table, input.schema(), json == options.key_values.end() ? "" : json->second);
  if (!options.order_by.empty()) {
    Plan sorted;
    connect::Sort* sort = sorted.mutable_sort();
    *sort->mutable_input() = spark_plans::Coalesce(plan, 1);
    sort->set_is_global(false);
    connect::Expression::SortOrder* order = sort->add_order();
    order->mutable_child()->mutable_expression_string()->set_expression(Quote(options.order_by));
    order->set_direction(connect::Expression::SortOrder::SORT_DIRECTION_ASCENDING);
    order->set_null_ordering(connect::Expression::SortOrder::SORT_NULLS_FIRST);
    plan.Clear();
    *plan.mutable_drop()->mutable_input() = std::move(sorted);
    plan.mutable_drop()->add_column_names(options.order_by);
  } else if (options.target_file_bytes == 0) {
    plan = spark_plans::Coalesce(plan, 1);
  }
  // The rows are counted as they are written.
  const Plan counted = spark_plans::Observe(plan, "fs_written", {{"num_rows", "count(*)"}});

  connect::Command command;
  connect::WriteOperation* write = command.mutable_write_operation();
  *write->mutable_input() = counted;
  write->set_source(options.format == FileFormat::kCsv ? "csv" : "parquet");
  const bool is_remote = !options.remote_directory.empty();
  write->set_path(SparkUri(is_remote ? options.remote_directory : options.directory));
  write->set_mode(connect::WriteOperation::SAVE_MODE_APPEND);
  if (options.format == FileFormat::kCsv) (*write->mutable_options())["header"] = "true";

  // Nobody looks at what a task wrote before the job is done: it is moved then, or completed by a
  // committer of S3A's where the server has one. The mark is the caller's.
  (*write->mutable_options())["mapreduce.fileoutputcommitter.algorithm.version"] = "1";
  (*write->mutable_options())["mapreduce.fileoutputcommitter.marksuccessfuljobs"] = "false";

  WriteResult result;
  bool is_counted = false;
  try {
    client_.Run(command, [&](const connect::ExecutePlanResponse& response) {
      for (const auto& observed : response.observed_metrics()) {
        if (observed.name() != "fs_written" || observed.values_size() == 0) continue;
        result.num_rows = observed.values(0).long_();
        is_counted = true;
      }
    });
  } catch (const Error&) {
    if (!is_remote) RemoveLateFiles(options.directory);
    throw;
  }
  if (!is_counted) throw Error(ErrorKind::kInternal, "Spark did not say how many rows it wrote");
  if (is_remote) return result;
  // Checksum files of Hadoop's local file system would not fit the files any more once those are
  // moved; _SUCCESS is the caller's.
  for (const auto& entry : std::filesystem::directory_iterator(options.directory)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("part-")) {
      result.files.push_back(name);
    } else {
      std::filesystem::remove(entry.path());
    }
  }
  std::sort(result.files.begin(), result.files.end());
  if (result.files.empty()) {
    throw Error(
        ErrorKind::kIo,
        fmt::format("Spark wrote to '{}', but nothing is there: the server sees other files "
                    "than this machine; use a path that both have, or s3://",
                    options.directory));
  }
  return result;
}

}  // namespace

std::unique_ptr<Engine> OpenSpark(const SparkOptions& options) {
  return std::make_unique<SparkEngine>(options);
}

}  // namespace firesteel
