#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/spark/plans.h"
#include "engine/spark/vector_slots.h"

namespace firesteel {

/// Rows with their predictions, known here: what ScanCounted gives.
struct CountedRows {
  std::vector<double> values = {};  // Shape (n, columns); NaN where there is none.
  std::vector<std::int64_t> counts = {};
  std::map<std::string, std::size_t> columns = {};  // Position of each, by its name in lower case.

  std::size_t num_columns() const { return counts.empty() ? 0 : values.size() / counts.size(); }
};

/// A relation as the Spark engine has it. A vector column is an array of doubles in the plan, as
/// SQL text can only compute those, until it is written; one that Spark itself made or read and
/// that nothing has looked into is still a vector.
struct SparkTable {
  spark_plans::Plan plan = {};
  std::set<std::string> vectors = {};  // Columns that are vectors in the plan, in lower case.
  std::optional<std::int64_t> num_rows = {};  // Where footers said it.
  std::optional<VectorSlots> slots = {};      // Another way to the numbers of vectors.
  bool parses_text = false;   // Rows that each use parses from text, and much of it.
  bool is_looked_up = false;  // Predictions that take no longer to compute than to keep.
  std::optional<CountedRows> counted = {};  // Its rows, for some of its columns.
  /// Files of ours or others that a reader in this process knows, too.
  std::optional<Relation> local = {};
  std::optional<CsvSource> csv = {};
  std::vector<std::string> files = {};  // Of csv or Parquet, in their order.
  /// Of files: what reads them, and how `plan` makes its columns of that. Where a row stood is
  /// known to a projection of the reader alone.
  spark_plans::Plan reader = {};
  std::vector<spark_plans::ProjectedColumn> columns = {};
};

/// The plan of a table of files with more columns, which may look at Spark's `_metadata`.
spark_plans::Plan WithOrigin(const SparkTable& table,
                             const std::vector<spark_plans::ProjectedColumn>& more);

/// The columns of `schema` as a projection, each as it is but for vectors, which are put through
/// `function` where `vectors` says that the plan has them the other way.
spark_plans::Plan WithArrays(const SparkTable& table, const Schema& schema,
                             const std::set<std::string>& wanted);
/// All vector columns as Spark's vectors, with the metadata that the JSON of a schema has (empty:
/// none).
spark_plans::Plan WithVectors(const SparkTable& table, const Schema& schema,
                              const std::string& schema_json);

}  // namespace firesteel
