#include "cli/heartbeat.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "base/random.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class HeartbeatTest : public ::testing::Test {
 protected:
  HeartbeatTest() { fs::create_directory(folder_); }
  ~HeartbeatTest() override { fs::remove_all(folder_); }

  void MakeOld() const {
    const timespec old[2] = {{1'000'000, 0}, {1'000'000, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, file_.c_str(), old, 0), 0);
  }

  bool IsOld() const {
    struct stat status{};
    EXPECT_EQ(::stat(file_.c_str(), &status), 0);
    return status.st_mtime == 1'000'000;
  }

  const fs::path folder_ = fs::temp_directory_path() / ("heartbeat-" + RandomUuid());
  const fs::path file_ = folder_ / "isbusy";
};

TEST_F(HeartbeatTest, TouchesAtOnceAndThenEachPeriod) {
  const Heartbeat heartbeat(file_, milliseconds(20));
  EXPECT_TRUE(fs::exists(file_));
  for (int beat = 0; beat < 2; ++beat) {
    MakeOld();
    for (int waited = 0; IsOld() && waited < 1000; ++waited) {
      std::this_thread::sleep_for(milliseconds(10));
    }
    EXPECT_FALSE(IsOld());
  }
}

TEST_F(HeartbeatTest, TouchesAFileThatIsThereAndKeepsItsContent) {
  const int file = ::open(file_.c_str(), O_WRONLY | O_CREAT, 0600);
  ASSERT_EQ(::write(file, "busy", 4), 4);
  ::close(file);
  MakeOld();
  const Heartbeat heartbeat(file_, milliseconds(100'000));
  EXPECT_FALSE(IsOld());
  EXPECT_EQ(fs::file_size(file_), 4U);
}

TEST_F(HeartbeatTest, EndsAtOnceAndIsSilentAfterwards) {
  const auto begin = std::chrono::steady_clock::now();
  {
    const Heartbeat heartbeat(file_, milliseconds(100'000));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(10'000));
  {
    const Heartbeat heartbeat(file_, milliseconds(5));
  }
  MakeOld();
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_TRUE(IsOld());
}

TEST_F(HeartbeatTest, MakesNoFolder) {
  {
    const Heartbeat heartbeat(folder_ / "metricscollector" / "isbusy", milliseconds(5));
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(HeartbeatTest, AFileThatCannotBeTouchedIsNoError) {
  // Its name is too long, whoever runs this.
  const std::string name(300, 'x');
  const Heartbeat heartbeat(folder_ / name, milliseconds(5));
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace firesteel
