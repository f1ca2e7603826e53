#include "engine/spark/spark_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/error.h"
#include "base/random.h"

namespace firesteel {
namespace {

class SparkFilesTest : public ::testing::Test {
 protected:
  SparkFilesTest() { std::filesystem::create_directories(folder_); }
  ~SparkFilesTest() override { std::filesystem::remove_all(folder_); }

  std::string File(const std::string& name, const std::string& text) const {
    const std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("spark-files-" + RandomUuid());
};

TEST_F(SparkFilesTest, OpenQuotesAreLinesWithAnOddNumberOfThem) {
  std::mt19937 random(7);
  const char marks[] = {'"', '"', '\n', '\r', 'a', ','};
  int num_open = 0;
  for (int round = 0; round < 400; ++round) {
    std::string text;
    const auto length = static_cast<int>(random() % 12);
    for (int i = 0; i < length; ++i) text += marks[random() % std::size(marks)];
    bool expected = false;
    std::size_t num_quotes = 0;
    for (const char c : text + '\n') {
      if (c == '"') ++num_quotes;
      if (c != '\n' && c != '\r') continue;
      expected = expected || num_quotes % 2 == 1;
      num_quotes = 0;
    }
    EXPECT_EQ(HasOpenQuotes({File("rows.csv", text)}), expected) << text;
    num_open += expected ? 1 : 0;
  }
  EXPECT_GT(num_open, 50);
  EXPECT_LT(num_open, 350);
}

TEST_F(SparkFilesTest, OpenQuotesAreSeenAcrossBlocks) {
  const std::string block(std::size_t{1} << 20, 'x');
  const std::string closed = File("closed.csv", "a\n\"" + block + block + "\"\n");
  EXPECT_FALSE(HasOpenQuotes({closed}));
  EXPECT_TRUE(HasOpenQuotes({closed, File("open.csv", "a\n\"" + block + "\n" + block + "\"\n")}));
}

TEST_F(SparkFilesTest, AFileThatIsGoneIsAnError) {
  const std::string gone = File("gone.csv", "a\n");
  std::filesystem::remove(gone);
  try {
    HasOpenQuotes({gone});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
    EXPECT_EQ(error.what(), "can't read '" + gone + "'");
  }
}

}  // namespace
}  // namespace firesteel
