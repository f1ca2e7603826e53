#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/spark/plans.h"
#include "sql/resolve.h"

namespace firesteel {

/// The rows of a table by another way than Spark's vectors: each number of a vector is SQL over the
/// structs that files hold. Spark reads the parts of those many rows at a time, and no more of them
/// than a query asks for, where each vector that it makes or takes apart is a call of a function
/// for each row. Names of columns are in lower case.
struct VectorSlots {
  spark_plans::Plan plan;              // Columns that are no vectors have their names.
  std::set<std::string> structs = {};  // Vectors that the plan has as structs.
  /// Vectors that were assembled: the SQL of each number, null where there is none.
  std::map<std::string, std::vector<std::string>> assembled = {};
  /// What Engine::Require began on the way and the plan does not observe: met if all numbers of the
  /// one assembled vector are there, neither null nor NaN.
  std::optional<std::string> requirement = {};
  std::set<std::string> required = {};  // Columns that it looks into and that wait for that one.
};

/// Parquet files whose schema is Spark's JSON.
VectorSlots SlotsOfFiles(const std::vector<std::string>& files, const std::string& schema_json,
                         const Schema& schema);

// The same after a verb of the engine; nothing where it can't be said in this way.

/// `conditions` of Engine::Require, which must be that columns are null or NaN.
std::optional<VectorSlots> SlotsOfRequired(const VectorSlots& input, const std::string& requirement,
                                           std::span<const sql::ExpressionPtr> conditions);
/// A VectorAssembler that refuses nulls.
std::optional<VectorSlots> SlotsOfStages(const VectorSlots& input, const Schema& schema,
                                         std::span<const SparkStage> stages);
std::optional<VectorSlots> SlotsOfQuery(const VectorSlots& input, const Schema& schema,
                                        const sql::ResolvedSelect& select);

/// The SQL of each number of a vector column, null in a row whose vector has another length.
/// Nothing if the column is not among them or not that wide.
std::optional<std::vector<std::string>> NumbersOf(const VectorSlots& slots, std::string_view column,
                                                  std::size_t width);

}  // namespace firesteel
