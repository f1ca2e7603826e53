#pragma once

#include <cstdint>
#include <optional>

/// The proleptic Gregorian calendar (as java.time has it) in plain arithmetic. Days count from
/// 1970-01-01.
namespace firesteel::sql {

struct CivilDate {
  std::int64_t year = 1970;
  int month = 1;  // 1 to 12.
  int day = 1;    // 1 to 31.
};

bool IsLeapYear(std::int64_t year);
int DaysInMonth(std::int64_t year, int month);

/// The day number of a date that exists.
std::int64_t DaysFromCivil(const CivilDate& date);
CivilDate CivilFromDays(std::int64_t days);

/// The day number if the date exists and fits Spark's and DuckDB's 32 bits.
std::optional<std::int32_t> CheckedDays(std::int64_t year, std::int64_t month, std::int64_t day);

}  // namespace firesteel::sql
