#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/spark/connect/spark_remote.h"

namespace firesteel {

struct LocalServerOptions {
  std::string master = {};  // Empty: local[*], or local[num_threads].
  std::vector<std::pair<std::string, std::string>> settings = {};  // Of Spark.
  int num_threads = 0;                                             // 0: all.
  std::int64_t memory_bytes = 0;     // With a local master: of Spark's process. 0: Spark's own.
  std::function<void()> check = {};  // Called while it starts; throws to give it up.
  std::chrono::milliseconds patience{120'000};  // Until it listens.
  std::chrono::milliseconds grace{8'000};       // To end in an orderly way, before it is killed.
};

/// A Spark Connect server of a Spark that is installed on this machine: on a port of the loopback
/// interface that was free, for whoever knows a random token, which stands in the environment of
/// its process alone. It ends when this object goes or this process ends, however it ends.
///
/// Spark is found by SPARK_HOME, else as spark-submit on PATH, else as the package pyspark of the
/// python3 on PATH. Its files go to a folder in the scratch folder, its log too (server.log).
class LocalServer {
 public:
  /// Returns when the server listens. Throws Error(kUsage) where CheckLocalServer does or no Spark
  /// is found, Error(kUnsupported) if it has no Connect server, and Error(kUnavailable), with the
  /// last lines of its log, if it ends or does not listen in time.
  explicit LocalServer(const LocalServerOptions& options);
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  const SparkRemote& remote() const { return remote_; }

 private:
  class Process;

  SparkRemote remote_;
  std::unique_ptr<Process> process_;
};

/// Throws Error(kUsage) for settings that are the server's own matter. Starts nothing.
void CheckLocalServer(const LocalServerOptions& options);

/// Kills every server of this process at once. Threads: any.
void KillLocalServers();

}  // namespace firesteel
