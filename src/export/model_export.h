#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "sparkml/model_directory.h"
#include "sql/print.h"

namespace firesteel {

enum class ExportFormat { kSql, kJson, kOnnx };

struct ExportOptions {
  ExportFormat format = ExportFormat::kSql;
  sql::Dialect dialect = sql::Dialect::kDuckDb;  // Of SQL.
  std::string table = "features";                // That the SQL reads.
};

struct ExportedModel {
  std::string bytes;         // What goes into the file.
  std::size_t num_rows = 0;  // With how many rows it was tried.
};

/// Runs statements of DuckDB's in a new database, one after another, and returns the first column
/// of the last one, null as NaN.
using SqlRunner = std::function<std::vector<double>(const std::vector<std::string>& statements)>;

/// Writes a model in a form that others score with, and tries it: what is written is read back
/// (SQL: run by `run_sql`, in DuckDB's dialect even if Spark's is asked for) and must predict what
/// the model does for some hundred rows, missing values and values at thresholds among them. Throws
/// Error(kUnsupported) for models that are no sum of trees and for features that SQL could not
/// name, Error(kInternal) if the predictions are others.
ExportedModel ExportModel(const SavedModel& saved, const ExportOptions& options,
                          const SqlRunner& run_sql);

}  // namespace firesteel
