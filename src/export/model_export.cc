#include "export/model_export.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "export/exported_forest.h"
#include "export/forest_json.h"
#include "export/forest_onnx.h"
#include "export/sql_text.h"
#include "sparkml/model_verification.h"

namespace firesteel {
namespace {

// Of sums of 32 bits and logarithmic links, which engines compute in their own ways.
constexpr double kTolerance = 1e-6;

std::string DuckDbNumber(double value) {
  if (std::isnan(value)) return "CAST('NaN' AS DOUBLE)";
  if (std::isinf(value)) return value < 0.0 ? "CAST('-Inf' AS DOUBLE)" : "CAST('Inf' AS DOUBLE)";
  return fmt::format("CAST('{}' AS DOUBLE)", value);
}

// Statements that make a table of the rows and score it. NaN is NULL in every other row.
std::vector<std::string> ReplayStatements(const ExportedForest& forest,
                                          const VerificationRows& rows) {
  constexpr std::string_view kTable = "replay";
  constexpr sql::Dialect kDialect = sql::Dialect::kDuckDb;
  std::string columns = "firesteel_row BIGINT";
  for (const Attribute& feature : forest.features) {
    columns += fmt::format(", {} DOUBLE", sql::QuoteIdentifier(*feature.name, kDialect));
  }
  std::vector<std::string> tuples;
  for (std::size_t row = 0; row < rows.predictions.size(); ++row) {
    std::string tuple = fmt::format("({}", row);
    for (std::size_t i = 0; i < rows.num_features; ++i) {
      const double value = rows.features[row * rows.num_features + i];
      tuple += ", ";
      tuple += std::isnan(value) && row % 2 == 0 ? "NULL" : DuckDbNumber(value);
    }
    tuples.push_back(tuple + ")");
  }
  return {fmt::format("CREATE TABLE {} ({})", kTable, columns),
          fmt::format("INSERT INTO {} VALUES {}", kTable, Join(tuples, ", ")),
          fmt::format("SELECT {} FROM ({}) ORDER BY firesteel_row",
                      sql::QuoteIdentifier(forest.prediction, kDialect),
                      WriteForestSql(forest, kDialect, kTable))};
}

std::string WriteSql(const ExportedForest& forest, const ExportOptions& options) {
  const bool is_spark = options.dialect == sql::Dialect::kSpark;
  return fmt::format("-- A {} model of {} trees for {}, exported by firesteel.\n{}\n", forest.kind,
                     forest.trees.size(), is_spark ? "Spark" : "DuckDB",
                     WriteForestSql(forest, options.dialect, options.table));
}

}  // namespace

ExportedModel ExportModel(const SavedModel& saved, const ExportOptions& options,
                          const SqlRunner& run_sql) {
  const ExportedForest forest = MakeExportedForest(saved);
  const VerificationRows rows = MakeReplayRows(saved, forest);
  CheckReplay(forest, rows, PredictForest(forest, rows), kTolerance);
  ExportedModel exported{.bytes = {}, .num_rows = rows.predictions.size()};
  switch (options.format) {
    case ExportFormat::kSql:
      exported.bytes = WriteSql(forest, options);
      CheckReplay(forest, rows, run_sql(ReplayStatements(forest, rows)), kTolerance);
      break;
    case ExportFormat::kJson:
      exported.bytes = ForestToJson(forest, rows).dump() + '\n';
      CheckReplay(forest, rows, PredictForest(ForestFromJson(exported.bytes), rows), kTolerance);
      break;
    case ExportFormat::kOnnx:
      exported.bytes = ForestToOnnx(forest);
      CheckReplay(forest, rows, PredictForest(ForestFromOnnx(exported.bytes), rows), kTolerance);
      break;
  }
  return exported;
}

}  // namespace firesteel
