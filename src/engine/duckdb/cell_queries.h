#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "engine/duckdb/connection.h"
#include "engine/duckdb/training_query.h"
#include "table/cells.h"

namespace firesteel::duckdb {

/// Engine::DistinctValues.
std::vector<std::vector<WeightedValue>> FindDistinctValues(Connection* connection,
                                                           const TrainingQuery& query,
                                                           std::span<const std::size_t> features);

/// Engine::MakeCells.
std::optional<Cells> GatherCells(Connection* connection, const TrainingQuery& query,
                                 std::span<const FeatureBins> bins);

/// Whether a feature, label or weight of any row is null, NaN or infinite.
bool HasUnusableRow(Connection* connection, const TrainingQuery& query);

}  // namespace firesteel::duckdb
