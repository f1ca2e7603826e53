#pragma once

#include "sql/select.h"

namespace firesteel::sql {

/// Finds the columns of `expression` in `input` (ignoring case, as Spark), gives every node its
/// type by Spark's ANSI rules and writes each implicit conversion out as a cast, so that both
/// dialects print the same computation. Throws Error(kNotFound) for an unknown column,
/// Error(kInvalidArgument) for types that do not fit, Error(kUnsupported) for an unknown function;
/// each with the position in the text.
ExpressionPtr Resolve(const ExpressionPtr& expression, const Schema& input);

/// Resolves a whole statement. A repeated output name is an error.
ResolvedSelect Resolve(const Select& select, const Schema& input);

}  // namespace firesteel::sql
