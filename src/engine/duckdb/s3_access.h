#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "engine/duckdb/connection.h"
#include "storage/s3_settings.h"

namespace firesteel::duckdb {

/// Lets a connection read objects of S3 in place, by DuckDB's httpfs extension. It only reads: a
/// COPY that fails half way would leave a broken object under the final key. Nothing is loaded
/// before the first object is asked for. Requests time out, and failed ones are repeated a bounded
/// number of times with growing waits. Threads: those of the connection.
class S3Access {
 public:
  /// Without `settings` nothing of S3 can be reached.
  S3Access(Connection* connection, std::function<S3Settings()> settings)
      : connection_(connection), find_settings_(std::move(settings)) {}

  /// Makes sure that those of `files` that are on S3 can be read. Throws Error(kUnsupported) if
  /// there are any and nothing of S3 can be reached, Error(kIo) if the extension is missing, and
  /// what finding credentials throws.
  void Reach(std::span<const std::string> files);

  /// Takes new credentials if those in use may end soon. To be called before statements that read.
  void Refresh();

 private:
  void Open();
  void FindCredentials();
  void CreateSecret(const std::string& bucket);

  Connection* connection_;
  std::function<S3Settings()> find_settings_;
  S3Settings settings_;
  S3Credentials credentials_;
  std::chrono::steady_clock::time_point found_ = {};
  bool is_open_ = false;
  std::set<std::string, std::less<>> buckets_;  // Those that have a secret.
};

/// Whether `message` is of httpfs, about an answer or the lack of one.
bool IsS3Error(std::string_view message);
/// The error that `message`, which httpfs gave, is to us. It names the object.
Error S3Error(std::string_view message);

}  // namespace firesteel::duckdb
