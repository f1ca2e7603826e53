#include "engine/spark/local_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "storage/scratch.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

// A Spark whose spark-submit is a shell script of the test's.
class LocalServerTest : public ::testing::Test {
 protected:
  LocalServerTest() : home_(fs::temp_directory_path() / ("local_server_test-" + RandomUuid())) {
    fs::create_directories(home_ / "bin");
    fs::create_directories(home_ / "jars");
    std::ofstream(home_ / "jars/spark-connect_2.13-4.3.0.jar") << "";
    ::setenv("SPARK_HOME", home_.c_str(), 1);
  }
  ~LocalServerTest() override {
    ::unsetenv("SPARK_HOME");
    RemoveScratchFolder();
    fs::remove_all(home_);
  }

  void Submit(const std::string& script) const {
    const fs::path file = home_ / "bin/spark-submit";
    std::ofstream(file) << "#!/bin/sh\n" << script;
    ::chmod(file.c_str(), 0755);
  }

  // What the script has written to `name` in the Spark's folder.
  std::string Written(const std::string& name) const {
    std::ifstream file(home_ / name);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  // Whether the process whose number the script has written to `name` goes on; one that is killed
  // may take a moment to end, and stay as a zombie until init looks after it.
  bool Lives(const std::string& name) const {
    const std::string number(Trim(Written(name)));
    EXPECT_FALSE(number.empty());
    for (int attempt = 0; attempt < 100; ++attempt) {
      std::ifstream status("/proc/" + number + "/stat");
      std::string pid, command, state;
      if (!(status >> pid >> command >> state) || state == "Z" || state == "X") return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }

  static std::string RefusalOf(const LocalServerOptions& options, ErrorKind kind) {
    try {
      const LocalServer server(options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      return error.what();
    }
    return "started";
  }

  const fs::path home_;
};

TEST_F(LocalServerTest, OneThatEndsIsQuotedButForItsTokenAndItsSmallTalk) {
  Submit(
      "echo '26/01/01 00:00:00 INFO SparkContext: Running'\n"
      "echo 'Exception in thread \"main\": no luck'\n"
      "echo '\tat org.apache.spark.Main'\n"
      "echo \"the token is $SPARK_CONNECT_AUTHENTICATE_TOKEN\" >&2\n"
      "exit 3\n");
  EXPECT_THAT(RefusalOf({}, ErrorKind::kUnavailable),
              HasSubstr("bin/spark-submit' ended before it was ready; its log ends with: Exception "
                        "in thread \"main\": no luck; the token is ***"));
}

TEST_F(LocalServerTest, OneThatDoesNotListenIsGivenUpAndStoppedWithAllThatItStarted) {
  Submit("echo $$ >$SPARK_HOME/pid\nsleep 600 &\necho $! >$SPARK_HOME/child\nwait\n");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(RefusalOf({.patience = std::chrono::milliseconds(1000)}, ErrorKind::kUnavailable),
              HasSubstr("does not listen after 1 s; its log is empty"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(6));
  EXPECT_FALSE(Lives("pid"));
  EXPECT_FALSE(Lives("child"));
}

TEST_F(LocalServerTest, OneThatIsDeafToSigtermIsKilled) {
  Submit("trap '' TERM\necho $$ >$SPARK_HOME/pid\nwhile true; do sleep 0.1; done\n");
  const auto begin = std::chrono::steady_clock::now();
  RefusalOf({.patience = std::chrono::milliseconds(500), .grace = std::chrono::milliseconds(500)},
            ErrorKind::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(6));
  EXPECT_FALSE(Lives("pid"));
}

TEST_F(LocalServerTest, AStartCanBeGivenUp) {
  Submit("sleep 600\n");
  const auto give_up = [] { throw Error(ErrorKind::kInterrupted, "enough"); };
  EXPECT_EQ(RefusalOf({.check = give_up}, ErrorKind::kInterrupted), "enough");
}

TEST_F(LocalServerTest, ItsArgumentsAreTheSettingsAndItsEnvironmentIsNoClients) {
  Submit("printf '%s\\n' \"$@\" >$SPARK_HOME/arguments\nenv >$SPARK_HOME/environment\nexit 1\n");
  ::setenv("SPARK_REMOTE", "sc://elsewhere", 1);
  RefusalOf({.settings = {{"spark.local.dir", "/mine"}}, .num_threads = 3, .memory_bytes = 1},
            ErrorKind::kUnavailable);
  ::unsetenv("SPARK_REMOTE");
  EXPECT_THAT(Written("arguments"),
              AllOf(HasSubstr("--master\nlocal[3]\n"), HasSubstr("\nspark.local.dir=/mine\n"),
                    HasSubstr("\nspark.connect.grpc.binding.address=127.0.0.1\n"),
                    HasSubstr("\nspark.driver.memory=512m\n"), Not(HasSubstr("token"))));
  EXPECT_THAT(Written("environment"),
              AllOf(HasSubstr("SPARK_CONNECT_AUTHENTICATE_TOKEN="), Not(HasSubstr("elsewhere"))));
}

TEST_F(LocalServerTest, AClustersSettingsAreItsOwn) {
  Submit("printf '%s\\n' \"$@\" >$SPARK_HOME/arguments\nexit 1\n");
  RefusalOf({.master = "yarn", .memory_bytes = 1 << 30}, ErrorKind::kUnavailable);
  // All of them, but for the number of the port.
  EXPECT_THAT(Written("arguments"),
              MatchesRegex("--class\norg.apache.spark.sql.connect.service.SparkConnectServer\n"
                           "--master\nyarn\n--deploy-mode\nclient\n--name\nfiresteel-connect\n"
                           "--conf\nspark.connect.grpc.binding.address=127.0.0.1\n"
                           "--conf\nspark.ui.enabled=false\n"
                           "--conf\nspark.connect.grpc.binding.port=[0-9]+\n"));
}

TEST_F(LocalServerTest, ASparkWithoutAConnectServerIsRefused) {
  Submit("exit 1\n");
  fs::remove(home_ / "jars/spark-connect_2.13-4.3.0.jar");
  EXPECT_THAT(RefusalOf({}, ErrorKind::kUnsupported),
              HasSubstr("has no Connect server; Spark has one from 4.0 on"));
}

TEST_F(LocalServerTest, WhatIsNotThereIsNamed) {
  EXPECT_THAT(RefusalOf({}, ErrorKind::kUsage), HasSubstr("has no bin/spark-submit"));
}

TEST_F(LocalServerTest, TheServersOwnSettingsAreRefusedWithoutTheirValue) {
  EXPECT_EQ(
      RefusalOf({.settings = {{"spark.connect.authenticate.token", "secret"}}}, ErrorKind::kUsage),
      "--spark-conf: spark.connect.authenticate.token is firesteel's own matter with "
      "--spark-remote local");
}

}  // namespace
}  // namespace firesteel
