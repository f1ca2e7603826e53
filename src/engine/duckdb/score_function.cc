#include "engine/duckdb/score_function.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "engine/duckdb/stateful_function.h"
#include "engine/duckdb/types.h"
#include "engine/duckdb/vector_column.h"

namespace firesteel::duckdb {
namespace {

struct ScoreState {
  ScoreOptions options;
  RowFunction function;
};

void ScoreChunk(const ScoreState& state, duckdb_data_chunk input, duckdb_vector output) {
  const idx_t num_rows = duckdb_data_chunk_get_size(input);
  const auto& [column, width] = state.options.features;
  const VectorColumn vectors(VectorView(duckdb_data_chunk_get_vector(input, 0)));
  udf::NullWriter nulls(output);
  thread_local std::vector<double> rows;
  rows.resize(num_rows * width);
  for (idx_t row = 0; row < num_rows; ++row) {
    const std::span<double> numbers(rows.data() + row * width, width);
    if (!vectors.IsValid(row) && state.options.null_for_null) {
      nulls.SetNull(row);
      std::fill(numbers.begin(), numbers.end(), std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    if (!vectors.IsValid(row)) {
      throw Error(
          ErrorKind::kInvalidArgument,
          fmt::format("column '{}' has a null vector, for which nothing can be predicted; remove "
                      "such rows or fill their features",
                      column));
    }
    if (!vectors.IsSound(row) || vectors.Length(row) != width) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("column '{}' has a vector of {} numbers where the model expects {}",
                              column, vectors.IsSound(row) ? vectors.Length(row) : 0, width));
    }
    vectors.CopyDense(row, numbers);
  }
  state.function(MatrixView<const double>(rows.data(), num_rows, width),
                 {static_cast<double*>(duckdb_vector_get_data(output)), num_rows});
}

}  // namespace

void RegisterScoreFunction(Connection* connection, const std::string& name,
                           const ScoreOptions& options, RowFunction function) {
  const LogicalType arguments[] = {MakeVectorType()};
  RegisterStatefulFunction<ScoreChunk>(connection, name, arguments, LogicalType(DUCKDB_TYPE_DOUBLE),
                                       ScoreState{options, std::move(function)});
}

}  // namespace firesteel::duckdb
