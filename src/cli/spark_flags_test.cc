#include "cli/spark_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class SparkFlagsTest : public ::testing::Test {
 protected:
  SparkFlagsTest() { ::unsetenv("SPARK_REMOTE"); }
  ~SparkFlagsTest() override { ::unsetenv("SPARK_REMOTE"); }

  static EngineRequest Read(const std::vector<std::string>& arguments) {
    Flags flags("step [flags]", "Does a step.", "");
    AddSparkFlags(&flags);
    flags.Parse(arguments);
    return ReadSparkFlags(flags);
  }

  static std::string RefusalOf(const std::vector<std::string>& arguments) {
    try {
      Read(arguments);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
    return "accepted";
  }
};

TEST_F(SparkFlagsTest, DuckDbIsTheDefaultWhateverTheEnvironmentSays) {
  ::setenv("SPARK_REMOTE", "sc://cluster", 1);
  for (const EngineRequest& request : {Read({}), Read({"--engine", "duckdb"})}) {
    EXPECT_EQ(request.kind, EngineKind::kDuckDb);
    EXPECT_FALSE(request.spark.has_value());
  }
}

TEST_F(SparkFlagsTest, TheRemoteIsTheFlagsThenTheEnvironments) {
  ::setenv("SPARK_REMOTE", "sc://one", 1);
  EngineRequest request = Read({"--engine=spark"});
  EXPECT_EQ(request.kind, EngineKind::kSpark);
  EXPECT_EQ(request.spark->remote, "sc://one");
  EXPECT_EQ(request.spark->given_by, "SPARK_REMOTE");
  request = Read({"--engine", "auto", "--spark-remote", "sc://two"});
  EXPECT_EQ(request.kind, EngineKind::kAuto);
  EXPECT_EQ(request.spark->remote, "sc://two");
  EXPECT_EQ(request.spark->given_by, "--spark-remote");
}

TEST_F(SparkFlagsTest, LocalTakesAMasterAndSettings) {
  EngineRequest request = Read({"--engine", "spark", "--spark-remote", "local", "--spark-conf",
                                "spark.a=1", "--spark-conf=spark.b=x=y", "--spark-master", "yarn"});
  EXPECT_EQ(request.spark->remote, "");
  EXPECT_EQ(request.spark->master, "yarn");
  EXPECT_THAT(request.spark->settings, ElementsAre(Pair("spark.a", "1"), Pair("spark.b", "x=y")));
  request = Read({"--engine", "spark", "--spark-remote", "local"});
  EXPECT_EQ(request.spark->master, "");
  // As PySpark writes it.
  ::setenv("SPARK_REMOTE", "local[2]", 1);
  EXPECT_EQ(Read({"--engine", "spark"}).spark->master, "local[2]");
  EXPECT_EQ(RefusalOf({"--engine", "spark", "--spark-master", "local[3]"}),
            "--spark-master and SPARK_REMOTE name different masters");
}

TEST_F(SparkFlagsTest, SparkNeedsARemoteAndAutoDoesWithout) {
  EXPECT_EQ(RefusalOf({"--engine", "spark"}),
            "--engine spark needs a server: give its URL (--spark-remote sc://host:15002), set "
            "SPARK_REMOTE to it, or have one started on this machine (--spark-remote local)");
  EXPECT_FALSE(Read({"--engine", "auto"}).spark.has_value());
  EXPECT_EQ(RefusalOf({"--engine", "auto", "--spark-master", "yarn"}),
            "--spark-master needs --spark-remote or SPARK_REMOTE");
}

TEST_F(SparkFlagsTest, FlagsThatMeanNothingTogetherAreRefused) {
  EXPECT_EQ(RefusalOf({"--spark-remote", "local"}),
            "--spark-remote is for --engine spark or auto alone");
  EXPECT_EQ(RefusalOf({"--engine", "duckdb", "--spark-conf", "spark.a=1"}),
            "--spark-conf is for --engine spark or auto alone");
  EXPECT_EQ(RefusalOf({"--engine", "spark", "--spark-remote", "sc://h", "--spark-master", "yarn"}),
            "--spark-master is for --spark-remote local alone; a server that runs has its own");
  EXPECT_EQ(RefusalOf({"--engine", "spark", "--spark-remote", "local", "--spark-ca-file", "x"}),
            "--spark-ca-file is not for --spark-remote local, which needs no TLS");
  EXPECT_EQ(RefusalOf({"--engine", "spark", "--spark-remote", "sc://h", "--spark-ca-file",
                       "/nowhere/ca.pem"}),
            "--spark-ca-file: the file '/nowhere/ca.pem' can't be read");
  EXPECT_THAT(RefusalOf({"--engine", "sparc"}), HasSubstr("did you mean 'spark'?"));
}

TEST_F(SparkFlagsTest, SettingsAreChecked) {
  const auto refusal = [](const std::string& setting) {
    return RefusalOf({"--engine", "spark", "--spark-remote", "local", "--spark-conf", setting});
  };
  EXPECT_EQ(refusal("secret"),
            "--spark-conf: a setting needs a value; give one as in --spark-conf "
            "spark.driver.memory=4g");
  EXPECT_EQ(refusal("driver.memory=secret"),
            "--spark-conf: 'driver.memory' is no setting of Spark; their names begin with spark.");
}

TEST_F(SparkFlagsTest, TheArgumentsTellWhetherSparkMayBeNeeded) {
  EXPECT_TRUE(MayNeedSpark({"--output", "x", "--engine", "spark"}));
  EXPECT_TRUE(MayNeedSpark({"--engine=auto"}));
  EXPECT_FALSE(MayNeedSpark({"--engine", "duckdb"}));
  EXPECT_FALSE(MayNeedSpark({"--output", "spark"}));
  EXPECT_FALSE(MayNeedSpark({"--engine"}));
}

}  // namespace
}  // namespace firesteel
