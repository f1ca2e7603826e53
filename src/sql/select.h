#pragma once

#include <string>
#include <vector>

#include "sql/expression.h"
#include "table/schema.h"

namespace firesteel::sql {

/// One entry of a SELECT list: `*` (no expression), or an expression with the name of its column.
struct SelectItem {
  ExpressionPtr expression;  // Null for `*`.
  std::string name;  // As the statement spells it; the parser fills it in for a bare column.
};

/// `SELECT items FROM __THIS__ [WHERE condition]`: all that a SQLTransformer, a workflow's derived
/// column and a fitted stage need. There is one input, so column names carry no table.
struct Select {
  std::vector<SelectItem> items;
  ExpressionPtr where;  // Null if there is none.
};

/// A Select whose names and types are settled against the schema of its input.
struct ResolvedSelect {
  std::vector<ExpressionPtr> columns;  // Resolved, `*` expanded.
  Schema schema;  // Same length; a bare column keeps its attributes, an expression has none.
  ExpressionPtr where;
};

}  // namespace firesteel::sql
