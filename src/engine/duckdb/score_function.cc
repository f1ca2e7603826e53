#include "engine/duckdb/score_function.h"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "engine/duckdb/types.h"
#include "engine/duckdb/vector_column.h"

namespace firesteel::duckdb {
namespace {

struct ScoreState {
  std::string column;
  std::size_t width;
  RowFunction function;
  std::shared_ptr<ErrorSlot> errors;
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

void Score(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const auto* state = static_cast<const ScoreState*>(duckdb_scalar_function_get_extra_info(info));
  try {
    ScoreChunk(*state, input, output);
  } catch (const Error& error) {
    state->errors->Put(error);
    duckdb_scalar_function_set_error(info, error.what());
  } catch (const std::exception& error) {
    state->errors->Put(Error(ErrorKind::kInternal, error.what()));
    duckdb_scalar_function_set_error(info, error.what());
  }
}

}  // namespace

void RegisterScoreFunction(Connection* connection, const std::string& name,
                           const std::string& column, std::size_t width, RowFunction function) {
  const LogicalType vector = MakeVectorType(), number(DUCKDB_TYPE_DOUBLE);
  duckdb_scalar_function scalar = duckdb_create_scalar_function();
  duckdb_scalar_function_set_name(scalar, name.c_str());
  duckdb_scalar_function_add_parameter(scalar, vector.get());
  duckdb_scalar_function_set_return_type(scalar, number.get());
  duckdb_scalar_function_set_special_handling(scalar);
  duckdb_scalar_function_set_extra_info(
      scalar, new ScoreState{column, width, std::move(function), connection->error_slot()},
      [](void* state) { delete static_cast<ScoreState*>(state); });
  duckdb_scalar_function_set_function(scalar, Score);
  const duckdb_state state = duckdb_register_scalar_function(connection->get(), scalar);
  duckdb_destroy_scalar_function(&scalar);
  if (state == DuckDBError) {
    throw Error(ErrorKind::kInternal, fmt::format("DuckDB did not register {}", name));
  }
}

}  // namespace firesteel::duckdb
