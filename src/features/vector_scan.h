#pragma once

#include <functional>

#include "features/stage.h"

namespace firesteel {

/// Shows all values of a vector column, in row order, to `visitor`, (n, size) at a time, and
/// returns the vector's size. For stages that are fitted on one. Throws Error(kInvalidArgument),
/// naming the column, if a vector is null or there is no row.
std::size_t ScanVectors(Engine& engine, const Relation& input, const std::string& column,
                        const std::function<void(MatrixView<const double> rows)>& visitor);

/// The check of a scaler: no vector may be null.
RowCheck NullVectorCheck(const Field& field);

}  // namespace firesteel
