#pragma once

#include "engine/duckdb/functions/scalar_udf.h"

namespace firesteel::duckdb {

/// Registers, if it is wanted, `fs_csv_line(value, …) -> VARCHAR`: a line of CSV as Spark writes it
/// (spec E.2), without its end. A value is a VARCHAR, BOOLEAN, TINYINT, SMALLINT, INTEGER, BIGINT,
/// FLOAT or DOUBLE; null is an empty field.
void RegisterCsvLineFunction(const udf::Registrar& registrar);

}  // namespace firesteel::duckdb
