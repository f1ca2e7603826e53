#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/application.h"
#include "cli/common_flags.h"
#include "cli/spark_access.h"
#include "engine/spark/connect/spark_remote.h"
#include "engine/spark/local_server.h"
#include "engine/spark/spark_engine.h"

namespace firesteel {
namespace {

bool IsLocal(const SparkRequest& request) { return request.remote.empty(); }

SparkRemote RemoteOf(const SparkRequest& request) {
  try {
    // Where Spark's own clients look for a token that the URL doesn't have.
    const char* token = std::getenv("SPARK_CONNECT_AUTHENTICATE_TOKEN");
    SparkRemote remote = ParseSparkRemote(request.remote, token != nullptr ? token : "");
    remote.ca_file = request.ca_file;
    return remote;
  } catch (const Error& error) {
    throw error.Within(request.given_by);
  }
}

LocalServerOptions ServerOf(const SparkSetup& setup) {
  LocalServerOptions options{.master = setup.request.master,
                             .settings = setup.request.settings,
                             .num_threads = setup.num_threads,
                             .memory_bytes = setup.memory_limit_bytes,
                             .check = setup.check};
  // Spark's own default of one gigabyte is little for all that a machine is to do.
  if (options.memory_bytes == 0) options.memory_bytes = ParseMemoryLimit("50%");
  return options;
}

void Check(const SparkRequest& request) {
  if (IsLocal(request)) {
    CheckLocalServer({.master = request.master, .settings = request.settings});
  } else {
    static_cast<void>(RemoteOf(request));
  }
}

std::unique_ptr<Engine> Open(const SparkSetup& setup) {
  SparkOptions options{.num_threads = setup.num_threads,
                       .memory_limit_bytes = setup.memory_limit_bytes,
                       .temp_directory = setup.temp_directory,
                       .s3 = setup.s3,
                       .tuning = ConnectTuning::FromEnvironment()};
  if (IsLocal(setup.request)) {
    options.local_server = std::make_shared<LocalServer>(ServerOf(setup));
    options.remote = options.local_server->remote();
    // One that has gone doesn't come back.
    options.tuning.max_attempts = 5;
    options.tuning.longest_wait = std::chrono::seconds(1);
  } else {
    options.remote = RemoteOf(setup.request);
  }
  return OpenSpark(options);
}

}  // namespace
}  // namespace firesteel

int main(int argc, char** argv) {
  using namespace firesteel;
  const int code = RunApplication(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc),
                                  {.check = Check, .open = Open, .abandon = KillLocalServers});
  // Without destructors of static objects, as in main.cc.
  std::fflush(nullptr);
  std::_Exit(code);
}
