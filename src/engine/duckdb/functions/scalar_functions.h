#pragma once

#include "engine/duckdb/functions/scalar_udf.h"

namespace firesteel {

/// Registers, as far as they are wanted, the scalar functions that sql/print.h's DuckDB text calls,
/// where DuckDB's own differ from Spark's or do not exist. Null for a null argument unless said
/// otherwise; errors carry Spark's error class in brackets. T is one of tinyint, smallint, int,
/// bigint.
///
///     fs_add_T, fs_subtract_T, fs_multiply_T (T, T) -> T       overflow is an error
///     fs_negate_T, fs_abs_T (T) -> T                           overflow is an error
///     fs_remainder_T, fs_pmod_T (T, T) -> T                    also for float and double; zero
///     divisor is an error fs_divide(double, double) -> double, fs_div(bigint, bigint) -> bigint
///     fs_sqrt, fs_cbrt, fs_exp, fs_ln, fs_log10, fs_log2, fs_sign, fs_sin, fs_cos, fs_tan,
///     fs_asin, fs_acos, fs_atan, fs_degrees, fs_radians (double) -> double; fs_pow, fs_log,
///     fs_atan2 (double, double) -> double fs_floor, fs_ceil (double) -> bigint; fs_round(double,
///     int) -> double; fs_isnan(double) -> boolean, false for null fs_double_to_T,
///     fs_try_double_to_T (double) -> T; fs_double_to_float(double) -> float fs_bigint_to_{tinyint,
///     smallint, int} (bigint) fs_string_to_X, fs_try_string_to_X (varchar) -> X        X: T,
///     float, double, boolean, date fs_double_to_string, fs_float_to_string, fs_date_to_string ->
///     varchar fs_upper, fs_lower, fs_reverse (varchar); fs_substring(varchar, int, int); fs_left,
///     fs_right, fs_repeat (varchar, int); fs_replace(varchar, varchar, varchar); fs_lpad, fs_rpad
///     (varchar, int, varchar) -> varchar fs_instr(varchar, varchar) -> int; fs_like(varchar,
///     varchar) -> boolean fs_to_date, fs_try_to_date (varchar, pattern varchar) -> date;
///     fs_date_format(date, pattern varchar) -> varchar fs_make_date(int, int, int) -> date;
///     fs_year, fs_quarter, fs_month, fs_day, fs_dayofweek, fs_weekday, fs_dayofyear, fs_weekofyear
///     (date) -> int; fs_datediff(date, date) -> int; fs_date_add, fs_date_sub, fs_add_months
///     (date, int) -> date; fs_last_day(date) -> date; fs_trunc(date, varchar) -> date
///     fs_csv_kinds(varchar) -> utinyint (sql::CsvKind bits); fs_csv_double(varchar) -> double;
///     fs_csv_timestamp(varchar) -> timestamp with time zone; null where the field is none;
///     fs_csv_string(varchar) -> varchar
///
/// Throws Error(kInternal) if DuckDB refuses one.
void RegisterScalarFunctions(const udf::Registrar& registrar);

}  // namespace firesteel
