#include "cli/engine_choice.h"

#include <fmt/format.h>

namespace firesteel {
namespace {

// Joins and sorts of a few times the memory spill to disk at its speed; beyond that each pass over
// the data costs as much as reading them, and a cluster reads with all of its machines.
constexpr std::int64_t kMostTimesMemory = 4;

}  // namespace

std::string BytesText(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
  double number = static_cast<double>(bytes);
  std::size_t unit = 0;
  // 999.95 would be shown as 1000.0.
  while (number >= 999.95 && unit + 1 < std::size(kUnits)) {
    number /= 1000.0;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} bytes", bytes);
  return fmt::format("{:.1f} {}", number, kUnits[unit]);
}

EngineChoice ChooseEngine(const EngineSizes& sizes) {
  const std::string input = BytesText(sizes.input_bytes);
  const std::string memory = BytesText(sizes.memory_bytes);
  const std::string spill = BytesText(sizes.free_spill_bytes);
  if (sizes.input_bytes / kMostTimesMemory > sizes.memory_bytes) {
    return {true, fmt::format("spark, as the inputs' {} are more than {} times the memory of {}",
                              input, kMostTimesMemory, memory)};
  }
  if (sizes.input_bytes <= sizes.memory_bytes) {
    return {false,
            fmt::format("duckdb, as the inputs' {} fit into the memory of {}", input, memory)};
  }
  if (sizes.input_bytes > sizes.free_spill_bytes) {
    return {true, fmt::format("spark, as the inputs' {} don't fit into the memory of {}, and only "
                              "{} are free to spill to",
                              input, memory, spill)};
  }
  return {false, fmt::format("duckdb, as the inputs' {} are no more than {} times the memory of "
                             "{}, and {} are free to spill to",
                             input, kMostTimesMemory, memory, spill)};
}

}  // namespace firesteel
