#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/spark_ml.h"
#include "sql/select.h"
#include "table/cells.h"
#include "table/matrix_view.h"
#include "table/record_table.h"
#include "table/schema.h"
#include "table/value.h"
#include "table/value_range.h"

namespace firesteel {

/// A handle on rows that live in an engine: cheap to copy, valid as long as the engine. Most
/// relations are lazy (a view): every use computes them anew unless `Engine::Keep` was called.
class Relation {
 public:
  Relation() = default;
  Relation(std::string name, Schema schema) : name_(std::move(name)), schema_(std::move(schema)) {}

  /// How the engine that made it calls it; of no meaning to anyone else.
  const std::string& name() const { return name_; }
  const Schema& schema() const { return schema_; }

  /// The same rows with other attributes or nullability. Names and types must be the same, in the
  /// same order.
  Relation WithSchema(Schema schema) const { return Relation(name_, std::move(schema)); }

 private:
  std::string name_;
  Schema schema_;
};

struct CsvOptions {
  /// kRfc4180: quotes double inside quotes, records may span lines. kSpark: as Spark's reader, spec
  /// E.1.
  enum class Dialect { kRfc4180, kSpark };

  Dialect dialect = Dialect::kRfc4180;
  char delimiter = ',';
};

/// CSV files of one table. All have a header line; columns are matched by position, names are the
/// first file's.
struct CsvSource {
  std::vector<std::string> files;  // In the order of their names, at least one.
  CsvOptions options = {};
  std::vector<std::pair<std::string, DataType>> types =
      {};  // Declared; the others are inferred over all rows.
};

enum class JoinType { kLeft, kInner };

struct JoinOptions {
  std::vector<std::string>
      keys;  // Columns of both sides; they come first in the result, as in Spark's join by name.
  JoinType type = JoinType::kLeft;
};

struct ValueCount {
  std::optional<std::string> value;  // By Spark's cast to string; a date as yyyy-MM-dd.
  std::int64_t count = 0;
};

/// Where the first offending record of a CSV source stands.
struct RecordOrigin {
  std::string file;
  std::int64_t line = 0;  // 1-based, of the record's first line.
  std::optional<std::string> value;
};

/// A numeric, boolean or vector column to be fetched as doubles.
struct ScanColumn {
  std::string name;
  std::size_t width = 1;  // Numbers a row: the vector's length, 1 for a scalar.
};

enum class FileFormat { kParquet, kCsv };

struct WriteOptions {
  FileFormat format = FileFormat::kParquet;
  std::string directory;  // Exists and is empty; who computes the rows must reach it, too.
  // An s3:// URL below which nothing is: where an engine that works on S3 writes instead, unless it
  // has the rows here.
  std::string remote_directory = {};
  std::string uuid;  // Part of the file names, part-00000-<uuid>-c000…, as Spark names them.
  std::map<std::string, std::string> key_values = {};  // Parquet footer entries.
  // About how large a file gets. 0: one file, its rows in the relation's order where it has one.
  std::int64_t target_file_bytes = std::int64_t{128} << 20;
  // A column that orders the rows, ascending, in one file; it is not written itself. Empty: none.
  std::string order_by = {};
};

struct WriteResult {
  // Names inside the directory, in order; none if the files were written to `remote_directory`.
  std::vector<std::string> files;
  std::int64_t num_rows = 0;
};

/// Predicts a chunk: rows (n, d) in, n numbers out. May be called from several threads at once.
using RowFunction = std::function<void(MatrixView<const double> rows, std::span<double> out)>;

/// The columns that a learner looks at.
struct TrainingView {
  ScanColumn features;  // A vector column.
  std::string label;    // Numeric.
  std::optional<std::string> weight = {};
};

struct ScoreOptions {
  ScanColumn features;        // The vector column.
  std::string output_column;  // Appended, double.
  // Whether a null vector gives null; otherwise it is an error, found when rows are computed.
  bool null_for_null = false;
  // How a model of trees sees each feature: rows of finite features that fall into the same bins,
  // categories whole numbers of their range, have the same prediction. Nothing if that can't be
  // said.
  std::optional<std::vector<FeatureBins>> bins = {};
  // Numeric columns that the predictions will be counted with (ScanCounted), where they are: who
  // has to ask a cluster for something anyway may ask for that, too.
  std::vector<std::string> counted_with = {};
  // The same model for an engine that runs elsewhere, which alone calls this, and has read the
  // files when Score returns.
  std::function<SparkScoring()> on_spark = {};
};

/// Where relational work runs: the verbs that the steps of a workflow need, each said once and
/// carried out by DuckDB in this process or by a Spark cluster. Expressions are given in Spark's
/// terms; a result does not depend on the engine, the number of threads or the order of rows.
/// Threads: one caller at a time. `Interrupt` may be called from any thread.
/// Errors: what the engine's own errors say becomes Error with the file, column or value in it.
class Engine {
 public:
  virtual ~Engine() = default;

  /// "duckdb 1.5.5": for logs and manifests.
  virtual std::string version() const = 0;

  /// Whether rows are computed elsewhere than here, by what reaches S3 itself: data files on S3 are
  /// then read where they are, whatever their size, and written there
  /// (WriteOptions::remote_directory). May ask the cluster, once.
  virtual bool WorksOnS3() { return false; }
  /// To be called before work whose rows are to be written to local files in `directory` or in
  /// folders of it. Throws Error(kInvalidArgument) if who computes them does not see this machine's
  /// files there.
  virtual void RequireReach(const std::string& directory) { static_cast<void>(directory); }

  /// Reads CSV as text and types each column by spec E.1 over all rows, or as declared. An empty or
  /// missing file, a record that has more or (kRfc4180) fewer fields than the header, a quote left
  /// open and bytes that are not UTF-8 are errors that name file and line. A declared type that a
  /// value does not fit is an error naming line, column and value.
  virtual Relation ReadCsv(const CsvSource& source) = 0;

  /// Reads Parquet files of one table, each with the columns of the first. A list column is of type
  /// kNull: only FetchRow and Write take it. A struct column of the shape of Spark's VectorUDT is a
  /// kVector column; attributes are not known here (sparkml/frame.h reads them from the footer).
  virtual Relation ReadParquet(const std::vector<std::string>& files) = 0;
  /// Appends `column` (bigint) to a relation that ReadCsv or ReadParquet returned: 0, 1, … in the
  /// order of the files and of the records in them. Throws Error(kInvalidArgument) if there is such
  /// a column.
  virtual Relation NumberRows(const Relation& source, const std::string& column) = 0;
  /// The value of a key in the footer of one Parquet file.
  virtual std::optional<std::string> ParquetKeyValue(const std::string& file,
                                                     std::string_view key) = 0;

  /// A relation of one row. Lists as ReadParquet has them.
  virtual Relation Values(const std::vector<NamedValue>& row) = 0;

  /// Applies a select to a relation: lazily, without touching a row. The result's schema is the
  /// resolved one.
  virtual Relation Query(const Relation& input, const sql::Select& select) = 0;
  /// Keys, then the other columns of `left`, then those of `right`. A null key matches nothing.
  /// Throws Error(kNotFound) for a key that a side lacks, Error(kInvalidArgument) for a column that
  /// both sides have.
  virtual Relation Join(const Relation& left, const Relation& right,
                        const JoinOptions& options) = 0;
  /// Appends the predictions of `function` to each row, or of what `options` has in its place.
  virtual Relation Score(const Relation& input, const ScoreOptions& options,
                         RowFunction function) = 0;
  /// Whether the engine is Spark, which has Spark ML's stages itself.
  virtual bool AppliesSparkStages() const { return false; }
  /// Transforms by Spark ML's own stages, one after the other. `schema` is what comes out, whose
  /// names and types must be theirs; vectors are as Spark makes them, dense or sparse. Throws
  /// Error(kUnsupported) unless AppliesSparkStages().
  virtual Relation ApplySparkStages(const Relation& input, std::span<const SparkStage> stages,
                                    const Schema& schema) {
    static_cast<void>(input), static_cast<void>(stages), static_cast<void>(schema);
    throw Error(ErrorKind::kUnsupported, version() + " has no stages of Spark ML");
  }
  /// Fits one of Spark ML's estimators on the relation's rows and saves the model in `directory`,
  /// which is new. Throws Error(kUnsupported) unless AppliesSparkStages().
  virtual void FitSparkStage(const Relation& input, const SparkStage& estimator,
                             const std::string& directory) {
    static_cast<void>(input), static_cast<void>(estimator), static_cast<void>(directory);
    throw Error(ErrorKind::kUnsupported, version() + " has no estimators of Spark ML");
  }
  /// Computes the relation once and keeps its rows, spilling to disk beyond the memory limit.
  virtual Relation Keep(const Relation& input) = 0;
  /// The same rows for several uses: kept where that is sooner than to compute them for each.
  virtual Relation Reuse(const Relation& input) { return input; }

  virtual std::int64_t Count(const Relation& input) = 0;
  /// For each condition, the number of rows for which it is true: one pass.
  virtual std::vector<std::int64_t> CountWhere(const Relation& input,
                                               std::span<const sql::ExpressionPtr> conditions) = 0;
  /// The same rows, none of which may meet a condition. If any does, `refuse` is called, which
  /// throws, with the number of rows that meet each: at once, or by the first call that computes
  /// the rows, whatever else it does.
  virtual Relation Require(const Relation& input, std::vector<sql::ExpressionPtr> conditions,
                           std::function<void(std::span<const std::int64_t> counts)> refuse) {
    const std::vector<std::int64_t> counts = CountWhere(input, conditions);
    if (std::any_of(counts.begin(), counts.end(), [](std::int64_t count) { return count > 0; })) {
      refuse(counts);
    }
    return input;
  }
  /// The distinct values of an expression with their row counts, null included, in no promised
  /// order.
  std::vector<ValueCount> ValueCounts(const Relation& input, const sql::ExpressionPtr& expression) {
    return std::move(ValueCountsOf(input, {&expression, 1}).front());
  }
  /// The same of several expressions, each on its own, in one pass.
  virtual std::vector<std::vector<ValueCount>> ValueCountsOf(
      const Relation& input, std::span<const sql::ExpressionPtr> expressions) = 0;
  /// All columns of a relation of exactly one row; list and vector columns included (a vector as
  /// its dense values).
  virtual std::vector<NamedValue> FetchRow(const Relation& input) = 0;
  /// Streams columns as doubles, row-major and side by side, in the relation's row order where it
  /// has one. Null becomes NaN. Throws Error(kInvalidArgument) if a vector's length is not `width`.
  virtual void Scan(const Relation& input, const std::vector<ScanColumn>& columns,
                    const std::function<void(MatrixView<const double> rows)>& visitor) = 0;

  /// Streams numeric columns as Scan does, in no promised order, equal rows together where that
  /// pays: the same row may come more than once, and `counts` says how many rows each stands for.
  /// One pass, on all cores.
  virtual void ScanCounted(
      const Relation& input, const std::vector<std::string>& columns,
      const std::function<void(MatrixView<const double> rows,
                               std::span<const std::int64_t> counts)>& visitor) = 0;

  /// For each of `features` (positions in the vector column), its values with their weights and row
  /// counts, sorted by value (NaN, which stands for null too, last), then weight: one pass, on all
  /// cores. A null vector counts as a row of NaN.
  virtual std::vector<std::vector<WeightedValue>> DistinctValues(
      const Relation& input, const TrainingView& view, std::span<const std::size_t> features) = 0;
  /// Groups the rows into cells: one pass, on all cores. `bins` has one entry per feature. Nothing
  /// if a row has a feature, label or weight that is null, NaN or infinite, or a category out of
  /// range: CountUnusable says which. Throws Error(kUnsupported) for more than kMaxCellBins bins.
  virtual std::optional<Cells> MakeCells(const Relation& input, const TrainingView& view,
                                         std::span<const FeatureBins> bins) = 0;
  /// For each feature its smallest and largest value; null and NaN count as none, and a feature
  /// without any has NaN for both. One pass, on all cores.
  virtual std::vector<ValueRange> FeatureRanges(const Relation& input,
                                                const TrainingView& view) = 0;
  /// For each feature, then the label, then the weight if there is one: the rows in which it is
  /// null, NaN or infinite. One pass.
  virtual std::vector<std::int64_t> CountUnusable(const Relation& input,
                                                  const TrainingView& view) = 0;

  /// The first record of a relation that ReadCsv returned for which `condition` is true, and its
  /// value in `column`; for messages, and slow. Nothing if there is none.
  virtual std::optional<RecordOrigin> Locate(const Relation& csv,
                                             const sql::ExpressionPtr& condition,
                                             const std::string& column) = 0;

  /// Writes all rows. Nothing is promised of the order unless one file is asked for. CSV is Spark's
  /// text (spec E.2), with a header line in each file.
  virtual WriteResult Write(const Relation& input, const WriteOptions& options) = 0;

  /// Reads small nested tables whole: the columns of `layout` (its values are empty) from Parquet
  /// files, one after another. Throws Error(kInvalidArgument), naming file and column, for a column
  /// that is missing, of a type with values that the wanted one lacks, or null.
  virtual RecordTable ReadRecords(const std::vector<std::string>& files,
                                  const RecordTable& layout) = 0;
  /// Writes a nested table as one Parquet file, its rows in order.
  virtual WriteResult WriteRecords(const RecordTable& table, const WriteOptions& options) = 0;

  /// Makes the running call fail soon with Error(kInterrupted). Async-signal-unsafe; any thread.
  virtual void Interrupt() = 0;
};

}  // namespace firesteel
