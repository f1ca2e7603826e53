#pragma once

#include <string>
#include <string_view>

#include "export/exported_forest.h"
#include "sql/print.h"

namespace firesteel {

/// Writes a query, without a semicolon, that appends the prediction to each row of `table`, whose
/// columns are the features by their names: numbers, NULL counting as NaN.
///
/// A tree is a CASE of at most kMaxSqlNesting levels. What lies deeper is a CASE of its own,
/// guarded by the tests on the way there and zero for all other rows: adding zero changes no sum.
/// So trees are added in their order, and the sum has the bits of the model's. In DuckDB, whose
/// expressions may be nested 1000 deep, a query adds at most kMaxSqlTerms and hands its sum to the
/// next; Spark, which merges such queries, and adds what it finds nested in them by Java methods of
/// at most 64 KB, gets a list that a lambda adds up in order.
///
/// `table` may be qualified, with points. Throws Error(kUnsupported) for features whose names can't
/// be columns of one table: both engines take names that differ in case alone for the same.
std::string WriteForestSql(const ExportedForest& forest, sql::Dialect dialect,
                           std::string_view table);

constexpr int kMaxSqlNesting = 16;
constexpr int kMaxSqlTerms = 64;

}  // namespace firesteel
