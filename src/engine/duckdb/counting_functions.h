#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/duckdb/cell_keys.h"
#include "engine/duckdb/connection.h"
#include "engine/duckdb/group_counter.h"
#include "engine/duckdb/training_query.h"
#include "table/value_range.h"

namespace firesteel::duckdb {

/// The most groups that are counted in memory of our own; beyond, DuckDB groups, and spills.
inline constexpr std::size_t kMaxCountedGroups = std::size_t{1} << 18;

/// Counts the cells of a query's rows, each thread in a table of its own; the tables are added up.
struct CellCount {
  bool has_unusable = false;  // Some row is not usable; then `cells` is worth nothing.
  /// The words of the key, GroupBits of label and weight. Nothing if there are too many.
  std::optional<GroupCounter> cells;
};
CellCount CountCells(Connection* connection, const TrainingQuery& query,
                     std::span<const FeatureBins> bins);

/// For each of `features` GroupBits of value and weight; nothing for one that has too many.
std::vector<std::optional<GroupCounter>> CountValues(Connection* connection,
                                                     const TrainingQuery& query,
                                                     std::span<const std::size_t> features);

/// Counts rows of columns (SQL, DOUBLE; null counts as NaN) that are equal, as GroupBits. Nothing
/// if there are too many, or so many that grouping does not pay.
std::optional<GroupCounter> CountRows(Connection* connection, std::span<const std::string> columns,
                                      const std::string& source);

/// For each feature of a query its smallest and largest value; NaN for both if it has none.
std::vector<ValueRange> FindRanges(Connection* connection, const TrainingQuery& query);

}  // namespace firesteel::duckdb
