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

TEST_F(LocationTest, ParsesObjectsOfS3) {
  const Location object = Location::Parse("S3A://bucket/logs/2024 é/a=b.csv");
  EXPECT_TRUE(object.is_remote());
  EXPECT_EQ(object.path(), "s3://bucket/logs/2024 é/a=b.csv");
  EXPECT_EQ(object.object().bucket, "bucket");
  EXPECT_EQ(object.object().key, "logs/2024 é/a=b.csv");
  EXPECT_EQ((Location::Parse("s3n://b/k/") / "x").path(), "s3://b/k/x");
  const Location bucket = Location::Parse("s3://b/");
  EXPECT_EQ(bucket.object().key, "");
  EXPECT_EQ((bucket / "x").object().key, "x");
  EXPECT_FALSE(Location::Parse("/s3://b/k").is_remote());
}

TEST_F(LocationTest, PatternsMeanFilesUnlessThereIsOneOfThatName) {
  for (const char* name :
       {"a1.csv", "a2.csv", "b.csv", "_a.csv", "d1/x.csv", "d1/_y", "d2/z.csv"}) {
    fs::create_directories((root_ / name).parent_path());
    WriteTextFile(Path(name), "x");
  }
  EXPECT_THAT(ListDataFiles(Location::Parse(Path("a*.csv"))),
              ElementsAre(Path("a1.csv"), Path("a2.csv")));
  EXPECT_THAT(ListDataFiles(Location::Parse(Path("d?"))),
              ElementsAre(Path("d1/x.csv"), Path("d2/z.csv")));
  EXPECT_THAT(ListDataFiles(Location::Parse(Path("d[13]/*"))), ElementsAre(Path("d1/x.csv")));
  EXPECT_THAT(MessageOf([&] { ListDataFiles(Location::Parse(Path("c*"))); }, ErrorKind::kNotFound),
              HasSubstr("matches no file"));
  WriteTextFile(Path("a*.csv"), "x");
  EXPECT_THAT(ListDataFiles(Location::Parse(Path("a*.csv"))), ElementsAre(Path("a*.csv")));
}

TEST_F(LocationTest, RefusesEmptyTextAndOtherSchemes) {
  MessageOf([] { Location::Parse(""); }, ErrorKind::kUsage);
  MessageOf([] { Location::Parse("  "); }, ErrorKind::kUsage);
  EXPECT_THAT(MessageOf([] { Location::Parse("s3:///k"); }, ErrorKind::kUsage),
              HasSubstr("'s3:///k' names no bucket"));
  for (const char* text : {"s3://b//k", "s3://b/k/../l", "s3://b/./k"}) {
    MessageOf([text] { Location::Parse(text); }, ErrorKind::kUsage);
  }
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
