#include "features/vector_scan.h"

#include <fmt/format.h>

#include "base/error.h"
#include "features/append_columns.h"

namespace firesteel {

std::size_t ScanVectors(Engine& engine, const Relation& input, const std::string& column,
                        const std::function<void(MatrixView<const double> rows)>& visitor) {
  const Field& field = VectorInput(input.schema(), column);
  const std::size_t size = VectorSize(field);
  const sql::ExpressionPtr is_null = sql::IsNull(sql::Column(field.name));
  const std::int64_t num_nulls = engine.CountWhere(input, {&is_null, 1}).front();
  if (num_nulls > 0) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("column '{}' is null in {} rows, a scaler can't be fitted on them: "
                            "drop the rows before",
                            column, num_nulls));
  }
  std::size_t num_rows = 0;
  engine.Scan(input, {{field.name, size}}, [&](MatrixView<const double> rows) {
    num_rows += rows.num_rows();
    visitor(rows);
  });
  if (num_rows == 0) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("column '{}' has no rows to fit a scaler on", column));
  }
  return size;
}

RowCheck NullVectorCheck(const Field& field) {
  return {sql::IsNull(sql::Column(field.name)), sql::Literal("null"), field.name, "is null",
          "drop such rows before the stage"};
}

}  // namespace firesteel
