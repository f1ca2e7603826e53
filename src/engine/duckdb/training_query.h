#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "sql/select.h"

namespace firesteel::duckdb {

/// What a view of Engine::Query was made of.
struct ViewOrigin {
  Relation input;
  sql::ResolvedSelect select;
};

/// By the name of the relation.
using ViewOrigins = std::map<std::string, ViewOrigin>;

/// One column of features as a query computes it.
struct FeaturePart {
  std::string column;  // For messages.
  std::string sql;     // A DOUBLE or kVectorSqlType.
  bool is_vector = false;
  std::size_t width = 1;  // Slots: the vector's length, 1 for a number.
};

/// A TrainingView said in SQL. A vector that the relation assembles from other columns is not made
/// only to be taken apart again: the parts are what it would be assembled from. A row's vector is
/// null if any of the parts is.
struct TrainingQuery {
  std::vector<FeaturePart> parts;  // At least one; side by side they are the features.
  std::string label;               // DOUBLE.
  std::optional<std::string> weight;
  std::string source;  // What follows FROM.
};

/// Throws Error(kInvalidArgument) for a column of the wrong type.
TrainingQuery MakeTrainingQuery(const Relation& input, const TrainingView& view,
                                const ViewOrigins& views);

}  // namespace firesteel::duckdb
