#include "engine/duckdb/duckdb_engine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>

#include "engine/duckdb/test_files.h"

namespace firesteel::duckdb {
namespace {

using sql::Call;
using sql::Column;
using sql::Literal;
using sql::Select;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

class DuckDbEngineTest : public FilesTest {
 protected:
  DuckDbEngineTest() : engine_(OpenDuckDb({.num_threads = 2})) {}

  Relation Csv(std::string_view name, std::string_view content) {
    CsvSource source;
    source.files = {File(name, content)};
    return engine_->ReadCsv(source);
  }
  // id = 0, 1, …; word = w<id mod 5>, null for every seventh row.
  Relation Numbers(int num_rows) {
    std::string content = "id,word\n";
    for (int i = 0; i < num_rows; ++i) {
      content += i % 7 == 0 ? fmt::format("{},\n", i) : fmt::format("{},w{}\n", i, i % 5);
    }
    return Csv("numbers.csv", content);
  }
  // One row after the other, `width` numbers each.
  std::vector<double> ScanAll(const Relation& relation, const std::vector<ScanColumn>& columns) {
    std::vector<double> values;
    engine_->Scan(relation, columns, [&](MatrixView<const double> rows) {
      for (std::size_t row = 0; row < rows.num_rows(); ++row) {
        values.insert(values.end(), rows.row(row).begin(), rows.row(row).end());
      }
    });
    return values;
  }
  Relation WithVector(const Relation& numbers) {
    const auto id = sql::Cast(Column("id"), kDoubleType);
    const auto slot = Call("ml_one_hot", {id, Literal(std::int32_t{3})});
    return engine_->Query(
        numbers, Select{{{Column("id"), "id"}, {Call("ml_assemble", {slot, id}), "v"}}, nullptr});
  }
  WriteResult WriteTo(const Relation& relation, std::string_view folder, FileFormat format,
                      std::int64_t target_file_bytes = std::int64_t{128} << 20) {
    return engine_->Write(relation, {.format = format,
                                     .directory = Folder(folder),
                                     .uuid = "u-1",
                                     .key_values = {{"some.key", "it's {a} \"value\""}},
                                     .target_file_bytes = target_file_bytes});
  }
  std::vector<std::string> PathsOf(std::string_view folder, const WriteResult& result) {
    std::vector<std::string> paths;
    for (const std::string& name : result.files) paths.push_back(Path(folder) + "/" + name);
    return paths;
  }

  std::unique_ptr<Engine> engine_;
};

TEST_F(DuckDbEngineTest, TellsItsVersion) { EXPECT_EQ(engine_->version(), "duckdb 1.5.5"); }

TEST_F(DuckDbEngineTest, OptionsOutOfRangeAreUsageErrors) {
  EXPECT_EQ(ErrorOf(ErrorKind::kUsage, [] { OpenDuckDb({.num_threads = -1}); }),
            "the number of threads must be 1 to 4096, or 0 for all, not -1");
  EXPECT_EQ(ErrorOf(ErrorKind::kUsage, [] { OpenDuckDb({.memory_limit_bytes = -5}); }),
            "the memory limit must not be negative, it is -5 bytes");
}

TEST_F(DuckDbEngineTest, ValuesComeBackAsTheyWere) {
  const std::vector<NamedValue> row = {
      {"null", std::monostate()},
      {"flag", true},
      {"int", std::int32_t{-7}},
      {"long", std::int64_t{1} << 40},
      {"double", 0.1},
      {"text", std::string("it's é \"x\"")},
      {"vector", std::vector<double>{1.5, 0.0, -2.0}},
      {"ints", std::vector<std::int32_t>{3, 1, 2}},
      {"strings", std::vector<std::string>{"a", "", "a longer text than fits inline"}},
      {"lists", std::vector<std::vector<std::string>>{{"x", "y"}, {}, {"z"}}}};
  EXPECT_EQ(engine_->FetchRow(engine_->Values(row)), row);
}

TEST_F(DuckDbEngineTest, ValuesSurviveParquet) {
  const std::vector<NamedValue> row = {
      {"sizes", std::vector<std::int32_t>{4, 2}},
      {"labels", std::vector<std::vector<std::string>>{{"b", "a"}, {"c"}}},
      {"weights", std::vector<double>{0.5, 0.0}},
      {"intercept", 2.25}};
  const WriteResult written = WriteTo(engine_->Values(row), "out", FileFormat::kParquet);
  EXPECT_EQ(engine_->FetchRow(engine_->ReadParquet(PathsOf("out", written))), row);
}

TEST_F(DuckDbEngineTest, FetchRowWantsOneRow) {
  EXPECT_EQ(ErrorOf(ErrorKind::kInvalidArgument, [&] { engine_->FetchRow(Numbers(2)); }),
            "expected one row, found several");
  EXPECT_EQ(
      ErrorOf(ErrorKind::kInvalidArgument, [&] { engine_->FetchRow(Csv("none.csv", "a,b\n")); }),
      "expected one row, found none");
}

TEST_F(DuckDbEngineTest, QueriesSelectAndFilter) {
  const Relation even = engine_->Query(
      Numbers(10),
      Select{{{Call("*", {Column("ID"), Literal(std::int32_t{2})}), "twice"}, {nullptr, "*"}},
             Call("=", {Call("%", {Column("id"), Literal(std::int32_t{2})}),
                        Literal(std::int32_t{0})})});
  EXPECT_THAT(even.schema().names(), ElementsAre("twice", "id", "word"));
  EXPECT_EQ(even.schema().fields()[0].type, kIntType);
  EXPECT_THAT(ScanAll(even, {{"twice"}}), ElementsAre(0, 4, 8, 12, 16));
}

TEST_F(DuckDbEngineTest, CountsRowsAndConditions) {
  const Relation numbers = Numbers(5000);
  EXPECT_EQ(engine_->Count(numbers), 5000);
  const std::vector<sql::ExpressionPtr> conditions = {
      sql::IsNull(Column("word")), Call("<", {Column("id"), Literal(std::int32_t{10})}),
      Call("=", {Column("word"), Literal("w1")})};
  // Multiples of 7 below 5000: 0, 7, …, 4998, that is 715. Of the 1,000 ids with id mod 5 = 1 those
  // with id mod 35 = 21 are null: 21, 56, …, 4991, that is 143.
  EXPECT_THAT(engine_->CountWhere(numbers, conditions), ElementsAre(715, 10, 857));
  EXPECT_THAT(engine_->CountWhere(numbers, {}), IsEmpty());
  const std::vector<sql::ExpressionPtr> number = {Column("id")};
  EXPECT_EQ(ErrorOf(ErrorKind::kInvalidArgument, [&] { engine_->CountWhere(numbers, number); }),
            "a condition must be true or false, this one is of type int");
}

TEST_F(DuckDbEngineTest, ValueCountsSpeakSparksText) {
  const Relation table = Csv("t.csv", "x,d\n1e7,2020-01-02\n0.0,2020-01-02\n-0.0,\n1e7,\n,\n");
  std::map<std::string, std::int64_t> counts;
  for (const ValueCount& count : engine_->ValueCounts(table, Column("x"))) {
    counts[count.value.value_or("null")] = count.count;
  }
  EXPECT_EQ(counts, (std::map<std::string, std::int64_t>{
                        {"1.0E7", 2}, {"0.0", 1}, {"-0.0", 1}, {"null", 1}}));
  counts.clear();
  for (const ValueCount& count : engine_->ValueCounts(table, Column("d"))) {
    counts[count.value.value_or("null")] = count.count;
  }
  EXPECT_EQ(counts, (std::map<std::string, std::int64_t>{{"2020-01-02", 2}, {"null", 3}}));
}

TEST_F(DuckDbEngineTest, ALeftJoinKeepsRowsWithoutMatchAndRepeatsThoseWithTwo) {
  const Relation left = Csv("l.csv", "a,K\n1,x\n2,y\n3,\n4,z\n");
  const Relation right = Csv("r.csv", "k,b\nx,10\nz,30\nz,31\n,99\n");
  const Relation joined = engine_->Join(left, right, {.keys = {"k"}});
  EXPECT_THAT(joined.schema().names(), ElementsAre("K", "a", "b"));
  std::vector<std::pair<double, double>> pairs;
  const std::vector<double> rows = ScanAll(joined, {{"a"}, {"b"}});
  for (std::size_t i = 0; i < rows.size(); i += 2) {
    pairs.emplace_back(rows[i], std::isnan(rows[i + 1]) ? -1.0 : rows[i + 1]);
  }
  EXPECT_THAT(pairs,
              UnorderedElementsAre(std::pair(1.0, 10.0), std::pair(2.0, -1.0), std::pair(3.0, -1.0),
                                   std::pair(4.0, 30.0), std::pair(4.0, 31.0)));
  EXPECT_EQ(engine_->Count(engine_->Join(left, right, {.keys = {"k"}, .type = JoinType::kInner})),
            3);
}

TEST_F(DuckDbEngineTest, NumericKeysOfOtherWidthsJoin) {
  const Relation left = Csv("l.csv", "k,a\n1,5\n2,6\n");
  const Relation right = Csv("r.csv", "k,b\n1.0,7\n2.5,8\n");
  EXPECT_EQ(engine_->Count(engine_->Join(left, right, {.keys = {"k"}, .type = JoinType::kInner})),
            1);
}

TEST_F(DuckDbEngineTest, JoinsThatAreNotSafeAreRefused) {
  const Relation left = Csv("l.csv", "k,a\n1,5\n");
  const auto error = [&](ErrorKind kind, std::string_view right, std::vector<std::string> keys) {
    return ErrorOf(kind,
                   [&] { engine_->Join(left, Csv("r.csv", right), {.keys = std::move(keys)}); });
  };
  EXPECT_EQ(error(ErrorKind::kInvalidArgument, "k,b\nx,1\n", {"k"}),
            "join: key column 'k' is int on the left and string on the right; declare or cast one "
            "of them so "
            "that both are the same");
  EXPECT_EQ(error(ErrorKind::kInvalidArgument, "k,A\n1,1\n", {"k"}),
            "join: both tables have a column 'A' (letter case does not count) that is not a key; "
            "rename or drop it "
            "in one of them");
  EXPECT_THAT(error(ErrorKind::kNotFound, "q,b\n1,1\n", {"k"}),
              StartsWith("join: the right table has no column 'k'"));
  EXPECT_EQ(error(ErrorKind::kInvalidArgument, "k,b\n1,1\n", {"k", "K"}),
            "join: key column 'K' is named twice");
}

TEST_F(DuckDbEngineTest, ScanGivesVectorsDenseAndNullAsNan) {
  const std::vector<double> values = ScanAll(WithVector(Numbers(3000)), {{"v", 4}, {"id"}});
  ASSERT_EQ(values.size(), 15000);
  for (int i = 0; i < 3000; ++i) {
    const std::vector<double> row(values.begin() + 5 * i, values.begin() + 5 * (i + 1));
    ASSERT_EQ(row, (std::vector<double>{i == 0 ? 1.0 : 0.0, i == 1 ? 1.0 : 0.0, i == 2 ? 1.0 : 0.0,
                                        1.0 * i, 1.0 * i}));
  }
  const std::vector<double> with_null = ScanAll(Csv("n.csv", "x,y\n1,\n,2.5\n"), {{"x"}, {"y"}});
  EXPECT_EQ(with_null[0], 1.0);
  EXPECT_TRUE(std::isnan(with_null[1]));
  EXPECT_TRUE(std::isnan(with_null[2]));
  EXPECT_EQ(with_null[3], 2.5);
}

TEST_F(DuckDbEngineTest, ScanChecksTypesAndLengths) {
  const Relation numbers = Numbers(10);
  const auto error = [&](const Relation& relation, ScanColumn column) {
    return ErrorOf(ErrorKind::kInvalidArgument, [&] { ScanAll(relation, {std::move(column)}); });
  };
  EXPECT_EQ(error(WithVector(numbers), {"v", 5}),
            "column 'v', row 1: a vector of 4 where a vector of 5 numbers was expected");
  EXPECT_EQ(error(numbers, {"word"}),
            "column 'word' is string: only numbers, booleans and vectors can be read as numbers");
  EXPECT_EQ(error(numbers, {"id", 2}), "column 'id' is a number, not a vector of 2");
}

TEST_F(DuckDbEngineTest, ScoreAppendsThePredictionOfEachRow) {
  const auto sum = [](MatrixView<const double> rows, std::span<double> out) {
    for (std::size_t row = 0; row < rows.num_rows(); ++row) {
      out[row] = std::accumulate(rows.row(row).begin(), rows.row(row).end(), 0.5);
    }
  };
  const Relation scored = engine_->Score(WithVector(Numbers(10000)), {{"v", 4}, "prediction"}, sum);
  EXPECT_THAT(scored.schema().names(), ElementsAre("id", "v", "prediction"));
  const std::vector<double> values = ScanAll(scored, {{"id"}, {"prediction"}});
  ASSERT_EQ(values.size(), 20000);
  for (std::size_t i = 0; i < 10000; ++i) {
    ASSERT_EQ(values[2 * i + 1], 0.5 + static_cast<double>(i) + (i < 3 ? 1.0 : 0.0));
  }
}

TEST_F(DuckDbEngineTest, ScoreRefusesNullsOtherLengthsAndPassesErrorsOn) {
  const Relation numbers = Numbers(10);
  const auto zero = [](MatrixView<const double>, std::span<double> out) {
    std::fill(out.begin(), out.end(), 0.0);
  };
  const auto count = [&](const Relation& relation) { ScanAll(relation, {{"p"}}); };
  EXPECT_EQ(ErrorOf(ErrorKind::kInvalidArgument,
                    [&] { count(engine_->Score(WithVector(numbers), {{"v", 3}, "p"}, zero)); }),
            "column 'v' has a vector of 4 numbers where the model expects 3");
  const Relation with_null = engine_->Query(
      numbers, Select{{{Call("ml_one_hot",
                             {sql::TryCast(Column("word"), kDoubleType), Literal(std::int32_t{3})}),
                        "v"}},
                      nullptr});
  EXPECT_EQ(ErrorOf(ErrorKind::kInvalidArgument,
                    [&] { count(engine_->Score(with_null, {{"v", 3}, "p"}, zero)); }),
            "column 'v' has a null vector, for which nothing can be predicted; remove such rows or "
            "fill their "
            "features");
  const auto fail = [](MatrixView<const double>, std::span<double>) {
    throw Error(ErrorKind::kUnsupported, "not today");
  };
  EXPECT_EQ(ErrorOf(ErrorKind::kUnsupported,
                    [&] { count(engine_->Score(WithVector(numbers), {{"v", 4}, "p"}, fail)); }),
            "not today");
  EXPECT_EQ(
      ErrorOf(ErrorKind::kInvalidArgument, [&] { engine_->Score(numbers, {{"id"}, "p"}, zero); }),
      "column 'id' is int, not a vector: nothing can be predicted from it");
  EXPECT_EQ(ErrorOf(ErrorKind::kInvalidArgument,
                    [&] { engine_->Score(WithVector(numbers), {{"v", 4}, "ID"}, zero); }),
            "column 'ID' exists already; name the prediction otherwise");
}

TEST_F(DuckDbEngineTest, ScoreGivesNullForNullIfAsked) {
  const Relation numbers = Numbers(8);  // The words of 0 and 7 are null.
  const sql::ExpressionPtr place =
      sql::If(sql::IsNull(Column("word")), sql::Cast(sql::Null(), kDoubleType), Literal(1.0));
  const Relation rows = engine_->Query(
      numbers,
      Select{{{Column("id"), "id"}, {Call("ml_one_hot", {place, Literal(std::int32_t{2})}), "v"}},
             nullptr});
  const auto second = [](MatrixView<const double> block, std::span<double> out) {
    for (std::size_t row = 0; row < block.num_rows(); ++row) out[row] = block(row, 1);
  };
  const Relation scored = engine_->Score(
      rows, {.features = {"v", 2}, .output_column = "p", .null_for_null = true}, second);
  const sql::ExpressionPtr conditions[] = {sql::IsNull(Column("p")),
                                           Call("=", {Column("p"), Literal(1.0)})};
  EXPECT_THAT(engine_->CountWhere(scored, conditions), ElementsAre(2, 6));
}

TEST_F(DuckDbEngineTest, RowsAreNumberedInTheOrderOfFilesAndRecords) {
  CsvSource csv;
  csv.files = {File("b.csv", "id\n10\n11\n"), File("a.csv", "id\n20\n"),
               File("c.csv", "id\n30\n31\n32\n")};
  const Relation rows = engine_->NumberRows(engine_->ReadCsv(csv), "n");
  EXPECT_THAT(rows.schema().names(), ElementsAre("id", "n"));
  EXPECT_EQ(rows.schema().Get("n").type, kLongType);
  EXPECT_THAT(ScanAll(rows, {{"id"}, {"n"}}),
              ElementsAre(10, 0, 11, 1, 20, 2, 30, 3, 31, 4, 32, 5));

  // Files without rows take no number. Many rows, so that several threads read.
  std::vector<std::string> files;
  std::vector<double> ids;
  for (const int num_rows : {3, 0, 200'000, 1}) {
    const std::string folder = fmt::format("parquet {}", files.size());
    const Relation part = Numbers(num_rows);
    const Relation typed =
        engine_->Query(part, Select{{{sql::Cast(Column("id"), kIntType), "id"}}, nullptr});
    files.push_back(PathsOf(folder, WriteTo(typed, folder, FileFormat::kParquet, 0)).front());
    for (int i = 0; i < num_rows; ++i) ids.push_back(i);
  }
  const Relation numbered = engine_->NumberRows(engine_->ReadParquet(files), "n");
  std::vector<double> by_number(ids.size(), -1.0);
  engine_->Scan(numbered, {{"id"}, {"n"}}, [&](MatrixView<const double> block) {
    for (std::size_t row = 0; row < block.num_rows(); ++row) {
      by_number.at(static_cast<std::size_t>(block(row, 1))) = block(row, 0);
    }
  });
  EXPECT_EQ(by_number, ids);
}

TEST_F(DuckDbEngineTest, OnlyRowsOfFilesAreNumbered) {
  const Relation numbers = Numbers(3);
  EXPECT_EQ(ErrorOf(ErrorKind::kInvalidArgument, [&] { engine_->NumberRows(numbers, "ID"); }),
            "there is a column 'ID' already; rename it in its file");
  EXPECT_EQ(ErrorOf(ErrorKind::kInternal, [&] { engine_->NumberRows(WithVector(numbers), "n"); }),
            "only the rows of files can be numbered");
  const WriteResult written =
      WriteTo(engine_->Query(numbers, Select{{{Column("id"), "file_index"}}, nullptr}), "out",
              FileFormat::kParquet);
  EXPECT_THAT(
      ErrorOf(ErrorKind::kUnsupported,
              [&] { engine_->NumberRows(engine_->ReadParquet(PathsOf("out", written)), "n"); }),
      HasSubstr("the rows of a file with a column 'file_index' can't be numbered"));
}

TEST_F(DuckDbEngineTest, KeepComputesOnce) {
  std::atomic<int> num_scored = 0;
  const Relation scored = engine_->Score(WithVector(Numbers(10)), {{"v", 4}, "p"},
                                         [&](MatrixView<const double> rows, std::span<double> out) {
                                           num_scored += static_cast<int>(rows.num_rows());
                                           std::fill(out.begin(), out.end(), 1.0);
                                         });
  const Relation kept = engine_->Keep(scored);
  EXPECT_EQ(ScanAll(kept, {{"p"}}), ScanAll(kept, {{"p"}}));
  EXPECT_EQ(num_scored, 10);
  EXPECT_EQ(kept.schema(), scored.schema());
}

TEST_F(DuckDbEngineTest, ParquetIsSplitIntoFilesOfTheTargetSize) {
  const Relation numbers = Numbers(300'000);
  const WriteResult written = WriteTo(numbers, "out", FileFormat::kParquet, 100'000);
  EXPECT_EQ(written.num_rows, 300'000);
  ASSERT_GT(written.files.size(), 1);
  EXPECT_EQ(written.files.front(), "part-00000-u-1-c000.snappy.parquet");
  EXPECT_EQ(written.files[1], "part-00001-u-1-c000.snappy.parquet");
  std::size_t num_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(Path("out")))
    num_files += entry.is_regular_file();
  EXPECT_EQ(num_files, written.files.size());
  const Relation back = engine_->ReadParquet(PathsOf("out", written));
  EXPECT_EQ(back.schema(), numbers.schema());
  std::vector<double> ids = ScanAll(back, {{"id"}});
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(ids, ScanAll(numbers, {{"id"}}));
}

TEST_F(DuckDbEngineTest, OneFileKeepsTheOrderOfTheRows) {
  const Relation numbers = Numbers(300'000);
  const WriteResult parquet = WriteTo(numbers, "parquet", FileFormat::kParquet, 0);
  EXPECT_EQ(parquet.num_rows, 300'000);
  const std::vector<double> ids = ScanAll(numbers, {{"id"}});
  EXPECT_EQ(ScanAll(engine_->ReadParquet(PathsOf("parquet", parquet)), {{"id"}}), ids);
  CsvSource source;
  source.files = PathsOf("csv", WriteTo(numbers, "csv", FileFormat::kCsv, 0));
  EXPECT_THAT(source.files, ElementsAre(HasSubstr("part-00000-u-1-c000.csv")));
  EXPECT_EQ(ScanAll(engine_->ReadCsv(source), {{"id"}}), ids);
}

TEST_F(DuckDbEngineTest, AColumnOrdersTheRowsAndIsNotWritten) {
  // Neighbours are far apart in the relation.
  constexpr int kNumRows = 100'000;
  const Relation shuffled = engine_->Query(
      Numbers(kNumRows), Select{{{Call("%", {Call("*", {Column("id"), Literal(std::int32_t{7919})}),
                                             Literal(std::int32_t{kNumRows})}),
                                  "place"},
                                 {Column("word"), "word"},
                                 {Column("id"), "id"}},
                                nullptr});
  for (const FileFormat format : {FileFormat::kParquet, FileFormat::kCsv}) {
    const std::string folder = format == FileFormat::kCsv ? "csv" : "parquet";
    const WriteResult written = engine_->Write(shuffled, {.format = format,
                                                          .directory = Folder(folder),
                                                          .uuid = "u-1",
                                                          .target_file_bytes = 1000,
                                                          .order_by = "PLACE"});
    EXPECT_EQ(written.num_rows, kNumRows);
    ASSERT_EQ(written.files.size(), 1);
    const Relation back = format == FileFormat::kCsv
                              ? engine_->ReadCsv({.files = PathsOf(folder, written)})
                              : engine_->ReadParquet(PathsOf(folder, written));
    EXPECT_THAT(back.schema().names(), ElementsAre("word", "id"));
    const std::vector<double> ids = ScanAll(back, {{"id"}});
    for (std::size_t i = 0; i < ids.size(); ++i) {
      ASSERT_EQ(static_cast<std::size_t>(std::fmod(ids[i] * 7919.0, kNumRows)), i);
    }
  }
}

TEST_F(DuckDbEngineTest, ARelationWithoutRowsIsOneFileWithItsSchema) {
  const Relation none = Csv("none.csv", "a,b\n");
  const WriteResult parquet = WriteTo(none, "parquet", FileFormat::kParquet);
  EXPECT_THAT(parquet.files, ElementsAre("part-00000-u-1-c000.snappy.parquet"));
  EXPECT_EQ(parquet.num_rows, 0);
  EXPECT_EQ(engine_->ReadParquet(PathsOf("parquet", parquet)).schema(), none.schema());
  const WriteResult csv = WriteTo(none, "csv", FileFormat::kCsv);
  EXPECT_THAT(csv.files, ElementsAre("part-00000-u-1-c000.csv"));
  EXPECT_EQ(Content(PathsOf("csv", csv)[0]), "a,b\n");
}

TEST_F(DuckDbEngineTest, FooterEntriesComeBack) {
  const WriteResult written = WriteTo(Numbers(3), "out", FileFormat::kParquet);
  const std::string file = PathsOf("out", written)[0];
  EXPECT_EQ(engine_->ParquetKeyValue(file, "some.key"), "it's {a} \"value\"");
  EXPECT_EQ(engine_->ParquetKeyValue(file, "other.key"), std::nullopt);
}

TEST_F(DuckDbEngineTest, VectorColumnsSurviveParquet) {
  const Relation relation = WithVector(Numbers(5000));
  const WriteResult written = WriteTo(relation, "out", FileFormat::kParquet);
  const Relation back = engine_->ReadParquet(PathsOf("out", written));
  EXPECT_EQ(back.schema().Get("v").type, kVectorType);
  EXPECT_EQ(ScanAll(back, {{"id"}, {"v", 4}}), ScanAll(relation, {{"id"}, {"v", 4}}));
}

TEST_F(DuckDbEngineTest, AllTypesSurviveParquet) {
  const Relation table =
      Csv("t.csv",
          "i,l,d,s,day,at,b,m\n"
          "1,5000000000,0.5,x,2020-01-02,2020-01-02 03:04:05,true,9223372036854775808\n");
  const WriteResult written = WriteTo(table, "out", FileFormat::kParquet);
  const Relation back = engine_->ReadParquet(PathsOf("out", written));
  EXPECT_EQ(back.schema(), table.schema());
  EXPECT_EQ(engine_->FetchRow(back), engine_->FetchRow(table));
}

TEST_F(DuckDbEngineTest, FilesWithPatternCharactersInTheirNamesAreTakenLiterally) {
  const WriteResult written = WriteTo(Numbers(3), "out", FileFormat::kParquet);
  const std::string file = Path("we[i]rd*?.parquet");
  std::filesystem::copy_file(PathsOf("out", written)[0], file);
  EXPECT_EQ(engine_->Count(engine_->ReadParquet({file})), 3);
  CsvSource source;
  source.files = {File("a[b]*.csv", "x,y\n1,2\n")};
  EXPECT_EQ(engine_->Count(engine_->ReadCsv(source)), 1);
}

TEST_F(DuckDbEngineTest, BrokenParquetFilesAreNamed) {
  const auto error = [&](const std::vector<std::string>& files,
                         ErrorKind kind = ErrorKind::kInvalidArgument) {
    return ErrorOf(kind, [&] { engine_->ReadParquet(files); });
  };
  const std::string whole = PathsOf("out", WriteTo(Numbers(3), "out", FileFormat::kParquet))[0];
  const std::string bytes = Content(whole);
  EXPECT_EQ(error({Path("none.parquet")}, ErrorKind::kNotFound),
            "none.parquet: there is no such file");
  EXPECT_EQ(error({whole, File("text.parquet", "hello, I am a text file")}),
            "text.parquet: not a Parquet file");
  EXPECT_EQ(error({File("empty.parquet", "")}), "empty.parquet: not a Parquet file");
  EXPECT_EQ(error({whole, File("cut.parquet", bytes.substr(0, bytes.size() / 2))}),
            "cut.parquet: the Parquet file is cut short (its end is missing); write it again");
  std::string spoilt = bytes;
  std::fill(spoilt.end() - 60, spoilt.end() - 8, '\xFF');
  EXPECT_THAT(error({File("spoilt.parquet", spoilt)}),
              StartsWith("spoilt.parquet: the Parquet file is damaged: "));
  EXPECT_EQ(error({}), "there is no Parquet file to read");
}

TEST_F(DuckDbEngineTest, ParquetFilesOfOneTableMustHaveTheSameColumns) {
  const auto write = [&](std::string_view folder, std::string_view csv) {
    return PathsOf(
        folder, WriteTo(Csv(std::string(folder) + ".csv", csv), folder, FileFormat::kParquet))[0];
  };
  const std::string first = write("1", "a,b\n1,x\n");
  const auto error = [&](const std::string& second) {
    return ErrorOf(ErrorKind::kInvalidArgument, [&] { engine_->ReadParquet({first, second}); });
  };
  EXPECT_EQ(error(write("2", "a,c\n1,x\n")),
            "2/part-00000-u-1-c000.snappy.parquet: column 'b' is missing; "
            "1/part-00000-u-1-c000.snappy.parquet has it");
  EXPECT_EQ(error(write("3", "a,b\n1.5,x\n")),
            "3/part-00000-u-1-c000.snappy.parquet: column 'a' is double, but int in "
            "1/part-00000-u-1-c000.snappy.parquet");
  EXPECT_EQ(engine_->Count(engine_->ReadParquet({first, write("4", "b,a\ny,2\n")})), 2);
}

TEST_F(DuckDbEngineTest, CsvIsWrittenAsSparkWritesIt) {
  // In quotes: ` lead`, `with"quote`, `a\"b`, `back\slash`, a null, `x,y`. Expected by spec E.2 and
  // I.7.
  const Relation table = Csv("t.csv",
                             "s,d,i,b,day,at\n"
                             "\" lead\",15,1,true,2021-01-02,2021-01-02 03:04:05.678\n"
                             "\"with\"\"quote\",1e-5,2,false,2021-01-02,2021-01-02\n"
                             "\"a\\\"\"b\",1e7,3,true,,\n"
                             "back\\slash,NaN,4,true,,\n"
                             ",,,,,\n"
                             "\"x,y\",-0.0,5,true,,\n");
  const WriteResult written = WriteTo(table, "out", FileFormat::kCsv);
  EXPECT_EQ(written.num_rows, 6);
  EXPECT_EQ(Content(PathsOf("out", written).at(0)),
            "s,d,i,b,day,at\n"
            "lead,15.0,1,true,2021-01-02,2021-01-02T03:04:05.678Z\n"
            "\"with\\\"quote\",1.0E-5,2,false,2021-01-02,2021-01-02T00:00:00.000Z\n"
            "\"a\\\\\\\"b\",1.0E7,3,true,,\n"
            "back\\slash,NaN,4,true,,\n"
            ",,,,,\n"
            "\"x,y\",-0.0,5,true,,\n");
}

TEST_F(DuckDbEngineTest, EachCsvFileHasTheHeader) {
  const WriteResult written = WriteTo(Numbers(100'000), "out", FileFormat::kCsv, 300'000);
  ASSERT_GT(written.files.size(), 1);
  EXPECT_EQ(written.num_rows, 100'000);
  std::int64_t num_lines = 0;
  for (const std::string& path : PathsOf("out", written)) {
    const std::string content = Content(path);
    EXPECT_THAT(content, StartsWith("id,word\n"));
    num_lines += std::count(content.begin(), content.end(), '\n') - 1;
  }
  EXPECT_EQ(num_lines, 100'000);
}

TEST_F(DuckDbEngineTest, CsvHoldsNoVectors) {
  EXPECT_EQ(ErrorOf(ErrorKind::kUnsupported,
                    [&] { WriteTo(WithVector(Numbers(3)), "out", FileFormat::kCsv); }),
            "column 'v': CSV cannot hold a vector; leave it out or write Parquet");
}

TEST_F(DuckDbEngineTest, WritingWhereOneCannotIsAnIoError) {
  const Relation numbers = Numbers(3);
  const std::string error = ErrorOf(ErrorKind::kIo, [&] {
    engine_->Write(numbers, {.directory = Path("numbers.csv") + "/sub", .uuid = "u"});
  });
  EXPECT_THAT(error, StartsWith("writing to numbers.csv/sub: "));
}

TEST_F(DuckDbEngineTest, ErrorsOfRowsAreInvalidArguments) {
  const Relation bad =
      engine_->Query(Numbers(10), Select{{{sql::Cast(Column("word"), kIntType), "x"}}, nullptr});
  EXPECT_THAT(ErrorOf(ErrorKind::kInvalidArgument, [&] { ScanAll(bad, {{"x"}}); }),
              StartsWith("[CAST_INVALID_INPUT]"));
}

TEST_F(DuckDbEngineTest, InterruptEndsTheRunningCall) {
  std::atomic<bool> started = false;
  const Relation slow = engine_->Score(WithVector(Numbers(20'000)), {{"v", 4}, "p"},
                                       [&](MatrixView<const double>, std::span<double> out) {
                                         started = true;
                                         std::this_thread::sleep_for(std::chrono::milliseconds(20));
                                         std::fill(out.begin(), out.end(), 0.0);
                                       });
  std::thread interrupter([&] {
    while (!started) std::this_thread::yield();
    engine_->Interrupt();
  });
  EXPECT_EQ(ErrorOf(ErrorKind::kInterrupted, [&] { engine_->Keep(slow); }), "interrupted");
  interrupter.join();
  EXPECT_EQ(engine_->Count(Numbers(5)), 5);
}

TEST_F(DuckDbEngineTest, ResultsDoNotDependOnThreads) {
  const auto run = [&](int num_threads) {
    engine_ = OpenDuckDb({.num_threads = num_threads});
    const Relation numbers = Numbers(50'000);
    const Relation words = Csv("words.csv", "word,x\nw1,10\nw2,20\nw3,30\nw4,40\n");
    const Relation joined = engine_->Join(numbers, words, {.keys = {"word"}});
    const std::string folder = fmt::format("out{}", num_threads);
    const WriteResult written = WriteTo(joined, folder, FileFormat::kCsv, 0);
    return Content(PathsOf(folder, written).at(0));
  };
  const std::string expected = run(1);
  EXPECT_EQ(std::count(expected.begin(), expected.end(), '\n'), 50'001);
  EXPECT_EQ(run(4), expected);
}

}  // namespace
}  // namespace firesteel::duckdb
