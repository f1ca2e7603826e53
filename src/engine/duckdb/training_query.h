#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/duckdb/view_origin.h"
#include "engine/duckdb/views.h"
#include "engine/engine.h"

namespace firesteel::duckdb {

/// One column of features as a query computes it.
struct FeaturePart {
  enum class Kind {
    kNumber,  // A DOUBLE.
    kOneHot,  // A DOUBLE: the index of the slot that holds 1, as ml_functions.h has it.
    kVector,  // kVectorSqlType.
  };

  std::string column;  // For messages.
  std::string sql;
  Kind kind = Kind::kNumber;
  std::size_t width = 1;  // Slots: the vector's length, 1 for a number.
};

/// Parts as arguments of a function.
std::string PartsSql(std::span<const FeaturePart> parts);

/// A TrainingView said in SQL. A vector that the relation makes of other columns is not made only
/// to be taken apart again: the parts are what it would be assembled from. A row's vector is null
/// if any of the parts is.
struct TrainingQuery {
  std::vector<FeaturePart> parts;  // At least one; side by side they are the features.
  std::string label;               // DOUBLE.
  std::optional<std::string> weight;
  std::string source;  // What follows FROM.
};

/// Throws Error(kInvalidArgument) for a column of the wrong type.
TrainingQuery MakeTrainingQuery(const Relation& input, const TrainingView& view, const Views& views,
                                const ViewOrigins& origins);

}  // namespace firesteel::duckdb
