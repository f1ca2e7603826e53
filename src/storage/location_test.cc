#include "storage/location.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/random.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LocationTest : public ::testing::Test {
 protected:
  LocationTest() : root_(fs::temp_directory_path() / ("location_test-" + RandomUuid())) {
    fs::create_directories(root_);
  }
  ~LocationTest() override { fs::remove_all(root_); }

  std::string Path(const std::string& name) const { return (root_ / name).string(); }

  fs::path root_;
};

std::string MessageOf(const std::function<void()>& action, ErrorKind kind) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST_F(LocationTest, ParsesPathsAndFileUrls) {
  EXPECT_EQ(Location::Parse("data/logs").path(), "data/logs");
  EXPECT_EQ(Location::Parse("/data/logs//").path(), "/data/logs");
  EXPECT_EQ(Location::Parse("/").path(), "/");
  EXPECT_EQ(Location::Parse("file:///data/logs/").path(), "/data/logs");
  EXPECT_EQ(Location::Parse("file:/data/logs").path(), "/data/logs");
  EXPECT_EQ(Location::Parse("a:b").path(), "a:b");
  EXPECT_EQ((Location::Parse("/") / "x").path(), "/x");
  EXPECT_EQ((Location::Parse("/data") / "x").path(), "/data/x");
}

TEST_F(LocationTest, RefusesEmptyTextAndOtherSchemes) {
  MessageOf([] { Location::Parse(""); }, ErrorKind::kUsage);
  MessageOf([] { Location::Parse("  "); }, ErrorKind::kUsage);
  EXPECT_THAT(MessageOf([] { Location::Parse("s3://b/k"); }, ErrorKind::kUnsupported),
              HasSubstr("'s3://b/k' is on S3"));
  EXPECT_THAT(MessageOf([] { Location::Parse("HDFS://n/k"); }, ErrorKind::kUnsupported),
              HasSubstr("scheme 'hdfs'"));
  MessageOf([] { Location::Parse("file://host/k"); }, ErrorKind::kUsage);
}

TEST_F(LocationTest, ListsDataFilesByNameWithoutHiddenOnesAndFolders) {
  for (const char* name : {"b.csv", "a.csv", "_SUCCESS", ".a.csv.crc"}) {
    WriteTextFile(Path(name), "x");
  }
  fs::create_directories(root_ / "folder.csv");
  EXPECT_THAT(ListDataFiles(Location::Parse(root_.string() + "/")),
              ElementsAre(Path("a.csv"), Path("b.csv")));
  EXPECT_THAT(ListDataFiles(Location::Parse(Path("_SUCCESS"))), ElementsAre(Path("_SUCCESS")));
}

TEST_F(LocationTest, SaysWhatIsMissing) {
  EXPECT_EQ(MessageOf([&] { ListDataFiles(Location::Parse(Path("none"))); }, ErrorKind::kNotFound),
            "'" + Path("none") + "' does not exist");
  fs::create_directories(root_ / "empty");
  EXPECT_THAT(
      MessageOf([&] { ListDataFiles(Location::Parse(Path("empty"))); }, ErrorKind::kNotFound),
      HasSubstr("no data file in '" + Path("empty") + "'"));
  fs::create_symlink("nowhere", root_ / "link.csv");
  EXPECT_THAT(MessageOf([&] { ListDataFiles(Location::Parse(root_.string())); }, ErrorKind::kIo),
              HasSubstr("link.csv': it is a broken link"));
}

TEST_F(LocationTest, WritesAndReadsWholeFiles) {
  const std::string content(200000, 'x');
  WriteTextFile(Path("file"), content);
  EXPECT_EQ(ReadTextFile(Path("file")), content);
  WriteTextFile(Path("file"), "short");
  EXPECT_EQ(ReadTextFile(Path("file")), "short");
  MessageOf([&] { ReadTextFile(Path("none")); }, ErrorKind::kNotFound);
  MessageOf([&] { ReadTextFile(root_.string()); }, ErrorKind::kIo);
  MessageOf([&] { WriteTextFile(Path("no/such/folder"), ""); }, ErrorKind::kIo);
}

}  // namespace
}  // namespace firesteel
