#pragma once

#include <optional>
#include <string>

#include "engine/spark/connect/connect_client.h"

namespace firesteel {

/// Which files a Spark cluster sees of those that this process sees: found out by asking it, when
/// it matters and once.
class SparkReach {
 public:
  /// `on_loopback`: the server has an address of this machine. `is_ours`: this process started it.
  SparkReach(ConnectClient* client, bool on_loopback, bool is_ours)
      : client_(*client), on_loopback_(on_loopback), is_ours_(is_ours) {}

  /// Whether Spark is to read and write S3 itself. One that may run on other machines is, by its
  /// own settings (spark.hadoop.fs.s3a.*), as those see no file of ours; one on this machine only
  /// if it has what that takes (hadoop-aws), since local copies do otherwise.
  bool ToS3();
  /// Throws Error(kInvalidArgument) if Spark, which may run on other machines, does not see what
  /// lies in a local directory: one file with a random word is written there, read by Spark and
  /// removed. Directories below one that is seen are seen.
  void RequireDirectory(const std::string& directory);

 private:
  // Whether all of Spark runs on this machine.
  bool IsHere();

  ConnectClient& client_;
  const bool on_loopback_;
  const bool is_ours_;
  std::optional<bool> is_here_;
  std::optional<bool> to_s3_;
  std::string seen_;  // The directory that was seen last.
};

}  // namespace firesteel
