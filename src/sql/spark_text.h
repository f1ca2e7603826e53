#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "table/data_type.h"

/// Text to value and back exactly as Spark 4.3 does it (casts, CSV reading and writing). Pure
/// functions: the engine registers them where its own conversions differ, the tests compare them
/// with Spark.
namespace firesteel::sql {

/// CAST(text AS BIGINT): blanks and control characters around it ignored, a sign, digits. Nothing
/// if malformed or out of range.
std::optional<std::int64_t> ParseLong(std::string_view text);
/// CAST(text AS DOUBLE): what Java's Double.parseDouble takes (suffixes d and f and hexadecimal
/// with an exponent included), plus inf, infinity, nan in any case.
std::optional<double> ParseDouble(std::string_view text);
/// CAST(text AS FLOAT), rounded once.
std::optional<float> ParseFloat(std::string_view text);
std::optional<bool> ParseBoolean(std::string_view text);
/// Days since 1970-01-01 of CAST(text AS DATE): yyyy[yyy][-[m]m[-[d]d]] and what may follow.
std::optional<std::int32_t> ParseDate(std::string_view text);
/// Days since 1970-01-01 by a pattern of y, yy, yyyy, M, MM, d, dd and literal separators
/// ("M/d/yy", "yyyy-MM-dd", "dd.MM.yyyy"); blanks around the text are ignored. yy means 2000 to
/// 2099; a single letter takes any number of digits, a doubled one exactly two. A month or day that
/// the pattern lacks is the first. Nothing if the text does not match in full or the day does not
/// exist.
std::optional<std::int32_t> ParseDate(std::string_view text, std::string_view pattern);
/// The same as to_date(text, pattern) of Spark SQL has it: blanks around the text do not match.
std::optional<std::int32_t> ParseDateExactly(std::string_view text, std::string_view pattern);
/// Throws Error(kUsage) that says what of `pattern` is not supported.
void CheckDatePattern(std::string_view pattern);

/// Java's Double.toString with the shortest digits: "15.0", "1.0E-5", "NaN", "-Infinity".
std::string FormatDouble(double value);
/// The same for a float.
std::string FormatFloat(float value);
/// "2021-10-21"; years beyond 9999 get a sign.
std::string FormatDate(std::int32_t days);
/// The date by a pattern as CheckDatePattern accepts it: date_format of Spark SQL.
std::string FormatDate(std::int32_t days, std::string_view pattern);

/// What a CSV field may be read as when a column's type is inferred (spec E.1), as a set of bits.
/// The type of a column is the narrowest in the intersection over its non-null fields.
enum CsvKind : std::uint8_t {
  kCsvInt = 1,
  kCsvLong = 2,
  kCsvDecimal = 4,
  kCsvDouble = 8,
  kCsvDate = 16,
  kCsvTimestamp = 32,
  kCsvBoolean = 64,
  kCsvString = 128,  // Always set.
};
std::uint8_t ClassifyCsvField(std::string_view text);

/// The double of a CSV field as Spark's reader sees it: ParseDouble's forms, but of infinity and
/// NaN only Inf, -Inf, Infinity, NaN as spelled here, signs allowed as Java allows them.
std::optional<double> ParseCsvDouble(std::string_view text);
/// Microseconds since 1970-01-01 UTC of a CSV timestamp field; a field without a zone is in UTC.
/// Zones are Z, UTC, GMT and offsets. A field without a date ("12:30") is of the day it is read on,
/// as in Spark. Differs: Spark knows zones by their names as well (Europe/Berlin, PST); such fields
/// are strings here.
std::optional<std::int64_t> ParseCsvTimestamp(std::string_view text);

/// A string value as Spark's CSV writer prints it (spec E.2): trimmed, quoted and escaped only
/// where needed, `""` if empty.
std::string FormatCsvString(std::string_view text);

}  // namespace firesteel::sql
