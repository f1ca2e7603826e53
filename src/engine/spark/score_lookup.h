#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/spark/connect/connect_client.h"
#include "engine/spark/spark_table.h"
#include "engine/spark/training_rows.h"
#include "table/cells.h"

namespace firesteel {

/// All rows of a relation as a training has seen them: their features, each combination at least
/// once.
struct SeenRows {
  std::string relation;  // Its name.
  ScanColumn features;
  /// Where `values` stand for the bins of a training and not for themselves: those bins.
  std::vector<FeatureBins> bins = {};
  std::vector<double> values = {};  // Shape (n, width of features).
};
/// The rows of cells, one for each combination of bins. Nothing if they are very many.
std::optional<SeenRows> SeenInCells(const Relation& relation, const ScanColumn& features,
                                    std::span<const FeatureBins> bins, const Cells& cells);
/// The distinct rows themselves. Nothing if they take much memory.
std::optional<SeenRows> SeenInRows(const Relation& relation, const ScanColumn& features,
                                   const DistinctRows& rows);

/// The table with predictions appended that are made here, one for each combination of bins
/// (`options.bins`) that its rows have, and looked up there by the bins of a row: a fraction of
/// what it takes Spark to call a function for each row. The combinations are those of `seen`, if
/// that is of the same rows (else null) and tells them apart, or one job asks for them. `slots` are
/// the table's. Nothing if it can't be done so: a row with a number that is missing or infinite or
/// with another category, very many combinations or bins, a second vector column.
std::optional<SparkTable> LookUpScores(ConnectClient* client, const SparkTable& table,
                                       const VectorSlots& slots, const SeenRows* seen,
                                       const Schema& schema, const ScoreOptions& options,
                                       const RowFunction& function);

}  // namespace firesteel
