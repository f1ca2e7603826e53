#include "sparkml/frame.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "features/stage_fixture.h"
#include "sparkml/schema_json.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class FrameTest : public StageFixture {
 protected:
  std::string Folder(const std::string& name) {
    const std::string path = (folder() / name).string();
    fs::create_directories(path);
    return path;
  }
};

TEST_F(FrameTest, WhatIsWrittenReadsBackWithItsAttributes) {
  const Relation rows = FitTransform(
      R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i"}},
          {"OneHotEncoder": {"inputCol": "i", "outputCol": "o", "dropLast": false}}])",
      Rows("s\na\nb\na\n", {{"s", kStringType}}));
  const std::string path = Folder("frame");
  const WriteResult result = WriteFrame(engine(), rows, path, "u-1");
  EXPECT_EQ(result.num_rows, 3);
  EXPECT_THAT(result.files, ElementsAre("part-00000-u-1-c000.snappy.parquet"));
  EXPECT_TRUE(fs::exists(path + "/_SUCCESS"));
  EXPECT_EQ(engine().ParquetKeyValue(path + "/" + result.files[0], kSparkSchemaKey),
            SchemaToJson(rows.schema()));

  const Relation again = ReadFrame(engine(), Location::Parse(path));
  Schema expected = rows.schema();
  for (std::size_t i = 0; i < expected.num_fields(); ++i) expected.at(i).nullable = true;
  EXPECT_EQ(again.schema(), expected);
  EXPECT_EQ(AsReadBack(rows).schema(), expected);
  EXPECT_THAT(Numbers(again, "o", 2), ElementsAre(1, 0, 0, 1, 1, 0));
}

TEST_F(FrameTest, AFrameWithoutSparksKeyHasNoAttributes) {
  const Relation rows = FitTransform(R"([{"StringIndexer": {"inputCol": "s", "outputCol": "i"}}])",
                                     Rows("s\na\n", {{"s", kStringType}}));
  WriteOptions options;
  options.directory = Folder("frame");
  options.uuid = "u";
  engine().Write(rows, options);
  const Relation again = ReadFrame(engine(), Location::Parse(options.directory));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(again.schema().Get("i").attributes));
}

TEST_F(FrameTest, AnEmptyFolderIsNotFound) {
  const std::string path = Folder("empty");
  EXPECT_EQ(Thrown([&] { ReadFrame(engine(), Location::Parse(path)); }).kind(),
            ErrorKind::kNotFound);
}

}  // namespace
}  // namespace firesteel
