#include "workflow/training_checkpoint.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "storage/output.h"

namespace firesteel {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TrainingCheckpointTest : public testing::Test {
 protected:
  TrainingCheckpointTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("training_checkpoint_test-" + RandomUuid())),
        output_(std::make_unique<OutputDirectory>(Location::Parse((folder_ / "out").string()),
                                                  OutputOptions{})) {}
  ~TrainingCheckpointTest() override {
    output_.reset();
    std::filesystem::remove_all(folder_);
  }

  TrainingCheckpoint Make(const std::string& training) {
    return TrainingCheckpoint(
        output_.get(), training,
        {.stop_requested = [this] { return is_stopping_; }, .now = [this] { return now_; }});
  }

  std::filesystem::path folder_;
  std::unique_ptr<OutputDirectory> output_;
  bool is_stopping_ = false;
  TrainingCheckpoint::Clock::time_point now_ = TrainingCheckpoint::Clock::now();
};

TEST_F(TrainingCheckpointTest, TheSameTrainingFindsWhatWasSaved) {
  TrainingCheckpoint one = Make("a training");
  EXPECT_EQ(one.Load(), std::nullopt);
  EXPECT_EQ(one.saved(), std::nullopt);
  one.Save("first", 1, 20);
  one.Save("second", 2, 20);
  EXPECT_EQ(one.saved(), "2 of 20 iterations");
  EXPECT_EQ(Make("a training").Load(), "second");
  EXPECT_EQ(Make("another training").Load(), std::nullopt);
  output_->SaveProgress("something else");
  EXPECT_EQ(Make("a training").Load(), std::nullopt);
}

TEST_F(TrainingCheckpointTest, IsDueNowAndThen) {
  TrainingCheckpoint checkpoint = Make("a training");
  EXPECT_FALSE(checkpoint.IsDue(false));
  now_ += seconds(4);
  EXPECT_FALSE(checkpoint.IsDue(false));
  now_ += seconds(1);
  EXPECT_TRUE(checkpoint.IsDue(false));
  checkpoint.Save("state", 1, 20);
  EXPECT_FALSE(checkpoint.IsDue(false));
  now_ += seconds(5);
  EXPECT_TRUE(checkpoint.IsDue(false));
}

TEST_F(TrainingCheckpointTest, SavesThatTakeLongAreRare) {
  TrainingCheckpoint checkpoint = Make("a training");
  now_ += seconds(5);
  ASSERT_TRUE(checkpoint.IsDue(false));
  now_ += milliseconds(500);  // What the save takes, so that 25 s are 2 % of what follows.
  checkpoint.Save("state", 1, 20);
  now_ += seconds(25);
  EXPECT_FALSE(checkpoint.IsDue(false));
  now_ += seconds(5);
  EXPECT_TRUE(checkpoint.IsDue(false));
}

TEST_F(TrainingCheckpointTest, IsDueAtTheEndOfALongTraining) {
  TrainingCheckpoint checkpoint = Make("a training");
  EXPECT_FALSE(checkpoint.IsDue(true));
  now_ += seconds(5);
  ASSERT_TRUE(checkpoint.IsDue(false));
  checkpoint.Save("state", 1, 20);
  now_ += seconds(1);
  EXPECT_FALSE(checkpoint.IsDue(false));
  EXPECT_TRUE(checkpoint.IsDue(true));
}

TEST_F(TrainingCheckpointTest, IsDueWhenTheTrainingIsToEnd) {
  TrainingCheckpoint checkpoint = Make("a training");
  // Asked before the request: the iteration that follows is the one to be saved.
  EXPECT_FALSE(checkpoint.IsDue(false));
  EXPECT_FALSE(checkpoint.WantsOneMore());
  is_stopping_ = true;
  EXPECT_TRUE(checkpoint.WantsOneMore());
  EXPECT_TRUE(checkpoint.IsDue(false));
  EXPECT_FALSE(checkpoint.WantsOneMore());
}

TEST_F(TrainingCheckpointTest, ATrainingThatIsNeverAskedAboutIsNotWaitedFor) {
  is_stopping_ = true;
  EXPECT_FALSE(Make("a training").WantsOneMore());
}

TEST_F(TrainingCheckpointTest, GoesOnWhereNothingCanBeSaved) {
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directories(folder_.parent_path());
  WriteTextFile(folder_.string(), "a file where the folder was");
  TrainingCheckpoint checkpoint = Make("a training");
  checkpoint.Save("state", 1, 20);
  EXPECT_EQ(checkpoint.saved(), std::nullopt);
}

}  // namespace
}  // namespace firesteel
