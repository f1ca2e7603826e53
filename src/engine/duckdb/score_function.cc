#include "engine/duckdb/score_function.h"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "engine/duckdb/stateful_function.h"
#include "engine/duckdb/types.h"
#include "engine/duckdb/vector_column.h"

namespace firesteel::duckdb {
namespace {

struct ScoreState {
  std::string column;
  std::size_t width;
  RowFunction function;
};

void ScoreChunk(const ScoreState& state, duckdb_data_chunk input, duckdb_vector output) {
  const idx_t num_rows = duckdb_data_chunk_get_size(input);
  const VectorColumn vectors(VectorView(duckdb_data_chunk_get_vector(input, 0)));
  thread_local std::vector<double> rows;
  rows.resize(num_rows * state.width);
  for (idx_t row = 0; row < num_rows; ++row) {
    if (!vectors.IsValid(row)) {
      throw Error(
          ErrorKind::kInvalidArgument,
          fmt::format("column '{}' has a null vector, for which nothing can be predicted; remove "
                      "such rows or fill their features",
                      state.column));
    }
    if (!vectors.IsSound(row) || vectors.Length(row) != state.width) {
      throw Error(
          ErrorKind::kInvalidArgument,
          fmt::format("column '{}' has a vector of {} numbers where the model expects {}",
                      state.column, vectors.IsSound(row) ? vectors.Length(row) : 0, state.width));
    }
    vectors.CopyDense(row, {rows.data() + row * state.width, state.width});
  }
  state.function(MatrixView<const double>(rows.data(), num_rows, state.width),
                 {static_cast<double*>(duckdb_vector_get_data(output)), num_rows});
}

}  // namespace

void RegisterScoreFunction(Connection* connection, const std::string& name,
                           const std::string& column, std::size_t width, RowFunction function) {
  const LogicalType arguments[] = {MakeVectorType()};
  RegisterStatefulFunction<ScoreChunk>(connection, name, arguments, LogicalType(DUCKDB_TYPE_DOUBLE),
                                       ScoreState{column, width, std::move(function)});
}

}  // namespace firesteel::duckdb
