#include "storage/whole_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "storage/temporary.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

class WholeFileTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  Location At(const std::string& name) const { return Location::Parse((folder_ / name).string()); }
  std::size_t NumEntries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  std::string MessageOf(const Location& target, bool overwrite) const {
    try {
      WriteWholeFile(target, "new", overwrite);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      return error.what();
    }
    return "no error";
  }

  fs::path folder_ = fs::temp_directory_path() / ("whole_file_test-" + RandomUuid());
};

TEST_F(WholeFileTest, ReplacesAFileAndLeavesNothingBeside) {
  WriteWholeFile(At("a"), "old", /*overwrite=*/false);
  WriteWholeFile(At("a"), "new", /*overwrite=*/true);
  EXPECT_EQ(ReadTextFile(At("a").path()), "new");
  EXPECT_EQ(NumEntries(), 1U);
}

TEST_F(WholeFileTest, MakesMissingFolders) {
  WriteWholeFile(At("b/c/d"), "text", /*overwrite=*/false);
  EXPECT_EQ(ReadTextFile(At("b/c/d").path()), "text");
}

TEST_F(WholeFileTest, ALinkStaysOne) {
  WriteWholeFile(At("a"), "old", /*overwrite=*/false);
  fs::create_symlink("a", folder_ / "link");
  WriteWholeFile(At("link"), "new", /*overwrite=*/true);
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(ReadTextFile(At("a").path()), "new");
}

TEST_F(WholeFileTest, RefusesFoldersAndFilesThatMustStay) {
  WriteWholeFile(At("a"), "old", /*overwrite=*/false);
  EXPECT_EQ(MessageOf(At("a"), /*overwrite=*/false),
            "'" + At("a").path() +
                "' exists already; give another name, or allow it to be replaced with "
                "--overwrite-output true");
  EXPECT_EQ(MessageOf(Location::Parse(folder_.string()), /*overwrite=*/true),
            "'" + folder_.string() + "' is a folder; give the name of a file");
  EXPECT_EQ(ReadTextFile(At("a").path()), "old");
  EXPECT_EQ(NumEntries(), 1U);
}

TEST_F(WholeFileTest, RemovesWhatAKilledRunLeftAndNothingElse) {
  const std::string dead = At(".a.firesteel-" + RandomUuid()).path();
  const std::string living = At(".a.firesteel-" + RandomUuid()).path();
  const std::string other = At(".b.firesteel-" + RandomUuid()).path();
  for (const std::string& path : {dead, living, other}) WriteTextFile(path, "half a fi");
  const int descriptor = ::open(living.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_TRUE(LockTemporary(descriptor, living));
  WriteWholeFile(At("a"), "text", /*overwrite=*/true);
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(living));
  EXPECT_TRUE(fs::exists(other));
  ::close(descriptor);
}

TEST_F(WholeFileTest, OfRacingWritersThatMayNotOverwriteOneWins) {
  std::atomic<int> num_winners = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&, i] {
      try {
        WriteWholeFile(At("a"), std::to_string(i), /*overwrite=*/false);
        ++num_winners;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(num_winners, 1);
  EXPECT_EQ(NumEntries(), 1U);
}

}  // namespace
}  // namespace firesteel
