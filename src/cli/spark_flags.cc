#include "cli/spark_flags.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "cli/common_flags.h"

namespace firesteel {
namespace {

constexpr const char* kGroup = "Spark";
constexpr std::string_view kEngine = "--engine";
constexpr std::string_view kRemote = "--spark-remote";
constexpr std::string_view kCaFile = "--spark-ca-file";
constexpr std::string_view kMaster = "--spark-master";
constexpr std::string_view kConf = "--spark-conf";
constexpr const char* kRemoteVariable = "SPARK_REMOTE";

[[noreturn]] void Refuse(const std::string& message) { throw Error(ErrorKind::kUsage, message); }

// "local", or as PySpark has it, "local[2]", which names the master, too.
bool IsLocal(std::string_view remote) {
  return remote == "local" || (remote.starts_with("local[") && remote.ends_with(']'));
}

// "KEY=VALUE". A value may be a secret, so it is not shown.
std::pair<std::string, std::string> ReadSetting(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string key = text.substr(0, equals);
  if (equals == text.npos) {
    Refuse(fmt::format("{}: a setting needs a value; give one as in {} spark.driver.memory=4g",
                       kConf, kConf));
  }
  if (!key.starts_with("spark.") || key.find_first_of(" \t\n") != key.npos) {
    Refuse(
        fmt::format("{}: '{}' is no setting of Spark; their names begin with spark.", kConf, key));
  }
  return {key, text.substr(equals + 1)};
}

// The remote and where it is from; nothing if there is none.
std::optional<SparkRequest> FindRemote(const Flags& flags) {
  SparkRequest request;
  if (const auto value = flags.Get(kRemote)) {
    request.remote = *value;
    request.given_by = kRemote;
  } else if (const char* variable = std::getenv(kRemoteVariable);
             variable != nullptr && *variable != '\0') {
    request.remote = variable;
    request.given_by = kRemoteVariable;
  } else {
    return std::nullopt;
  }
  return request;
}

}  // namespace

void AddSparkFlags(Flags* flags) {
  flags->AddValue(kGroup, std::string(kEngine), "duckdb|spark|auto",
                  "What works on the rows: this process, a Spark cluster, or the one that suits "
                  "the size of the inputs (default: duckdb)");
  flags->AddValue(kGroup, std::string(kRemote), "URL|local",
                  "The cluster's Spark Connect server, as sc://host:15002/;use_ssl=true, or local: "
                  "one that is started on this machine and stopped at the end (default: "
                  "SPARK_REMOTE, the place for a URL with a token)");
  flags->AddValue(kGroup, std::string(kCaFile), "FILE",
                  "Certificates to trust instead of the system's, as PEM");
  flags->AddValue(kGroup, std::string(kMaster), "MASTER",
                  "With local: what Spark runs on (default: local[*], or as many threads as "
                  "--threads says)");
  flags->AddRepeatedValue(kGroup, std::string(kConf), "KEY=VALUE",
                          "With local: a setting of Spark; may be given more than once");
}

EngineRequest ReadSparkFlags(const Flags& flags) {
  EngineRequest request;
  const std::string engine = ReadChoice(flags, kEngine, {"duckdb", "spark", "auto"});
  if (engine == "duckdb") {
    for (const std::string_view flag : {kRemote, kCaFile, kMaster, kConf}) {
      if (flags.Has(flag)) Refuse(fmt::format("{} is for --engine spark or auto alone", flag));
    }
    return request;
  }
  request.kind = engine == "spark" ? EngineKind::kSpark : EngineKind::kAuto;
  request.spark = FindRemote(flags);
  if (!request.spark) {
    if (request.kind == EngineKind::kSpark) {
      Refuse(
          "--engine spark needs a server: give its URL (--spark-remote sc://host:15002), set "
          "SPARK_REMOTE to it, or have one started on this machine (--spark-remote local)");
    }
    for (const std::string_view flag : {kCaFile, kMaster, kConf}) {
      if (flags.Has(flag)) Refuse(fmt::format("{} needs --spark-remote or SPARK_REMOTE", flag));
    }
    return request;
  }
  SparkRequest& spark = *request.spark;
  if (!IsLocal(spark.remote)) {
    for (const std::string_view flag : {kMaster, kConf}) {
      if (!flags.Has(flag)) continue;
      Refuse(fmt::format("{} is for --spark-remote local alone; a server that runs has its own",
                         flag));
    }
    if (const auto file = flags.Get(kCaFile)) {
      if (::access(file->c_str(), R_OK) != 0) {
        Refuse(fmt::format("{}: the file '{}' can't be read", kCaFile, *file));
      }
      spark.ca_file = *file;
    }
    return request;
  }
  if (flags.Has(kCaFile)) {
    Refuse(fmt::format("{} is not for --spark-remote local, which needs no TLS", kCaFile));
  }
  if (spark.remote != "local") spark.master = spark.remote;
  if (const auto master = flags.Get(kMaster)) {
    if (!spark.master.empty() && spark.master != *master) {
      Refuse(fmt::format("{} and {} name different masters", kMaster, spark.given_by));
    }
    spark.master = *master;
  }
  for (const std::string& text : flags.GetAll(kConf)) spark.settings.push_back(ReadSetting(text));
  spark.remote.clear();
  return request;
}

bool MayNeedSpark(const std::vector<std::string>& arguments) {
  const std::optional<std::string> engine = FindFlagValue(arguments, kEngine);
  return engine == "spark" || engine == "auto";
}

}  // namespace firesteel
