#pragma once

#include "engine/duckdb/functions/scalar_udf.h"

namespace firesteel::duckdb {

/// Registers, as far as they are wanted, the functions that sql/ml_functions.h promises for
/// vectors, as the DuckDB dialect spells them:
///   fs_one_hot(index DOUBLE, size INTEGER)
///   fs_assemble(a, …), each a DOUBLE or a vector
///   fs_constant_vector(value DOUBLE, size INTEGER)
///   fs_standard_scale(v, shift DOUBLE[], factor DOUBLE[], with_mean BOOLEAN)
///   fs_min_max_scale(v, min DOUBLE[], factor DOUBLE[], constant DOUBLE[], lower DOUBLE)
/// Each returns kVectorSqlType. A list that is not as long as the vector is an error.
void RegisterVectorFunctions(const udf::Registrar& registrar);

}  // namespace firesteel::duckdb
