#pragma once

#include <string_view>

#include "sql/select.h"

namespace firesteel::sql {

/// Parses one expression of the workflow language: the subset of Spark SQL that docs/expressions.md
/// lists. Throws Error(kUsage) with line and column in `text`, what stands there and what was
/// expected; Error(kUnsupported), naming the construct, for SQL that is outside the subset.
ExpressionPtr ParseExpression(std::string_view text);

/// Parses `SELECT … FROM __THIS__ [WHERE …]`. Throws as ParseExpression does.
Select ParseSelect(std::string_view statement);

}  // namespace firesteel::sql
