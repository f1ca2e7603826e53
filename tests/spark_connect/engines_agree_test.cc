// Every verb of Engine on DuckDB and on Spark, over the same rows, drawn at random. Runs where
// SPARK_REMOTE names a server that sees this machine's files; says that it was skipped otherwise.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <random>
#include <sstream>

#include "base/error.h"
#include "base/random.h"
#include "engine/duckdb/duckdb_engine.h"
#include "engine/spark/spark_engine.h"
#include "engine/spark/training_rows.h"
#include "engine/spark/vector_slots.h"

namespace firesteel {
namespace {

using sql::Call;
using sql::Column;
using sql::Literal;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kSchemaOfFeatures =
    R"({"type":"struct","fields":[{"name":"f","type":{"type":"udt",)"
    R"("class":"org.apache.spark.ml.linalg.VectorUDT","pyClass":"pyspark.ml.linalg.VectorUDT",)"
    R"("sqlType":{"type":"struct","fields":[)"
    R"({"name":"type","type":"byte","nullable":false,"metadata":{}},)"
    R"({"name":"size","type":"integer","nullable":true,"metadata":{}},)"
    R"({"name":"indices","type":{"type":"array","elementType":"integer","containsNull":false},)"
    R"("nullable":true,"metadata":{}},)"
    R"({"name":"values","type":{"type":"array","elementType":"double","containsNull":false},)"
    R"("nullable":true,"metadata":{}}]}},"nullable":true,"metadata":{}},)"
    R"({"name":"label","type":"double","nullable":true,"metadata":{}},)"
    R"({"name":"weight","type":"double","nullable":true,"metadata":{}}]})";

SparkRemote Remote() { return ParseSparkRemote(std::getenv("SPARK_REMOTE")); }

class EnginesAgreeTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (std::getenv("SPARK_REMOTE") == nullptr) return;
    spark_ = OpenSpark({.remote = Remote()}).release();
    duckdb_ = OpenDuckDb({.num_threads = 2}).release();
  }
  static void TearDownTestSuite() {
    delete spark_;
    delete duckdb_;
    spark_ = duckdb_ = nullptr;
  }
  void SetUp() override {
    if (spark_ == nullptr) GTEST_SKIP() << "SPARK_REMOTE names no server";
    folder_ = std::filesystem::temp_directory_path() / ("engines-agree-" + RandomUuid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::vector<Engine*> Both() { return {duckdb_, spark_}; }

  std::string File(std::string_view name, std::string_view content) const {
    const std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::string NewFolder() {
    const std::string path = (folder_ / fmt::format("out {}", num_folders_++)).string();
    std::filesystem::create_directories(path);
    return path;
  }
  static std::string Content(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }

  // The rows of a relation as Spark writes them to CSV, header first, the rest sorted.
  std::vector<std::string> RowsOf(Engine& engine, const Relation& relation) {
    WriteOptions options;
    options.format = FileFormat::kCsv;
    options.directory = NewFolder();
    options.uuid = "u";
    options.target_file_bytes = 0;
    const WriteResult written = engine.Write(relation, options);
    EXPECT_EQ(written.files.size(), 1U);
    std::istringstream text(Content(options.directory + "/" + written.files.front()));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    EXPECT_FALSE(lines.empty());
    EXPECT_EQ(written.num_rows, static_cast<std::int64_t>(lines.size()) - 1);
    std::sort(lines.begin() + 1, lines.end());
    return lines;
  }

  // Columns: a key with repetitions and nulls, numbers, text that needs care, a date.
  std::string RandomCsv(std::string_view name, int num_rows, unsigned seed) {
    std::mt19937 random(seed);
    const auto draw = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    const std::vector<std::string> words = {"",     "a",     "B b",  "é",   "x\"y",
                                            "it's", "semi;", "$100", "{1}", "back`tick"};
    std::string text = "key,whole,number,word,day\n";
    for (int i = 0; i < num_rows; ++i) {
      std::string word = words[static_cast<std::size_t>(draw(10))];
      if (word.find('"') != std::string::npos) word = "\"x\"\"y\"";
      text += fmt::format("{},{},{},{},{}\n", draw(8) == 0 ? "" : fmt::format("k{}", draw(5)),
                          draw(20) - 5, draw(6) == 0 ? "" : fmt::format("{}", draw(40) / 4.0 - 2),
                          word, fmt::format("2021-{:02}-{:02}", 1 + draw(12), 1 + draw(28)));
    }
    return File(name, text);
  }

  // Features (a vector of a number, a category and a one-hot), label, weight.
  static Relation Features(Engine& engine, const Relation& rows) {
    const auto number = sql::Cast(Column("number"), kDoubleType);
    const auto whole = sql::Cast(Column("whole"), kDoubleType);
    const auto index =
        Call("ml_string_index", {Column("key"), Literal("k0"), Literal("k1"), Literal("k2")});
    sql::Select select;
    select.items = {
        {Call("ml_one_hot", {Call("coalesce", {index, Literal(3.0)}), Literal(std::int32_t{3})}),
         "hot"},
        {number, "number"},
        {whole, "whole"},
        {Call("abs", {whole}), "label"},
        {Call("+", {Literal(1.0), Call("abs", {whole})}), "weight"}};
    select.where = sql::Not(sql::IsNull(Column("number")));
    const Relation parts = engine.Query(rows, select);
    sql::Select assembled;
    assembled.items = {
        {Call("ml_assemble", {Column("number"), Column("hot"), Column("whole")}), "f"},
        {Column("label"), "label"},
        {Column("weight"), "weight"}};
    return engine.Query(parts, assembled);
  }

  static Engine* spark_;
  static Engine* duckdb_;
  std::filesystem::path folder_;
  int num_folders_ = 0;
};

Engine* EnginesAgreeTest::spark_ = nullptr;
Engine* EnginesAgreeTest::duckdb_ = nullptr;

TEST_F(EnginesAgreeTest, TellsItsVersion) {
  EXPECT_THAT(spark_->version(), ::testing::MatchesRegex("spark 4\\.[0-9]+\\.[0-9]+.*"));
}

TEST_F(EnginesAgreeTest, CsvHasTheSameTypesAndRows) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    const std::string file = RandomCsv("rows.csv", 200, seed);
    std::vector<std::vector<std::string>> rows;
    std::vector<Schema> schemas;
    for (Engine* engine : Both()) {
      const Relation csv = engine->ReadCsv({.files = {file}});
      schemas.push_back(csv.schema());
      rows.push_back(RowsOf(*engine, csv));
      EXPECT_EQ(engine->Count(csv), 200);
    }
    EXPECT_EQ(schemas[0], schemas[1]);
    EXPECT_EQ(rows[0], rows[1]);
  }
}

// Too much to be called little, so that Spark's files are split among tasks and rows are kept.
TEST_F(EnginesAgreeTest, MuchTextHasTheSameTypesAndRows) {
  std::string text = "key,number,note\n";
  std::int64_t num_rows = 0;
  for (const std::string note(80, 'n'); text.size() < (std::size_t{12} << 20); ++num_rows) {
    text += fmt::format("{},{},{} {}\n", num_rows % 7, num_rows % 1000 / 8.0, note, num_rows % 3);
  }
  for (const bool spans_lines : {false, true}) {
    if (spans_lines) text += "7,0.5,\"one\ntwo\"\n";
    const std::string file = File("much.csv", text);
    std::vector<Schema> schemas;
    std::vector<std::map<std::string, std::int64_t>> counts;
    for (Engine* engine : Both()) {
      const Relation csv = engine->ReadCsv({.files = {file}});
      schemas.push_back(csv.schema());
      EXPECT_EQ(engine->Count(csv), num_rows + (spans_lines ? 1 : 0));
      const Relation rows = engine->Reuse(csv);
      auto& all = counts.emplace_back();
      for (const std::string column : {"key", "number", "note"}) {
        for (const ValueCount& count : engine->ValueCounts(rows, Column(column))) {
          all[column + ' ' + count.value.value_or("null")] += count.count;
        }
      }
    }
    EXPECT_EQ(schemas[0], schemas[1]);
    EXPECT_EQ(counts[0], counts[1]);
    EXPECT_EQ(counts[1].contains("note one\ntwo"), spans_lines);
  }
}

TEST_F(EnginesAgreeTest, CsvTypesAreThoseOfTheSpecification) {
  const std::string file =
      File("types.csv",
           "int,long,decimal,double,date,timestamp,boolean,text,blank,none\n"
           "1,2147483648,9223372036854775808,2.5,2020-01-02,2020-01-02 03:04:05,true,9/11/20, 5,\n"
           "+5,-1,1,1e5,2020-02-29,2020-1-2,FALSE,x,7,\n");
  for (const CsvOptions::Dialect dialect :
       {CsvOptions::Dialect::kRfc4180, CsvOptions::Dialect::kSpark}) {
    std::vector<Schema> schemas;
    std::vector<std::vector<std::string>> rows;
    for (Engine* engine : Both()) {
      const Relation csv = engine->ReadCsv({.files = {file}, .options = {.dialect = dialect}});
      schemas.push_back(csv.schema());
      rows.push_back(RowsOf(*engine, csv));
    }
    EXPECT_EQ(schemas[0], schemas[1]);
    EXPECT_EQ(rows[0], rows[1]);
  }
}

TEST_F(EnginesAgreeTest, DeclaredTypesHold) {
  const std::string file = File("declared.csv", "a,b\n1,2\n3,\n");
  std::vector<std::vector<std::string>> rows;
  for (Engine* engine : Both()) {
    const Relation csv =
        engine->ReadCsv({.files = {file}, .types = {{"a", kStringType}, {"b", kDoubleType}}});
    EXPECT_EQ(csv.schema().Get("a").type, kStringType);
    EXPECT_EQ(csv.schema().Get("b").type, kDoubleType);
    rows.push_back(RowsOf(*engine, csv));
  }
  EXPECT_EQ(rows[0], rows[1]);
}

TEST_F(EnginesAgreeTest, MalformedCsvIsAnErrorThatNamesTheFile) {
  for (const char* text : {"a,b\n1,2\n3\n", "a,b\n1,2,3\n"}) {
    const std::string file = File("bad.csv", text);
    for (Engine* engine : Both()) {
      try {
        engine->Count(engine->ReadCsv({.files = {file}}));
        ADD_FAILURE() << engine->version() << " took " << text;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument) << error.what();
        EXPECT_THAT(error.what(), HasSubstr("bad.csv"));
      }
    }
  }
}

TEST_F(EnginesAgreeTest, JoinsGiveTheSameRows) {
  const std::string left = RandomCsv("left.csv", 100, 5);
  const std::string right = File("right.csv", "key,size\nk0,1\nk1,2\nk1,3\n,9\n");
  for (const JoinType type : {JoinType::kLeft, JoinType::kInner}) {
    std::vector<std::vector<std::string>> rows;
    for (Engine* engine : Both()) {
      rows.push_back(RowsOf(*engine, engine->Join(engine->ReadCsv({.files = {left}}),
                                                  engine->ReadCsv({.files = {right}}),
                                                  {.keys = {"key"}, .type = type})));
    }
    EXPECT_EQ(rows[0], rows[1]);
    EXPECT_GT(rows[0].size(), 20U);
  }
}

TEST_F(EnginesAgreeTest, CountsAreTheSame) {
  const std::string file = RandomCsv("rows.csv", 300, 6);
  std::vector<std::vector<std::int64_t>> counts;
  std::vector<std::vector<std::pair<std::string, std::int64_t>>> values;
  for (Engine* engine : Both()) {
    const Relation csv = engine->ReadCsv({.files = {file}});
    const std::vector<sql::ExpressionPtr> conditions = {
        sql::IsNull(Column("key")), Call("<", {Column("number"), Literal(0.0)}),
        Call("=", {Column("word"), Literal("it's")})};
    counts.push_back(engine->CountWhere(csv, conditions));
    const std::vector<sql::ExpressionPtr> expressions = {
        Column("key"), Call("*", {Column("number"), Literal(-1.0)}), Column("day")};
    auto& all = values.emplace_back();
    int which = 0;
    for (const auto& of_one : engine->ValueCountsOf(csv, expressions)) {
      for (const ValueCount& count : of_one) {
        all.emplace_back(fmt::format("{} {}", which, count.value.value_or("null")), count.count);
      }
      ++which;
    }
    std::sort(all.begin(), all.end());
  }
  EXPECT_EQ(counts[0], counts[1]);
  EXPECT_EQ(values[0], values[1]);
}

TEST_F(EnginesAgreeTest, ScansGiveTheSameNumbers) {
  const std::string file = RandomCsv("rows.csv", 150, 7);
  std::vector<std::vector<std::vector<double>>> scanned(2);
  std::vector<std::map<std::vector<double>, std::int64_t>> counted(2);
  for (std::size_t i = 0; i < 2; ++i) {
    Engine& engine = *Both()[i];
    const Relation rows = Features(engine, engine.ReadCsv({.files = {file}}));
    engine.Scan(rows, {{"f", 5}, {"label"}}, [&](MatrixView<const double> block) {
      for (std::size_t row = 0; row < block.num_rows(); ++row) {
        scanned[i].emplace_back(block.row(row).begin(), block.row(row).end());
      }
    });
    std::sort(scanned[i].begin(), scanned[i].end());
    engine.ScanCounted(rows, {"label", "weight"},
                       [&](MatrixView<const double> block, std::span<const std::int64_t> counts) {
                         for (std::size_t row = 0; row < block.num_rows(); ++row) {
                           counted[i][{block.row(row).begin(), block.row(row).end()}] +=
                               counts[row];
                         }
                       });
    EXPECT_THAT([&] { engine.Scan(rows, {{"f", 4}}, [](MatrixView<const double>) {}); },
                ::testing::Throws<Error>());
  }
  EXPECT_THAT(scanned[0], Not(IsEmpty()));
  EXPECT_EQ(scanned[0], scanned[1]);
  EXPECT_EQ(counted[0], counted[1]);
}

TEST_F(EnginesAgreeTest, TrainingSeesTheSame) {
  const std::string file = RandomCsv("rows.csv", 400, 8);
  const std::vector<std::size_t> features = {0, 2, 4};
  const std::vector<FeatureBins> bins = {{.thresholds = {-1.0, 0.1, 2.25}},
                                         {.arity = 2},
                                         {.thresholds = {0.5}},
                                         {},
                                         {.thresholds = {-3.0, 0.0, 4.0, 9.0}}};
  for (const bool weighted : {false, true}) {
    TrainingView view{.features = {"f", 5}, .label = "label"};
    if (weighted) view.weight = "weight";
    std::vector<Cells> cells;
    std::vector<std::vector<std::vector<WeightedValue>>> values;
    std::vector<std::vector<ValueRange>> ranges;
    for (Engine* engine : Both()) {
      const Relation rows = Features(*engine, engine->ReadCsv({.files = {file}}));
      values.push_back(engine->DistinctValues(rows, view, features));
      cells.push_back(engine->MakeCells(rows, view, bins).value());
      ranges.push_back(engine->FeatureRanges(rows, view));
      EXPECT_THAT(engine->CountUnusable(rows, view), ::testing::Each(0));
    }
    EXPECT_EQ(values[0], values[1]);
    EXPECT_EQ(ranges[0], ranges[1]);
    EXPECT_EQ(cells[0].bins, cells[1].bins);
    EXPECT_EQ(cells[0].labels, cells[1].labels);
    EXPECT_EQ(cells[0].weights, cells[1].weights);
    EXPECT_EQ(cells[0].counts, cells[1].counts);
    EXPECT_GT(cells[0].size(), 20U);
  }
}

// Of the vectors of files, as structs and by Spark's functions, whether they are dense or sparse.
TEST_F(EnginesAgreeTest, VectorsOfFilesAreTakenApart) {
  constexpr std::int64_t kPlenty = std::int64_t{1} << 30;
  const std::vector<FeatureBins> bins = {{.thresholds = {-1.0, 0.1, 2.25}},
                                         {.arity = 2},
                                         {.arity = 2},
                                         {.arity = 2},
                                         {.thresholds = {-3.0, 0.0, 4.0, 9.0}}};
  const Relation made =
      Features(*duckdb_, duckdb_->ReadCsv({.files = {RandomCsv("rows.csv", 400, 8)}}));
  std::string file;
  for (const std::string& json : {std::string(), std::string(kSchemaOfFeatures)}) {
    WriteOptions options;
    options.directory = NewFolder();
    options.uuid = "u";
    if (!json.empty()) options.key_values["org.apache.spark.sql.parquet.row.metadata"] = json;
    file = options.directory + "/" + duckdb_->Write(made, options).files.front();
    const VectorSlots slots = SlotsOfFiles({file}, json, made.schema());
    EXPECT_FALSE(NumbersOf(slots, "label", 1));
    const TrainingQuery query{.plan = slots.plan,
                              .features = NumbersOf(slots, "f", 5).value(),
                              .label = "label",
                              .weight = "weight"};
    ConnectClient client(Remote());
    const TrainingView view{.features = {"f", 5}, .label = "label", .weight = "weight"};
    const std::vector<std::size_t> features = {0, 1, 2, 3, 4};
    EXPECT_EQ(FetchDistinctValues(&client, query, features, kPlenty).values,
              duckdb_->DistinctValues(made, view, features));
    EXPECT_EQ(FetchRanges(&client, query), duckdb_->FeatureRanges(made, view));
    const Cells all = FetchCells(&client, query, bins, kPlenty).value();
    const Cells expected = duckdb_->MakeCells(made, view, bins).value();
    EXPECT_EQ(all.bins, expected.bins);
    EXPECT_EQ(all.labels, expected.labels);
    EXPECT_EQ(all.weights, expected.weights);
    EXPECT_EQ(all.counts, expected.counts);
    // A vector of another length has no number where one is asked for.
    TrainingQuery other = query;
    other.features = NumbersOf(slots, "f", 6).value();
    EXPECT_FALSE(HasAllFeatures(FetchDistinctRows(&client, other).value()));
    EXPECT_TRUE(HasAllFeatures(FetchDistinctRows(&client, query).value()));
  }
  for (Engine* engine : Both()) {
    const Relation read = engine->ReadParquet({file});
    try {
      engine->MakeCells(read, {.features = {"f", 6}, .label = "label"},
                        std::vector<FeatureBins>(6));
      ADD_FAILURE() << engine->version() << " took vectors of five numbers for six";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("a vector of 5 ")) << engine->version();
    }
  }
}

// What is asked of all rows when they do not collapse, beside what is asked of the distinct ones.
TEST_F(EnginesAgreeTest, RowsThatDoNotCollapseGiveTheSame) {
  ConnectClient client(Remote());
  constexpr std::int64_t kPlenty = std::int64_t{1} << 30;
  const auto number = [](int i) { return fmt::format("CAST('{}' AS DOUBLE)", i); };
  for (const bool unusable : {false, true}) {
    std::string rows;
    std::mt19937 random(9);
    for (int i = 0; i < 300; ++i) {
      std::string label = number(static_cast<int>(random() % 7));
      if (unusable && i == 17) label = "CAST('NaN' AS DOUBLE)";
      if (unusable && i == 18) label = "CAST(NULL AS DOUBLE)";
      rows += fmt::format("{}(array({}, {} / 4, {}), {}, {})", i == 0 ? "" : ", ",
                          number(static_cast<int>(random() % 50) - 20),
                          number(static_cast<int>(random() % 9)),
                          number(static_cast<int>(random() % 3)), label,
                          number(1 + static_cast<int>(random() % 2)));
    }
    const TrainingQuery query = QueryOfArray(
        spark_plans::Sql(fmt::format("SELECT * FROM VALUES {} AS t(f, label, weight)", rows)), "f",
        3, "label", "weight");
    const std::vector<FeatureBins> bins = {
        {.thresholds = {-10.0, -0.5, 0.1, 13.0}}, {.thresholds = {0.3, 1.7}}, {.arity = 3}};
    const std::vector<std::size_t> features = {0, 1, 2};
    const DistinctRows distinct = FetchDistinctRows(&client, query).value();
    const FetchedValues values = FetchDistinctValues(&client, query, features, kPlenty);
    EXPECT_EQ(values.values, DistinctValuesOf(distinct, features));
    EXPECT_EQ(values.one_in, (std::vector<std::int64_t>{1, 1, 1}));
    EXPECT_EQ(FetchRanges(&client, query), RangesOf(distinct));
    EXPECT_EQ(FetchUnusable(&client, query), UnusableOf(distinct, true));
    const std::optional<Cells> all = FetchCells(&client, query, bins, kPlenty);
    const std::optional<Cells> some = CellsOf(distinct, bins);
    ASSERT_EQ(all.has_value(), !unusable);
    ASSERT_EQ(some.has_value(), !unusable);
    if (unusable) continue;
    EXPECT_EQ(all->bins, some->bins);
    EXPECT_EQ(all->labels, some->labels);
    EXPECT_EQ(all->weights, some->weights);
    EXPECT_EQ(all->counts, some->counts);
    // Of what does not fit, a part of the feature with many values, and all of the others.
    const FetchedValues part = FetchDistinctValues(&client, query, features, 3000);
    EXPECT_EQ(part.values, FetchDistinctValues(&client, query, features, 3000).values);
    EXPECT_GT(part.one_in[0], 1);
    EXPECT_FALSE(part.values[0].empty());
    EXPECT_LT(part.values[0].size(), values.values[0].size() / 2);
    for (const WeightedValue& value : part.values[0]) {
      EXPECT_THAT(values.values[0], Contains(value));
    }
    EXPECT_EQ(part.values[1], values.values[1]);
    EXPECT_EQ(part.values[2], values.values[2]);
    EXPECT_THROW(FetchDistinctValues(&client, query, features, 100), Error);
    try {
      FetchCells(&client, query, bins, 1000);
      ADD_FAILURE() << "no limit";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
      EXPECT_THAT(error.what(), HasSubstr("--memory-limit"));
    }
  }
}

TEST_F(EnginesAgreeTest, ParquetGoesFromOneToTheOther) {
  const std::string file = RandomCsv("rows.csv", 120, 10);
  std::vector<std::vector<std::string>> rows;
  for (Engine* writer : Both()) {
    const Relation written = Features(*writer, writer->ReadCsv({.files = {file}}));
    WriteOptions options;
    options.directory = NewFolder();
    options.uuid = "u";
    const WriteResult result = writer->Write(written, options);
    std::vector<std::string> files;
    for (const std::string& name : result.files) files.push_back(options.directory + "/" + name);
    for (Engine* reader : Both()) {
      const Relation read = reader->ReadParquet(files);
      EXPECT_EQ(read.schema().Get("f").type, kVectorType);
      EXPECT_EQ(reader->Count(read), result.num_rows);
      std::vector<std::string>& numbers = rows.emplace_back();
      reader->Scan(read, {{"f", 5}, {"label"}, {"weight"}}, [&](MatrixView<const double> block) {
        for (std::size_t row = 0; row < block.num_rows(); ++row) {
          numbers.push_back(fmt::format("{}", fmt::join(block.row(row), " ")));
        }
      });
      std::sort(numbers.begin(), numbers.end());
    }
  }
  for (const std::vector<std::string>& one : rows) EXPECT_EQ(one, rows[0]);
}

TEST_F(EnginesAgreeTest, RowsAreNumberedInTheOrderOfFilesAndRecords) {
  std::vector<std::string> files;
  for (int i = 0; i < 3; ++i)
    files.push_back(
        RandomCsv(fmt::format("part {}.csv", i), 40 + i, 20U + static_cast<unsigned>(i)));
  std::vector<std::vector<std::string>> from_csv, from_parquet;
  for (Engine* engine : Both()) {
    from_csv.push_back(
        RowsOf(*engine, engine->NumberRows(engine->ReadCsv({.files = files}), "row_number")));
    std::vector<std::string> parquet;
    for (const std::string& file : files) {
      WriteOptions options;
      options.directory = NewFolder();
      options.uuid = "u";
      options.target_file_bytes = 0;
      const WriteResult result = duckdb_->Write(duckdb_->ReadCsv({.files = {file}}), options);
      parquet.push_back(options.directory + "/" + result.files[0]);
    }
    from_parquet.push_back(
        RowsOf(*engine, engine->NumberRows(engine->ReadParquet(parquet), "row_number")));
  }
  EXPECT_EQ(from_csv[0], from_csv[1]);
  EXPECT_EQ(from_parquet[0], from_parquet[1]);
  EXPECT_EQ(from_csv[0].size(), 124U);
}

TEST_F(EnginesAgreeTest, OneFileIsWrittenInOrder) {
  const std::string file = RandomCsv("rows.csv", 90, 11);
  std::vector<std::string> contents;
  for (Engine* engine : Both()) {
    WriteOptions options;
    options.format = FileFormat::kCsv;
    options.directory = NewFolder();
    options.uuid = "u";
    options.order_by = "row_number";
    const Relation numbered = engine->NumberRows(engine->ReadCsv({.files = {file}}), "row_number");
    const WriteResult result = engine->Write(numbered, options);
    ASSERT_EQ(result.files.size(), 1U);
    contents.push_back(Content(options.directory + "/" + result.files[0]));
  }
  EXPECT_EQ(contents[0], contents[1]);
}

TEST_F(EnginesAgreeTest, ABadRecordIsLocated) {
  const std::string file = File("dates.csv", "id,day\n1,2020-01-01\n2,soon\n3,later\n");
  for (Engine* engine : Both()) {
    const Relation csv = engine->ReadCsv({.files = {file}});
    const auto origin =
        engine->Locate(csv, sql::IsNull(sql::TryCast(Column("day"), kDateType)), "day");
    ASSERT_TRUE(origin) << engine->version();
    EXPECT_EQ(origin->file, file);
    EXPECT_EQ(origin->line, 3);
    EXPECT_EQ(origin->value, "soon");
    EXPECT_FALSE(engine->Locate(csv, sql::IsNull(Column("day")), "day"));
  }
}

TEST_F(EnginesAgreeTest, WhatIsKeptStays) {
  const std::string file = RandomCsv("rows.csv", 60, 12);
  std::vector<std::vector<std::string>> rows;
  for (Engine* engine : Both()) {
    const Relation kept = engine->Keep(engine->ReadCsv({.files = {file}}));
    EXPECT_EQ(engine->Count(kept), 60);
    rows.push_back(RowsOf(*engine, kept));
  }
  EXPECT_EQ(rows[0], rows[1]);
}

// Spark shares what is cached among the sessions of a server.
TEST_F(EnginesAgreeTest, WhatAnotherSessionKeptIsNotTaken) {
  std::vector<std::vector<std::string>> rows;
  std::unique_ptr<Engine> first;
  for (const char* number : {"1", "2"}) {
    const std::string file = File("rows.csv", fmt::format("a\n{}\n", number));
    std::unique_ptr<Engine> engine = OpenSpark({.remote = Remote()});
    rows.push_back(RowsOf(*engine, engine->Keep(engine->ReadCsv({.files = {file}}))));
    // It is still there when the second one reads.
    if (!first) first = std::move(engine);
  }
  EXPECT_EQ(rows[0], (std::vector<std::string>{"a", "1"}));
  EXPECT_EQ(rows[1], (std::vector<std::string>{"a", "2"}));
}

TEST_F(EnginesAgreeTest, ABadRowOfWhatIsKeptIsFoundByWhoComputesIt) {
  const std::string file = File("rows.csv", "a\n1\n-3\n5\n");
  for (Engine* engine : Both()) {
    std::vector<std::int64_t> found;
    const auto refuse = [&](std::span<const std::int64_t> counts) {
      found.assign(counts.begin(), counts.end());
      throw Error(ErrorKind::kInvalidArgument, "refused");
    };
    const auto write = [&](const char* limit) {
      found.clear();
      const Relation rows = engine->ReadCsv({.files = {file}});
      const Relation good =
          engine->Require(rows,
                          {sql::Call("<", {Column("a"), sql::Cast(sql::Literal(limit), kIntType)}),
                           sql::IsNull(Column("a"))},
                          refuse);
      RowsOf(*engine, engine->Keep(good));
    };
    EXPECT_THROW(write("2"), Error) << engine->version();
    EXPECT_EQ(found, (std::vector<std::int64_t>{2, 0})) << engine->version();
    EXPECT_NO_THROW(write("-7")) << engine->version();
    EXPECT_TRUE(found.empty()) << engine->version();
  }
}

TEST_F(EnginesAgreeTest, RowsOfAModelAreReadHere) {
  const std::vector<NamedValue> row = {{"labels", std::vector<std::string>{"b", "a"}},
                                       {"intercept", 2.25}};
  WriteOptions options;
  options.directory = NewFolder();
  options.uuid = "u";
  const WriteResult written = spark_->Write(spark_->Values(row), options);
  EXPECT_EQ(spark_->FetchRow(spark_->ReadParquet({options.directory + "/" + written.files[0]})),
            row);
}

TEST_F(EnginesAgreeTest, AnErrorOfSparkIsOneLine) {
  const Relation csv = spark_->ReadCsv({.files = {File("text.csv", "a\nx\n")}});
  sql::Select select;
  select.items = {{sql::Cast(Column("a"), kIntType), "a"}};
  try {
    RowsOf(*spark_, spark_->Query(csv, select));
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    EXPECT_THAT(error.what(), HasSubstr("CAST_INVALID_INPUT"));
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
  }
}

}  // namespace
}  // namespace firesteel
