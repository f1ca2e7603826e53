#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "features/stage.h"

namespace firesteel {

/// A column that a stage appends to its input.
struct NewColumn {
  std::string name;
  sql::ExpressionPtr expression;
  ColumnAttributes attributes = {};
  bool nullable = true;
};

/// A plan that keeps every column of `input` and appends `columns` in order.
/// Throws Error(kInvalidArgument) if `input` has a column of such a name, in any letter case.
StagePlan AppendColumns(const Schema& input, const std::vector<NewColumn>& columns);

/// The field of an input column that must be numeric. Throws Error(kNotFound or kInvalidArgument).
const Field& NumericInput(const Schema& input, std::string_view column);
/// The same for a vector column.
const Field& VectorInput(const Schema& input, std::string_view column);
/// The length of a vector column by its attributes. Throws Error(kInvalidArgument) if it has none.
std::size_t VectorSize(const Field& field);

/// The column as a double: itself if it is one, else a cast.
sql::ExpressionPtr AsDouble(const Field& field);
/// Whether the column is NaN; nothing for a type that has no NaN.
sql::ExpressionPtr IsNan(const Field& field);

}  // namespace firesteel
