#include "workflow/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "base/random.h"
#include "workflow/step_work.h"

namespace firesteel {
namespace {

using std::chrono::seconds;

class StepStatusTest : public testing::Test {
 protected:
  StepStatusTest()
      : folder_(std::filesystem::temp_directory_path() / ("status_test-" + RandomUuid())),
        output_(std::make_unique<OutputDirectory>(Location::Parse((folder_ / "out").string()),
                                                  OutputOptions{})) {}
  ~StepStatusTest() override {
    output_.reset();
    std::filesystem::remove_all(folder_);
  }

  StepStatus Make(StepObserver observer = {}) {
    return StepStatus(output_.get(), "some_step", std::move(observer), [this] { return now_; });
  }
  nlohmann::json Read() const {
    return nlohmann::json::parse(ReadTextFile((folder_ / "out/status.json").string()));
  }

  std::filesystem::path folder_;
  std::unique_ptr<OutputDirectory> output_;
  StepStatus::Clock::time_point now_ = StepStatus::Clock::now();
};

TEST_F(StepStatusTest, TellsThatTheStepRuns) {
  StepStatus status = Make();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out/status.json"));
  status.Start();
  const nlohmann::json json = Read();
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["step"], "some_step");
  EXPECT_EQ(json["state"], "running");
  EXPECT_EQ(json["pid"], ::getpid());
  EXPECT_TRUE(json["phase"].is_null());
  EXPECT_TRUE(json["ended"].is_null());
  EXPECT_TRUE(json["error"].is_null());
  EXPECT_THAT(json["started"].get<std::string>(), testing::MatchesRegex("20..-..-..T..:..:..Z"));
}

TEST_F(StepStatusTest, PublishesPhasesNowAndThen) {
  std::string told;
  StepStatus status = Make([&](const StepProgress& progress) { told += progress.phase; });
  status.Start();
  const StepObserver observer = status.observer();
  observer({.phase = "reading"});
  EXPECT_TRUE(Read()["phase"].is_null());
  now_ += seconds(5);
  status.SetPart("model_training");
  observer({.phase = "training", .done = 3, .total = 20});
  EXPECT_EQ(Read()["phase"], "model_training: training");
  EXPECT_EQ(Read()["progress"], (nlohmann::json{{"done", 3}, {"total", 20}}));
  observer({.phase = "saving"});
  EXPECT_EQ(Read()["phase"], "model_training: training");
  EXPECT_EQ(told, "readingtrainingsaving");
}

TEST_F(StepStatusTest, DoneLiesInTheOutputThatIsCommitted) {
  StepStatus status = Make();
  status.Start();
  status.observer()({.phase = "writing"});
  status.WriteDone({{"training", 9}, {"validation", 1}});
  EXPECT_EQ(Read()["state"], "running");
  WriteTextFile(output_->staging() + "/manifest.json", "{}");
  output_->Commit();
  const nlohmann::json json = Read();
  EXPECT_EQ(json["state"], "done");
  EXPECT_TRUE(json["phase"].is_null());
  EXPECT_EQ(json["ended"], json["updated"]);
  EXPECT_EQ(json["rows"], (nlohmann::json{{"training", 9}, {"validation", 1}}));
}

TEST_F(StepStatusTest, FailuresAndStopsAreToldApart) {
  for (const auto& [kind, state] : {std::pair(ErrorKind::kInvalidArgument, "failed"),
                                    std::pair(ErrorKind::kInterrupted, "stopped")}) {
    StepStatus status = Make();
    const auto fail = [&, kind = kind]() -> StepReport {
      status.observer()({.phase = "reading"});
      throw Error(kind, "words");
    };
    EXPECT_THROW(WithStatus(&status, fail), Error);
    EXPECT_EQ(Read()["state"], state);
    EXPECT_EQ(Read()["phase"], "reading");
    EXPECT_EQ(Read()["error"], "words");
    EXPECT_FALSE(Read()["ended"].is_null());
  }
}

}  // namespace
}  // namespace firesteel
