#pragma once

#include <cstdint>
#include <string>

namespace firesteel {

/// What --engine auto decides from.
struct EngineSizes {
  std::int64_t input_bytes = 0;
  std::int64_t memory_bytes = 0;      // That data may take in this process.
  std::int64_t free_spill_bytes = 0;  // Where data spill to beyond it.
};

struct EngineChoice {
  bool is_spark = false;
  std::string reason;  // With the numbers, for the log.
};

/// Spark if the inputs are more than four times the memory, or don't fit into memory and are more
/// than what is free to spill to; else this process, which is quicker by far on what it can hold.
EngineChoice ChooseEngine(const EngineSizes& sizes);

/// "1.5 GB", with units of 1000.
std::string BytesText(std::int64_t bytes);

}  // namespace firesteel
