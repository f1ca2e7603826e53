#pragma once

#include <string>
#include <string_view>

#include "engine/duckdb/functions/scalar_udf.h"
#include "table/data_type.h"

namespace firesteel::duckdb {

/// Whether a CSV field that is not empty has a value of `type`: as the type's inference would have
/// it (spec E.1), and for byte, short and float the fields of int and double that are in range; a
/// decimal may have a fraction.
bool CsvFieldFits(std::string_view text, const DataType& type);

/// What the message of a conversion of CsvValueSql contains when a field does not fit.
inline constexpr std::string_view kCsvMisfit = "csv_field_does_not_fit";

/// SQL that converts the text of a field to `type`: null stays null, and the query ends with
/// kCsvMisfit for a field that does not fit.
std::string CsvValueSql(const std::string& text_sql, const DataType& type);

/// Registers what CsvValueSql's text calls, and fs_csv_line, as far as they are wanted.
void RegisterCsvFunctions(const udf::Registrar& registrar);

}  // namespace firesteel::duckdb
