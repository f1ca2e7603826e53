#pragma once

#include <cstdint>

namespace firesteel::cases {

/// Makes `count` random, typed expressions over a table of awkward values, evaluates them on DuckDB
/// row by row, and prints JSON lines: the table, then each expression as Spark SQL with its type
/// and values. The same seed makes the same expressions. Returns the exit code.
int PrintGenerated(int count, std::uint64_t seed);

}  // namespace firesteel::cases
