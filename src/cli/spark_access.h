#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/spark_flags.h"
#include "engine/engine.h"
#include "storage/s3_settings.h"

namespace firesteel {

/// What a step asks of an engine on Spark.
struct SparkSetup {
  SparkRequest request;
  int num_threads = 0;                  // 0: not said.
  std::int64_t memory_limit_bytes = 0;  // 0: not said.
  std::string temp_directory = {};
  std::function<S3Settings()> s3 = {};
  std::function<void()> check = {};  // Called now and then while it opens; throws to give it up.
};

/// How this program comes to Spark. gRPC and all that goes with it is linked into a program of its
/// own, firesteel-spark, so that nothing else loads it; that program fills this in. All null: not
/// at all.
struct SparkAccess {
  /// Throws Error(kUsage) for what no server could be reached with; opens nothing.
  std::function<void(const SparkRequest& request)> check = {};
  /// Opens an engine. Destroying it releases the session and stops a server that was started.
  std::function<std::unique_ptr<Engine>(const SparkSetup& setup)> open = {};
  /// Ends servers that were started at once, before an exit that destroys no engine. Any thread.
  std::function<void()> abandon = {};
};

/// Sets what TheSparkAccess returns: once, at start.
void ProvideSparkAccess(SparkAccess access);
const SparkAccess& TheSparkAccess();

/// Becomes firesteel-spark, the program beside this one, with the same arguments, if this program
/// has no access to Spark and that one is there; else returns.
void BecomeSparkProgram(const std::vector<std::string>& arguments);
/// Throws Error(kUnsupported) that says that this build has no Spark, if so.
void RequireSparkAccess();

}  // namespace firesteel
