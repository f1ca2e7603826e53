#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/engine.h"
#include "storage/s3_settings.h"

namespace firesteel {

struct DuckDbOptions {
  int num_threads = 0;                  // 0: as many as the process may use.
  std::int64_t memory_limit_bytes = 0;  // 0: DuckDB's own default, 80 % of memory.
  std::string temp_directory = {};      // Where larger-than-memory data spills; made when needed,
                                        // removed at the end.
  /// How S3 is reached, asked once, when the first Parquet file on it is read; null: not at all.
  std::function<S3Settings()> s3 = {};
};

/// Opens an in-memory DuckDB with the functions that sql/print.h's text calls. Only files of this
/// machine are reached, and Parquet files on S3 (s3://bucket/key), in place, for which the
/// extension httpfs is loaded from beside the program; nothing is ever fetched. Throws
/// Error(kUsage) for options DuckDB refuses.
std::unique_ptr<Engine> OpenDuckDb(const DuckDbOptions& options);

}  // namespace firesteel
