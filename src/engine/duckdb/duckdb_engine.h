#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/engine.h"

namespace firesteel {

struct DuckDbOptions {
  int num_threads = 0;                  // 0: as many as the process may use.
  std::int64_t memory_limit_bytes = 0;  // 0: DuckDB's own default, 80 % of memory.
  std::string temp_directory = {};      // Where larger-than-memory data spills; made when needed,
                                        // removed at the end.
};

/// Opens an in-memory DuckDB with the functions that sql/print.h's text calls. Only files of this
/// machine are reached, extensions are never loaded or fetched. Throws Error(kUsage) for options
/// DuckDB refuses.
std::unique_ptr<Engine> OpenDuckDb(const DuckDbOptions& options);

}  // namespace firesteel
