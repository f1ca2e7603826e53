#include "features/append_columns.h"

#include <fmt/format.h>

#include "base/error.h"

namespace firesteel {

StagePlan AppendColumns(const Schema& input, const std::vector<NewColumn>& columns) {
  StagePlan plan;
  plan.select.items.push_back({nullptr, ""});
  for (const NewColumn& column : columns) {
    if (input.Find(column.name)) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("output column '{}' already exists in the input: choose another name",
                              column.name));
    }
    plan.select.items.push_back({column.expression, column.name});
    plan.attributes.emplace_back(column.name, column.attributes);
    plan.nullable.emplace_back(column.name, column.nullable);
  }
  return plan;
}

const Field& NumericInput(const Schema& input, std::string_view column) {
  const Field& field = input.Get(column);
  if (!field.type.IsNumeric()) {
    throw Error(ErrorKind::kInvalidArgument, fmt::format("column '{}' must be numeric, it is {}",
                                                         column, field.type.ToString()));
  }
  return field;
}

const Field& VectorInput(const Schema& input, std::string_view column) {
  const Field& field = input.Get(column);
  if (field.type != kVectorType) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("column '{}' must be a vector, it is {}: assemble it first", column,
                            field.type.ToString()));
  }
  return field;
}

std::size_t VectorSize(const Field& field) {
  if (const auto* group = std::get_if<AttributeGroup>(&field.attributes)) return group->size;
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("vector column '{}' has no ML attributes, so its length is not known: "
                          "make it by a VectorAssembler or OneHotEncoder stage of this pipeline, "
                          "or add attributes with Spark's VectorSizeHint",
                          field.name));
}

sql::ExpressionPtr AsDouble(const Field& field) {
  const sql::ExpressionPtr column = sql::Column(field.name);
  return field.type == kDoubleType ? column : sql::Cast(column, kDoubleType);
}

sql::ExpressionPtr IsNan(const Field& field) {
  if (field.type != kDoubleType && field.type != kFloatType) return nullptr;
  return sql::Call("isnan", {AsDouble(field)});
}

}  // namespace firesteel
