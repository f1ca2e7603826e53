#pragma once

#include <cstdint>
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

/// All rows of a relation as a training has seen them: features, label, and how many rows have
/// them.
struct SeenRows {
  ScanColumn features;
  std::string label;
  /// Where `values` stand for the bins of a training and not for themselves: those bins.
  std::vector<FeatureBins> bins = {};
  std::vector<double> values = {};  // Shape (n, width of features).
  std::vector<double> labels = {};  // Shape (n).
  std::vector<std::int64_t> counts = {};
};
/// The rows of cells, or the distinct rows themselves. Nothing if they take much memory.
std::optional<SeenRows> SeenInCells(const TrainingView& view, std::span<const FeatureBins> bins,
                                    const Cells& cells);
std::optional<SeenRows> SeenInRows(const TrainingView& view, const DistinctRows& rows);

/// What is known of the rows to score.
struct KnownRows {
  const SeenRows* seen = nullptr;  // They themselves, by a training; else null.
  bool are_alike = false;          // There are many rows of few kinds, as far as one can tell.
};

/// The table with predictions appended that are made here, one for each combination of bins
/// (`options.bins`) that its rows have, and looked up there by the bins of a row: a fraction of
/// what it takes Spark to call a function for each row. The combinations are those of `known.seen`,
/// if that tells them apart, or one job asks for them. `counted` comes with them where that is
/// known or costs nothing more. `slots` are the table's. Nothing if it can't be done so: a row with
/// a number that is missing or infinite or with another category, very many combinations or bins, a
/// second vector column.
std::optional<SparkTable> LookUpScores(ConnectClient* client, const SparkTable& table,
                                       const VectorSlots& slots, const KnownRows& known,
                                       const Schema& schema, const ScoreOptions& options,
                                       const RowFunction& function);

}  // namespace firesteel
