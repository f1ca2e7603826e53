#include "cli/spark_access.h"

#include <unistd.h>

#include <utility>

#include "base/error.h"
#include "base/program_path.h"

namespace firesteel {
namespace {

SparkAccess& Provided() {
  static SparkAccess access;
  return access;
}

}  // namespace

void ProvideSparkAccess(SparkAccess access) { Provided() = std::move(access); }

const SparkAccess& TheSparkAccess() { return Provided(); }

void BecomeSparkProgram(const std::vector<std::string>& arguments) {
  if (TheSparkAccess().open) return;
  if (ProgramPath().empty()) return;
  const std::string other = (ProgramPath().parent_path() / "firesteel-spark").string();
  std::vector<char*> argv = {const_cast<char*>("firesteel")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(other.c_str(), argv.data());
  // It isn't there, or can't be run here: RequireSparkAccess says so where Spark is needed.
}

void RequireSparkAccess() {
  if (TheSparkAccess().open) return;
  throw Error(ErrorKind::kUnsupported,
              "this build of firesteel has no Spark (it was built with -DFIRESTEEL_SPARK=OFF, or "
              "firesteel-spark is not beside it); use --engine duckdb");
}

}  // namespace firesteel
