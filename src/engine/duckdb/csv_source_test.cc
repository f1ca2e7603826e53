#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "engine/duckdb/duckdb_engine.h"
#include "engine/duckdb/test_files.h"

namespace firesteel::duckdb {
namespace {

using ::testing::ElementsAre;

class CsvSourceTest : public FilesTest {
 protected:
  CsvSourceTest() : engine_(OpenDuckDb({.num_threads = 2})) {}

  Relation Read(std::string_view content,
                CsvOptions::Dialect dialect = CsvOptions::Dialect::kRfc4180) {
    CsvSource source;
    source.files = {File("in.csv", content)};
    source.options.dialect = dialect;
    return engine_->ReadCsv(source);
  }
  Relation ReadSpark(std::string_view content) {
    return Read(content, CsvOptions::Dialect::kSpark);
  }

  // The types of one column for each list of fields.
  std::string TypeOf(const std::vector<std::string>& fields) {
    std::string content = "x,y\n";
    for (const std::string& field : fields) content += field + ",1\n";
    return Read(content).schema().fields()[0].type.ToString();
  }
  std::vector<std::string> Types(const Relation& relation) {
    std::vector<std::string> types;
    for (const Field& field : relation.schema().fields()) types.push_back(field.type.ToString());
    return types;
  }
  // The texts of a column, null as "NULL", sorted.
  std::vector<std::string> Texts(const Relation& relation, std::string_view column) {
    std::vector<std::string> texts;
    for (const ValueCount& count : engine_->ValueCounts(relation, sql::Column(column))) {
      texts.insert(texts.end(), static_cast<std::size_t>(count.count),
                   count.value.value_or("NULL"));
    }
    std::sort(texts.begin(), texts.end());
    return texts;
  }
  std::string ReadError(const CsvSource& source, ErrorKind kind = ErrorKind::kInvalidArgument) {
    return ErrorOf(kind, [&] { engine_->ReadCsv(source); });
  }
  std::string ReadError(std::string_view content) {
    return ErrorOf(ErrorKind::kInvalidArgument, [&] { Read(content); });
  }

  std::unique_ptr<Engine> engine_;
};

TEST_F(CsvSourceTest, TheNarrowestTypeThatAllFieldsHave) {
  EXPECT_EQ(TypeOf({"1", "-2147483648", "+5", "007"}), "int");
  EXPECT_EQ(TypeOf({"1", "2147483648"}), "bigint");
  EXPECT_EQ(TypeOf({"1", "9223372036854775808"}), "decimal(19,0)");
  EXPECT_EQ(TypeOf({"9223372036854775808", "1.5"}), "double");
  EXPECT_EQ(TypeOf({"1", "2.5"}), "double");
  EXPECT_EQ(TypeOf({"1", "NaN"}), "double");
  EXPECT_EQ(TypeOf({" 5"}), "double");
  EXPECT_EQ(TypeOf({"2020-01-02"}), "date");
  EXPECT_EQ(TypeOf({"2020-01-02", "2020-01-02 03:04:05"}), "timestamp");
  EXPECT_EQ(TypeOf({"true", "FALSE"}), "boolean");
  EXPECT_EQ(TypeOf({"true", "1"}), "string");
  EXPECT_EQ(TypeOf({"1", "nan"}), "string");
  EXPECT_EQ(TypeOf({"9/11/20"}), "string");
  EXPECT_EQ(TypeOf({"", "\"\""}), "string");
  EXPECT_EQ(TypeOf({"", "3"}), "int");
}

TEST_F(CsvSourceTest, ValuesAreConvertedToTheirType) {
  const Relation relation = Read(
      "i,l,e,d,t,b,s,m\n"
      "+5,2147483648,1e400,2020-01-02,2020-01-02T03:04:05Z,TRUE, a ,9223372036854775808\n"
      "-07,1,-.5d,2021-12-31,2020-01-02,false,\"\"\"\",+12\n"
      ",,,,,,,\n");
  EXPECT_THAT(Types(relation), ElementsAre("int", "bigint", "double", "date", "timestamp",
                                           "boolean", "string", "decimal(19,0)"));
  EXPECT_THAT(Texts(relation, "i"), ElementsAre("-7", "5", "NULL"));
  EXPECT_THAT(Texts(relation, "l"), ElementsAre("1", "2147483648", "NULL"));
  EXPECT_THAT(Texts(relation, "e"), ElementsAre("-0.5", "Infinity", "NULL"));
  EXPECT_THAT(Texts(relation, "d"), ElementsAre("2020-01-02", "2021-12-31", "NULL"));
  EXPECT_THAT(Texts(relation, "b"), ElementsAre("NULL", "false", "true"));
  EXPECT_THAT(Texts(relation, "s"), ElementsAre(" a ", "\"", "NULL"));
  EXPECT_THAT(Texts(relation, "m"), ElementsAre("12", "9223372036854775808", "NULL"));
}

TEST_F(CsvSourceTest, AFieldFarBehindTheSampleStillCounts) {
  std::string content = "a,b,c\n";
  for (int i = 0; i < 5000; ++i) content += fmt::format("{},{},\n", i, i);
  content += "1.5,x,7\n";
  const Relation relation = Read(content);
  EXPECT_THAT(Types(relation), ElementsAre("double", "string", "int"));
  EXPECT_EQ(engine_->Count(relation), 5001);
}

TEST_F(CsvSourceTest, EmptyFieldsAreNullQuotedOrNot) {
  EXPECT_THAT(Texts(Read("a,b\nx,\ny,\"\"\nz, \n"), "b"), ElementsAre(" ", "NULL", "NULL"));
}

TEST_F(CsvSourceTest, AHeaderWithoutRowsGivesStrings) {
  for (const char* content : {"a,b", "a,b\n",
                              "\xEF\xBB\xBF"
                              "a,b\r\n"}) {
    const Relation relation = Read(content);
    EXPECT_THAT(relation.schema().names(), ElementsAre("a", "b"));
    EXPECT_THAT(Types(relation), ElementsAre("string", "string"));
    EXPECT_EQ(engine_->Count(relation), 0);
  }
}

TEST_F(CsvSourceTest, UnusualButSoundFilesAreRead) {
  EXPECT_THAT(Texts(Read("a,b\n1,x\r\n2,y\r3,z\n"), "b"), ElementsAre("x", "y", "z"));
  EXPECT_THAT(Texts(Read("a,b\r1,x\r2,y"), "b"), ElementsAre("x", "y"));
  EXPECT_THAT(Texts(Read("a,b\n1,\"l1\nl2\"\r\n2,\"say \"\"hi\"\"\"\r\n"), "b"),
              ElementsAre("l1\nl2", "say \"hi\""));
  EXPECT_THAT(Texts(Read("\n\na,b\n\n1,x\n\n"), "b"), ElementsAre("x"));
  EXPECT_THAT(Texts(Read("a\nx\n\ny\n"), "a"), ElementsAre("x", "y"));
  EXPECT_THAT(Texts(Read("a,b\n1, \"x\"\n"), "b"), ElementsAre(" \"x\""));
  EXPECT_THAT(Texts(Read("\"a\nb\",c\n1,x\n"), "c"), ElementsAre("x"));
}

TEST_F(CsvSourceTest, AVeryLongFieldIsRead) {
  const std::string field(5'000'000, 'x');
  EXPECT_EQ(Texts(Read("a,b\n1," + field + "\n"), "b").at(0).size(), field.size());
}

TEST_F(CsvSourceTest, ManyColumnsAreRead) {
  std::string header = "c0", row = "0";
  for (int i = 1; i < 3000; ++i) {
    header += fmt::format(",c{}", i);
    row += fmt::format(",{}", i);
  }
  const Relation relation = Read(header + "\n" + row + "\n");
  EXPECT_EQ(relation.schema().num_fields(), 3000);
  EXPECT_THAT(Texts(relation, "c2999"), ElementsAre("2999"));
}

TEST_F(CsvSourceTest, NamesThatAreEmptyOrRepeatedGetTheirPosition) {
  EXPECT_THAT(Read("a,,A,b\n1,2,3,4\n").schema().names(), ElementsAre("a0", "_c1", "A2", "b"));
  EXPECT_EQ(
      ReadError("a,a,a0\n1,2,3\n"),
      "in.csv: two columns are called 'a0' once empty and repeated names are numbered; rename one");
}

TEST_F(CsvSourceTest, ErrorsNameFileAndLine) {
  EXPECT_EQ(ReadError(CsvSource{.files = {Path("none.csv")}}, ErrorKind::kNotFound),
            "none.csv: there is no such file");
  EXPECT_EQ(ReadError(CsvSource{.files = {Folder("folder")}}), "folder: not a regular file");
  EXPECT_EQ(ReadError(""), "in.csv: the file is empty; expected a header line");
  EXPECT_EQ(ReadError("a,b\n1,2\n3\n"), "in.csv: line 3: 1 field where the header has 2");
  EXPECT_EQ(ReadError("a,b\n1,\"x\ny\"\n\n3,4,5\n"),
            "in.csv: line 5: 3 fields where the header has 2");
  EXPECT_EQ(ReadError("a,b\n1,2,\n"), "in.csv: line 2: 3 fields where the header has 2");
  EXPECT_EQ(ReadError("a,b\n1,\"2\n3,4\n"),
            "in.csv: line 2: field 2 opens a quote that is never closed");
}

TEST_F(CsvSourceTest, ErrorsBehindTheSampleNameTheirLineToo) {
  std::string content = "a,b\n";
  for (int i = 0; i < 5000; ++i) content += fmt::format("{},\"x\ny\"\n", i);
  EXPECT_EQ(ReadError(content + "7\n"), "in.csv: line 10002: 1 field where the header has 2");
  EXPECT_EQ(
      ReadError(content + "7,\xC3(\n"),
      "in.csv: line 10002: bytes that are not UTF-8; convert the file, for example with iconv");
}

TEST_F(CsvSourceTest, FilesOfOneTableAreReadInOrderAndMustHaveOneHeader) {
  CsvSource source;
  source.files = {File("1.csv", "a,b\n1,x\n"), File("2.csv", "a,b\n2.5,y\n")};
  const Relation relation = engine_->ReadCsv(source);
  EXPECT_THAT(Types(relation), ElementsAre("double", "string"));
  std::vector<double> values;
  engine_->Scan(relation, {{"a"}}, [&](MatrixView<const double> rows) {
    for (std::size_t row = 0; row < rows.num_rows(); ++row) values.push_back(rows(row, 0));
  });
  EXPECT_THAT(values, ElementsAre(1.0, 2.5));

  source.files.push_back(File("3.csv", "a,c\n3,z\n"));
  EXPECT_EQ(ReadError(source),
            "3.csv: line 1: column 2 is 'c', but 'b' in 1.csv; files of one table must have the "
            "same header");
  source.files = {File("1.csv", "a,b\n1,x\n"), File("4.csv", "a\n1\n")};
  EXPECT_EQ(ReadError(source), "4.csv: line 1: the header has 1 columns, that of 1.csv has 2");
}

TEST_F(CsvSourceTest, DeclaredTypesAreNotInferred) {
  CsvSource source;
  source.files = {File("in.csv", "id,w,n\n1,2,1.50\n2,3,-0.25\n")};
  source.types = {
      {"ID", kStringType}, {"w", kDoubleType}, {"n", DataType{TypeKind::kDecimal, 5, 2}}};
  const Relation relation = engine_->ReadCsv(source);
  EXPECT_THAT(Types(relation), ElementsAre("string", "double", "decimal(5,2)"));
  EXPECT_THAT(Texts(relation, "w"), ElementsAre("2.0", "3.0"));
  EXPECT_THAT(Texts(relation, "n"), ElementsAre("-0.25", "1.50"));
}

TEST_F(CsvSourceTest, AValueThatDoesNotFitItsDeclaredTypeIsNamed) {
  CsvSource source;
  source.files = {File("in.csv", "id,w\n1,2\n\"2\n\",3\n3,12 kg\n")};
  source.types = {{"w", kDoubleType}};
  EXPECT_EQ(ReadError(source),
            "in.csv: line 5: column 'w': '12 kg' is not of the declared type double; correct it or "
            "declare "
            "another type");
  source.types = {{"weight", kDoubleType}};
  EXPECT_THAT(
      ReadError(source, ErrorKind::kNotFound),
      ::testing::StartsWith("in.csv: a type is declared for column 'weight', which is not there"));
}

TEST_F(CsvSourceTest, SparkDialectPadsShortRowsAndCutsLongOnes) {
  const Relation relation = ReadSpark("a,b\n1\n2,x,y\n\"p\\\"q\",\"z\n \t\n,\n");
  EXPECT_THAT(Texts(relation, "a"), ElementsAre("1", "2", "NULL", "p\"q"));
  EXPECT_THAT(Texts(relation, "b"), ElementsAre("NULL", "NULL", "x", "z"));
}

TEST_F(CsvSourceTest, SparkDialectReplacesBytesThatAreNotUtf8) {
  EXPECT_THAT(Texts(ReadSpark("a,b\n1,x\xFFy\n"), "b"), ElementsAre("x\xEF\xBF\xBDy"));
}

TEST_F(CsvSourceTest, SparkDialectInfersFromAnotherFilesHeader) {
  CsvSource source;
  source.options.dialect = CsvOptions::Dialect::kSpark;
  source.files = {File("1.csv", "a,b\n1,2\n"), File("2.csv", "a,c\n3,4\n")};
  const Relation relation = engine_->ReadCsv(source);
  EXPECT_THAT(Types(relation), ElementsAre("string", "string"));
  EXPECT_THAT(Texts(relation, "b"), ElementsAre("2", "4"));
}

TEST_F(CsvSourceTest, LocatesTheFirstRecordOfACondition) {
  CsvSource source;
  source.files = {File("1.csv", "a,b\n1,\"x\ny\"\n\n2,z\n"),
                  File("2.csv", "a,b\n3,\"q\nr\"\n4,\n5,w\n")};
  const Relation relation = engine_->ReadCsv(source);
  const auto locate = [&](std::int32_t a) {
    return engine_->Locate(relation, sql::Call("=", {sql::Column("a"), sql::Literal(a)}), "b");
  };
  std::optional<RecordOrigin> origin = locate(2);
  ASSERT_TRUE(origin);
  EXPECT_EQ(origin->file, Path("1.csv"));
  EXPECT_EQ(origin->line, 5);
  EXPECT_EQ(origin->value, "z");
  origin = locate(4);
  ASSERT_TRUE(origin);
  EXPECT_EQ(origin->file, Path("2.csv"));
  EXPECT_EQ(origin->line, 4);
  EXPECT_EQ(origin->value, std::nullopt);
  EXPECT_FALSE(locate(6));
}

// The plain reader on several threads, the same on one, and the scanner (for the blank before a
// quote) agree.
TEST_F(CsvSourceTest, RowsDoNotDependOnThreadsOrReader) {
  std::string content = "a,b,c\n";
  for (int i = 0; i < 30000; ++i) {
    content += fmt::format("{},\"q\"\"{}\nw\",{}\n", i, i % 17,
                           i % 3 == 0 ? "" : fmt::format("{}.5", i % 5));
  }
  const std::string unusual = content + "30000, \"x\",1\n";
  const auto digest = [&](const std::string& text, int num_threads) {
    const std::unique_ptr<Engine> engine = OpenDuckDb({.num_threads = num_threads});
    CsvSource source;
    source.files = {File("in.csv", text)};
    const Relation relation = engine->ReadCsv(source);
    std::vector<double> values;
    engine->Scan(relation, {{"a"}, {"c"}}, [&](MatrixView<const double> rows) {
      for (std::size_t row = 0; row < rows.num_rows(); ++row) {
        values.push_back(rows(row, 0));
        values.push_back(std::isnan(rows(row, 1)) ? -1.0 : rows(row, 1));
      }
    });
    values.resize(60000);  // Without the unusual row.
    return values;
  };
  const std::vector<double> expected = digest(content, 1);
  EXPECT_EQ(expected[2 * 29999], 29999.0);
  EXPECT_EQ(digest(content, 4), expected);
  EXPECT_EQ(digest(unusual, 4), expected);
}

}  // namespace
}  // namespace firesteel::duckdb
