#include "sql/calendar.h"

namespace firesteel::sql {
namespace {

constexpr std::int64_t kDaysIn400Years = 146097;
// From 0000-03-01 to 1970-01-01.
constexpr std::int64_t kDaysToEpoch = 719468;

std::int64_t FloorDiv(std::int64_t a, std::int64_t b) {
  const std::int64_t quotient = a / b;
  return a % b < 0 ? quotient - 1 : quotient;
}

}  // namespace

bool IsLeapYear(std::int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int DaysInMonth(std::int64_t year, int month) {
  if (month == 2) return IsLeapYear(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Years are counted from March, so that the leap day comes last: month m of such a year (March is
// 0) starts on day (153 m + 2) / 5.
std::int64_t DaysFromCivil(const CivilDate& date) {
  const std::int64_t year = date.month <= 2 ? date.year - 1 : date.year;
  const std::int64_t month = date.month <= 2 ? date.month + 9 : date.month - 3;
  const std::int64_t era = FloorDiv(year, 400);
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;
  return era * kDaysIn400Years + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
         day_of_year - kDaysToEpoch;
}

CivilDate CivilFromDays(std::int64_t days) {
  const std::int64_t shifted = days + kDaysToEpoch;
  const std::int64_t era = FloorDiv(shifted, kDaysIn400Years);
  const std::int64_t day_of_era = shifted - era * kDaysIn400Years;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month = (5 * day_of_year + 2) / 153;
  CivilDate date;
  date.day = static_cast<int>(day_of_year - (153 * month + 2) / 5 + 1);
  date.month = static_cast<int>(month < 10 ? month + 3 : month - 9);
  date.year = era * 400 + year_of_era + (date.month <= 2 ? 1 : 0);
  return date;
}

std::optional<std::int32_t> CheckedDays(std::int64_t year, std::int64_t month, std::int64_t day) {
  if (year < -6'000'000 || year > 6'000'000 || month < 1 || month > 12 || day < 1) {
    return std::nullopt;
  }
  const int checked_month = static_cast<int>(month);
  if (day > DaysInMonth(year, checked_month)) return std::nullopt;
  const std::int64_t days = DaysFromCivil({year, checked_month, static_cast<int>(day)});
  // DuckDB keeps the outermost values for its infinite dates.
  if (days <= -INT32_MAX || days >= INT32_MAX) return std::nullopt;
  return static_cast<std::int32_t>(days);
}

}  // namespace firesteel::sql
