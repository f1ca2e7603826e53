#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/engine.h"
#include "engine/spark/connect/connect_client.h"
#include "engine/spark/connect/spark_remote.h"
#include "engine/spark/local_server.h"
#include "storage/s3_settings.h"

namespace firesteel {

struct SparkOptions {
  SparkRemote remote = {};
  int num_threads = 0;                  // Of this process; 0: as many as it may use.
  std::int64_t memory_limit_bytes = 0;  // Of this process; 0: not said.
  std::string temp_directory = {};
  /// How S3 is reached, asked when it is first needed; null: not at all.
  std::function<S3Settings()> s3 = {};
  ConnectTuning tuning = {};
  /// The server behind `remote`, if it was started for this engine: let go of after the session.
  std::shared_ptr<LocalServer> local_server = nullptr;
};

/// Opens an engine on a Spark Connect server. Rows stay on the cluster; what comes back are counts,
/// distinct values and cells. Small files of models and the footers of Parquet files are read here,
/// by an engine of this process. Local paths must be the same on both sides. Throws
/// Error(kUnavailable or kDenied) if there is no such server.
std::unique_ptr<Engine> OpenSpark(const SparkOptions& options);

}  // namespace firesteel
