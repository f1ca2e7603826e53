#include "engine/duckdb/csv_scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/duckdb/test_files.h"

namespace firesteel::duckdb {
namespace {

using ::testing::ElementsAre;

constexpr CsvOptions kRfc = {};
constexpr CsvOptions kSpark = {.dialect = CsvOptions::Dialect::kSpark};

class CsvScannerTest : public FilesTest {
 protected:
  using Record = std::vector<std::string>;

  // All records, header included.
  std::vector<Record> Records(std::string_view content, const CsvOptions& options) {
    CsvScanner scanner(File("in.csv", content), options);
    std::vector<Record> records;
    lines_.clear();
    while (scanner.Next()) {
      records.emplace_back(scanner.fields().begin(), scanner.fields().end());
      lines_.push_back(scanner.line());
    }
    return records;
  }
  std::string ErrorText(std::string_view content) {
    return ErrorOf(ErrorKind::kInvalidArgument, [&] { Records(content, kRfc); });
  }
  // The fields of one line in Spark's dialect.
  Record Spark(std::string_view line) { return Records(line, kSpark).at(0); }

  std::vector<std::int64_t> lines_;
};

TEST_F(CsvScannerTest, QuotedFieldsHoldDelimitersQuotesAndLineEnds) {
  EXPECT_THAT(Records("a,b\n\"x,y\",\"say \"\"hi\"\"\"\n\"l1\r\nl2\",3\n4,5", kRfc),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("x,y", "say \"hi\""),
                          ElementsAre("l1\r\nl2", "3"), ElementsAre("4", "5")));
  EXPECT_THAT(lines_, ElementsAre(1, 2, 3, 5));
}

TEST_F(CsvScannerTest, LineEndsMixAndEmptyLinesAreSkippedButCounted) {
  EXPECT_THAT(Records("a,b\r\n\r\n1,2\r3,4\n\n\n5,6", kRfc),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "2"), ElementsAre("3", "4"),
                          ElementsAre("5", "6")));
  EXPECT_THAT(lines_, ElementsAre(1, 3, 4, 7));
}

TEST_F(CsvScannerTest, AByteOrderMarkIsNoPartOfTheFirstName) {
  EXPECT_THAT(Records("\xEF\xBB\xBF"
                      "a,b\n",
                      kRfc),
              ElementsAre(ElementsAre("a", "b")));
}

TEST_F(CsvScannerTest, AQuoteInsideAnUnquotedFieldIsACharacter) {
  EXPECT_THAT(Records("5\" disk,x\"\"y\n", kRfc), ElementsAre(ElementsAre("5\" disk", "x\"\"y")));
}

TEST_F(CsvScannerTest, NamesTheLineOfWhatIsWrong) {
  EXPECT_EQ(ErrorText("a,b\n1,2\n3,\"x\n4,5\n"),
            "in.csv: line 3: field 2 opens a quote that is never closed");
  EXPECT_EQ(ErrorText("a,b\n\"l1\nl2\",\"x\"y\n"),
            "in.csv: line 3: field 2 has text behind its closing quote; write a quote inside a "
            "quoted field "
            "twice");
  EXPECT_EQ(ErrorText("a,b\n1,\xFF\n"),
            "in.csv: line 2: bytes that are not UTF-8; convert the file, for example with iconv");
}

// The expected fields of the next four tests are what PySpark 4.3.0 reads.
TEST_F(CsvScannerTest, SparkEscapesWithABackslash) {
  EXPECT_THAT(Spark(R"("a\"b",c)"), ElementsAre("a\"b", "c"));
  EXPECT_THAT(Spark(R"("a\\","b\c")"), ElementsAre("a\\", "b\\c"));
  EXPECT_THAT(Spark(R"(a\"b,\)"), ElementsAre("a\\\"b", "\\"));
}

TEST_F(CsvScannerTest, SparkTakesAFieldAsItStandsIfItsQuotesAreOdd) {
  EXPECT_THAT(Spark(R"("a""b",c)"), ElementsAre("\"a\"\"b\"", "c"));
  EXPECT_THAT(Spark(R"("a"b,c)"), ElementsAre("\"a\"b", "c"));
  EXPECT_THAT(Spark(R"("a,b"c,d)"), ElementsAre("\"a,b\"c", "d"));
  EXPECT_THAT(Spark(R"("b\""a)"), ElementsAre("\"b\"\"a"));
  EXPECT_THAT(Spark(R"("aa" b)"), ElementsAre("\"aa\" b"));
  EXPECT_THAT(Spark(R"(x"y,"""")"), ElementsAre("x\"y", "\"\""));
}

TEST_F(CsvScannerTest, SparkEndsRecordsWithTheirLineAndDropsBlanksBehindQuotes) {
  EXPECT_THAT(Records("\"x\ny\"", kSpark), ElementsAre(ElementsAre("x"), ElementsAre("y\"")));
  EXPECT_THAT(Spark("\"a\" \t,b"), ElementsAre("a", "b"));
  EXPECT_THAT(Spark("a,\""), ElementsAre("a", "\""));
  EXPECT_THAT(Spark(R"("é\)"), ElementsAre("é"));
  EXPECT_THAT(Spark(R"("",x)"), ElementsAre("", "x"));
}

TEST_F(CsvScannerTest, SparkSkipsBlankLinesAndReplacesWhatIsNotUtf8) {
  EXPECT_THAT(Records("a\n \t\n\nb\xFF\xE2\x82z\n", kSpark),
              ElementsAre(ElementsAre("a"), ElementsAre("b\xEF\xBF\xBD\xEF\xBF\xBDz")));
  EXPECT_THAT(lines_, ElementsAre(1, 4));
}

TEST_F(CsvScannerTest, ColumnNamesAreMadeUnique) {
  const std::vector<std::string_view> header = {"a", "", "A", "b", ""};
  EXPECT_THAT(CsvColumnNames(header), ElementsAre("a0", "_c1", "A2", "b", "_c4"));
}

TEST_F(CsvScannerTest, KnowsWhereDuckDbReadsOtherwise) {
  const auto alike = [](std::string_view text, const CsvOptions& options) {
    return DuckDbReadsAlike(text, text.find('\n') + 1, options, 2);
  };
  EXPECT_TRUE(alike("a,b\n1,\"x\"\"y\"\n2,z", kRfc));
  EXPECT_TRUE(alike("a,b\n1,\n", kRfc));
  EXPECT_FALSE(alike("a,b\n1,2,\n", kRfc));
  EXPECT_FALSE(alike("a,b\n1,2,\"\"\n", kRfc));
  EXPECT_FALSE(alike("a,b\n1, \"x\"\n", kRfc));
  EXPECT_FALSE(alike("a,b\n1,\"x\"\n", kSpark));
  EXPECT_TRUE(alike("a,b\n1,\\x\n", kSpark));
  EXPECT_FALSE(DuckDbReadsAlike("\na,b\n1,2\n", 5, kRfc, 2));
  EXPECT_FALSE(DuckDbReadsAlike("a\n1\n", 2, kRfc, 1));
}

}  // namespace
}  // namespace firesteel::duckdb
