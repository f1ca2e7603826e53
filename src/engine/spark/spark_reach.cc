#include "engine/spark/spark_reach.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/spark/plans.h"
#include "engine/spark/spark_files.h"
#include "storage/location.h"

namespace firesteel {

bool SparkReach::IsHere() {
  if (is_ours_) return true;
  // Of a server on loopback, too: one on the first machine of a cluster, or at the end of a tunnel.
  if (!on_loopback_) return false;
  if (!is_here_) is_here_ = client_.GetConfig("spark.master").value_or("").starts_with("local");
  return *is_here_;
}

bool SparkReach::ToS3() {
  if (!on_loopback_ && !is_ours_) return true;
  if (to_s3_) return *to_s3_;
  try {
    // A harmless function of the file system s3a, on an executor.
    client_.Query(spark_plans::Sql("SELECT java_method('org.apache.hadoop.fs.s3a.S3AUtils', "
                                   "'objectRepresentsDirectory', 'a/')"),
                  [](const ArrowRows&) {});
    to_s3_ = true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInvalidArgument) throw;
    LogDebug(fmt::format("Spark does not read S3 itself: {}", error.what()));
    to_s3_ = false;
  }
  return *to_s3_;
}

void SparkReach::RequireDirectory(const std::string& directory) {
  if (IsHere() || (!seen_.empty() && (directory + '/').starts_with(seen_ + '/'))) return;
  const std::string word = RandomUuid();
  const std::string file = fmt::format("{}/probe-{}.txt", directory, word);
  WriteTextFile(file, word + '\n');
  std::string problem;
  std::optional<std::string> read;
  try {
    const spark_plans::Plan plan =
        spark_plans::ReadFiles("text", {SparkPath(file)}, {}, "value STRING");
    client_.Query(plan, [&](const ArrowRows& rows) {
      if (rows.num_rows > 0) read = std::string(rows.columns.at(0).Text(0));
    });
  } catch (const Error& error) {
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
    if (error.kind() != ErrorKind::kInvalidArgument && error.kind() != ErrorKind::kIo) throw;
    problem = fmt::format(" ({})", error.what());
  }
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  if (read != word) {
    throw Error(
        ErrorKind::kInvalidArgument,
        fmt::format("Spark does not see this machine's files in '{}', so it can't write the "
                    "output there: give an output on s3://, or a path that all of Spark's "
                    "machines have in common{}",
                    directory, problem));
  }
  seen_ = directory;
}

}  // namespace firesteel
