#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/duckdb/views.h"
#include "engine/engine.h"
#include "sql/select.h"

namespace firesteel::duckdb {

/// What the columns of a view are, said over a relation further down: the table or file that views
/// on views begin with, unless the expressions would grow too large on the way.
struct ViewOrigin {
  Relation base;
  std::vector<sql::ExpressionPtr> columns;  // Resolved over `base`; one for each of the view.
  sql::ExpressionPtr where;                 // Resolved; null if there is none.
};

/// By the name of the relation.
using ViewOrigins = std::map<std::string, ViewOrigin>;

/// The origin of a view that applies `select` to `input`.
ViewOrigin OriginOf(const Relation& input, const sql::ResolvedSelect& select,
                    const ViewOrigins& views);

/// `FROM base [WHERE …]` without the FROM.
std::string SourceSql(const ViewOrigin& origin, const Views& views);

/// Whether an expression is a call of `function` (ml_functions.h).
bool IsCallOf(const sql::Expression& expression, std::string_view function);

/// How a view's rows are kept without storing the vectors that are made of other columns: what they
/// are made of takes less room and time than their structs and lists.
struct KeepPlan {
  std::vector<sql::ExpressionPtr> stored;   // Over the view's base.
  Schema schema;                            // Of the stored columns.
  std::vector<sql::ExpressionPtr> columns;  // The view's columns over the stored ones.
};

/// Nothing if no column is such a vector.
std::optional<KeepPlan> PlanToKeep(const ViewOrigin& origin);

}  // namespace firesteel::duckdb
