#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/flags.h"

namespace firesteel {

/// What does the relational work.
enum class EngineKind { kDuckDb, kSpark, kAuto };

/// Which Spark, as the flags say it: text, since this folder knows nothing of Spark's clients.
struct SparkRequest {
  std::string remote;  // A URL, which may hold a token and is never shown. Empty: a server that is
                       // started on this machine.
  std::string given_by;  // The flag or variable that the remote is from, for messages.
  std::string ca_file;   // Empty: the system's certificates.
  // Of a server on this machine:
  std::string master;  // Empty: local[*], or as many threads as asked for.
  std::vector<std::pair<std::string, std::string>> settings;
};

struct EngineRequest {
  EngineKind kind = EngineKind::kDuckDb;
  std::optional<SparkRequest> spark;  // Always there for kSpark, never for kDuckDb.
};

/// --engine, --spark-remote, --spark-ca-file, --spark-master and --spark-conf: for every command
/// whose data an engine works on.
void AddSparkFlags(Flags* flags);

/// What these flags and SPARK_REMOTE say. Throws Error(kUsage) for flags that have no meaning
/// together, and for Spark without a remote. Never shows a remote or a setting's value.
EngineRequest ReadSparkFlags(const Flags& flags);

/// Whether the arguments of a command ask for Spark, or may come to it.
bool MayNeedSpark(const std::vector<std::string>& arguments);

}  // namespace firesteel
