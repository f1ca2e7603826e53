// Models and pipelines on Spark's own stages beside what DuckDB and our own code make of them, over
// the same rows, drawn at random. Runs where SPARK_REMOTE names a server that sees this machine's
// files; says that it was skipped otherwise.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "base/error.h"
#include "base/random.h"
#include "engine/duckdb/duckdb_engine.h"
#include "engine/spark/spark_engine.h"
#include "export/export_fixture.h"
#include "features/pipeline.h"
#include "features/registry.h"
#include "learn/learner.h"
#include "model/factorization_machine.h"
#include "model/xgboost_model.h"
#include "sparkml/frame.h"
#include "sparkml/pipeline_directory.h"
#include "sparkml/scoring_model.h"
#include "sparkml/spark_fit.h"
#include "storage/location.h"
#include "workflow/engine_training_source.h"
#include "workflow/scorer.h"

namespace firesteel {
namespace {

using nlohmann::json;
using sql::Call;
using sql::Column;
using sql::Literal;
using ::testing::HasSubstr;

class ScoringTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* remote = std::getenv("SPARK_REMOTE");
    if (remote == nullptr) return;
    spark_ = OpenSpark({.remote = ParseSparkRemote(remote)}).release();
    duckdb_ = OpenDuckDb({.num_threads = 2}).release();
  }
  static void TearDownTestSuite() {
    delete spark_;
    delete duckdb_;
    spark_ = duckdb_ = nullptr;
  }
  void SetUp() override {
    if (spark_ == nullptr) GTEST_SKIP() << "SPARK_REMOTE names no server";
    folder_ = std::filesystem::temp_directory_path() / ("scoring-" + RandomUuid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string NewFolder() {
    const std::string path = (folder_ / fmt::format("out {}", num_folders_++)).string();
    std::filesystem::create_directories(path);
    return path;
  }
  StepWork::Place Place() const {
    return {.directory = folder_.string(), .target = folder_.string(), .output = nullptr};
  }
  std::string File(const std::string& text) {
    const std::string path = (folder_ / fmt::format("rows {}.csv", num_folders_++)).string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  // Rows of three features: two numbers, NaN, infinite and zero among them, and one of 40
  // categories or none of them; and the row's number.
  std::string RandomRows(int num_rows, unsigned seed) {
    SplitMix64 random(seed);
    const auto number = [&]() -> std::string {
      const char* const special[] = {"NaN", "Infinity", "-Infinity", "-0.0", "0.0", "1.5"};
      if (random.NextBelow(6) == 0) return special[random.NextBelow(6)];
      return fmt::format("{}", random.NextDouble() * 10.0 - 5.0);
    };
    std::string text = "row,a,b,kind\n";
    for (int row = 0; row < num_rows; ++row) {
      text += fmt::format("{},{},{},{}\n", row, number(), number(), random.NextBelow(42));
    }
    return File(text);
  }

  // The features as a vector, that of every seventh row null if so asked.
  static Relation Assembled(Engine& engine, const std::string& file, bool with_nulls) {
    const Relation rows =
        engine.ReadCsv({.files = {file}, .types = {{"a", kDoubleType}, {"b", kDoubleType}}});
    sql::ExpressionPtr first = Column("a");
    if (with_nulls) {
      first = sql::If(Call("=", {Call("%", {Column("row"), Literal(std::int32_t{7})}),
                                 Literal(std::int32_t{0})}),
                      sql::Null(), first);
    }
    sql::Select select;
    select.items = {{Column("row"), "row"},
                    {Call("ml_assemble", {first, Column("b"), Column("kind")}), "f"}};
    return engine.Query(rows, select);
  }

  // Per row its number and the prediction, NaN for null, in the order of the numbers.
  static std::vector<std::pair<double, double>> Predictions(Engine& engine,
                                                            const Relation& scored) {
    std::vector<std::pair<double, double>> all;
    engine.Scan(scored, {{"row"}, {"p"}}, [&](MatrixView<const double> rows) {
      for (std::size_t row = 0; row < rows.num_rows(); ++row) {
        all.emplace_back(rows(row, 0), rows(row, 1));
      }
    });
    std::sort(all.begin(), all.end());
    return all;
  }

  // Compares what both engines predict; a tolerance of zero asks for the same bits.
  void Compare(const std::shared_ptr<const Regressor>& model, const std::string& file,
               double tolerance) {
    // Vectors that SQL assembled, and some that are not there; then vectors of a file.
    for (const bool with_nulls : {false, true}) {
      std::vector<std::vector<std::pair<double, double>>> made;
      for (Engine* engine : {duckdb_, spark_}) {
        Scorer scorer(*engine, model, Place());
        made.push_back(Predictions(
            *engine, scorer.Score(Assembled(*engine, file, with_nulls),
                                  {.features = "f", .output = "p", .null_for_null = with_nulls})));
      }
      Equal(made[0], made[1], tolerance);
    }
    const std::string frame = NewFolder();
    WriteFrame(*duckdb_, Assembled(*duckdb_, file, true), frame, "u", "");
    std::vector<std::vector<std::pair<double, double>>> made;
    for (Engine* engine : {duckdb_, spark_}) {
      Scorer scorer(*engine, model, Place());
      made.push_back(Predictions(
          *engine, scorer.Score(ReadFrame(*engine, Location::Parse(frame)),
                                {.features = "f", .output = "p", .null_for_null = true})));
    }
    Equal(made[0], made[1], tolerance);
  }
  static void Equal(const std::vector<std::pair<double, double>>& expected,
                    const std::vector<std::pair<double, double>>& found, double tolerance) {
    ASSERT_EQ(expected.size(), found.size());
    ASSERT_FALSE(expected.empty());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const auto [row, value] = expected[i];
      ASSERT_EQ(found[i].first, row);
      if (std::isnan(value) || std::isinf(value) || tolerance == 0.0) {
        ASSERT_TRUE(found[i].second == value || (std::isnan(value) && std::isnan(found[i].second)))
            << "row " << row << ": " << found[i].second << " instead of " << value;
      } else {
        ASSERT_NEAR(found[i].second, value, tolerance * std::max(1.0, std::fabs(value)));
      }
    }
  }

  static Engine* spark_;
  static Engine* duckdb_;
  std::filesystem::path folder_;
  int num_folders_ = 0;
};

Engine* ScoringTest::spark_ = nullptr;
Engine* ScoringTest::duckdb_ = nullptr;

// A tree as XGBoost's file has it: complete to `depth`, its nodes level by level.
json DrawnXgboostTree(SplitMix64* random, int depth) {
  json tree = {{"split_type", json::array()}};
  const int num_inner = (1 << depth) - 1;
  const int num_nodes = 2 * num_inner + 1;
  for (int node = 0; node < num_nodes; ++node) {
    const bool is_leaf = node >= num_inner;
    tree["left_children"].push_back(is_leaf ? -1 : 2 * node + 1);
    tree["right_children"].push_back(is_leaf ? -1 : 2 * node + 2);
    tree["split_indices"].push_back(is_leaf ? 0 : random->NextBelow(3));
    const double number = is_leaf ? random->NextDouble() - 0.4 : random->NextDouble() * 10.0 - 5.0;
    tree["split_conditions"].push_back(static_cast<float>(number));
    tree["default_left"].push_back(is_leaf ? 0 : random->NextBelow(2));
    tree["split_type"].push_back(0);
    tree["sum_hessian"].push_back(1.0);
    tree["loss_changes"].push_back(is_leaf ? 0.0 : 1.0);
  }
  tree["tree_param"] = {
      {"num_nodes", std::to_string(num_nodes)}, {"num_deleted", "0"}, {"size_leaf_vector", "1"}};
  return tree;
}

std::shared_ptr<const Regressor> DrawnXgboostModel(int num_trees, int depth,
                                                   const std::string& objective) {
  SplitMix64 random(static_cast<std::uint64_t>(num_trees));
  json trees = json::array();
  for (int tree = 0; tree < num_trees; ++tree) trees.push_back(DrawnXgboostTree(&random, depth));
  const json model = {
      {"version", {3, 2, 0}},
      {"learner",
       {{"attributes", json::object()},
        {"feature_names", {"a", "b", "kind"}},
        {"objective", {{"name", objective}}},
        {"learner_model_param",
         {{"base_score", "[7E-1]"}, {"num_class", "0"}, {"num_feature", "3"}, {"num_target", "1"}}},
        {"gradient_booster",
         {{"name", "gbtree"},
          {"model",
           {{"gbtree_model_param",
             {{"num_trees", std::to_string(num_trees)}, {"num_parallel_tree", "1"}}},
            {"trees", trees}}}}}}}};
  const std::vector<std::uint8_t> bytes = json::to_ubjson(model, true, true);
  return std::make_shared<XgboostModel>(std::string(bytes.begin(), bytes.end()));
}

TEST_F(ScoringTest, ForestsOfSparksHaveTheSameBits) {
  const std::string file = RandomRows(400, 1);
  Compare(DrawnModel(1, 1).model, file, 0.0);
  Compare(DrawnModel(20, 5).model, file, 0.0);
  Compare(DrawnModel(9, 30).model, file, 0.0);  // Chains.
}

TEST_F(ScoringTest, ForestsOfXgboostHaveTheSameBits) {
  const std::string file = RandomRows(400, 2);
  Compare(DrawnXgboostModel(1, 1, "reg:squarederror"), file, 0.0);
  Compare(DrawnXgboostModel(40, 6, "reg:squarederror"), file, 0.0);
  // exp() of 32 bits, which two libraries may round to neighbours.
  Compare(DrawnXgboostModel(5, 3, "count:poisson"), file, 3e-7);
}

// Rows that fall close to the splits of a model, all of them into a bin.
std::string RowsAtSplits(const std::vector<FeatureBins>& bins, int num_rows) {
  SplitMix64 random(11);
  const auto number = [&](const FeatureBins& feature) {
    if (feature.thresholds.empty() || random.NextBelow(5) == 0) return random.NextDouble() - 0.5;
    const double split = feature.thresholds[random.NextBelow(feature.thresholds.size())];
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const double near[] = {split, std::nextafter(split, kInfinity),
                           std::nextafter(split, -kInfinity)};
    return near[random.NextBelow(3)];
  };
  std::string text = "row,a,b,kind\n";
  for (int row = 0; row < num_rows; ++row) {
    text +=
        fmt::format("{},{},{},{}\n", row, number(bins[0]), number(bins[1]), random.NextBelow(40));
  }
  return text;
}

TEST_F(ScoringTest, RowsOfFilesAreLookedUpIfAllHaveABin) {
  struct Case {
    std::string more;  // One more row.
    bool has_bin_of_trees = false, has_bin_of_xgboost = false;
  };
  const Case cases[] = {{"", true, true},
                        {"900,0.5,NaN,3\n", false, false},
                        {"900,-Infinity,1,3\n", false, false},
                        {"900,0.5,1,1.5\n", false, true},
                        {"900,0.5,1,40\n", false, true}};
  const std::shared_ptr<const Regressor> models[] = {DrawnModel(20, 5).model,
                                                     DrawnXgboostModel(12, 5, "reg:squarederror"),
                                                     DrawnXgboostModel(5, 3, "count:poisson")};
  for (const auto& model : models) {
    const std::optional<std::vector<FeatureBins>> bins = ScoringBins(*model);
    ASSERT_TRUE(bins);
    const bool is_xgboost = model != models[0];
    for (const Case& one : cases) {
      const std::string file = File(RowsAtSplits(*bins, 300) + one.more);
      const std::string frame = NewFolder();
      WriteFrame(*duckdb_, Assembled(*duckdb_, file, false), frame, "u", "");
      bool is_asked = false;
      std::vector<std::vector<std::pair<double, double>>> made;
      for (Engine* engine : {duckdb_, spark_}) {
        const auto write = [&] {
          is_asked = true;
          return WriteScoringModel(*model, *engine, NewFolder() + "/model");
        };
        const Relation scored = engine->Score(
            ReadFrame(*engine, Location::Parse(frame)),
            {.features = {"f", 3}, .output_column = "p", .bins = bins, .on_spark = write},
            [&](MatrixView<const double> rows, std::span<double> out) {
              model->Predict(rows, out);
            });
        made.push_back(Predictions(*engine, scored));
        EXPECT_FALSE(engine == duckdb_ && is_asked);
      }
      Equal(made[0], made[1], model == models[2] ? 3e-7 : 0.0);
      EXPECT_EQ(is_asked, !(is_xgboost ? one.has_bin_of_xgboost : one.has_bin_of_trees))
          << one.more;
    }
  }
}

// What ScanCounted gives, however many rows come at once: how many rows there are of each kind.
std::map<std::string, std::int64_t> Counted(Engine& engine, const Relation& rows,
                                            const std::vector<std::string>& columns) {
  std::map<std::string, std::int64_t> counts;
  engine.ScanCounted(rows, columns,
                     [&](MatrixView<const double> values, std::span<const std::int64_t> of) {
                       for (std::size_t row = 0; row < values.num_rows(); ++row) {
                         counts[fmt::format("{}", fmt::join(values.row(row), " "))] += of[row];
                       }
                     });
  return counts;
}

TEST_F(ScoringTest, PredictionsAreCountedBesideColumns) {
  const std::shared_ptr<const Regressor> model = DrawnModel(20, 5).model;
  const std::optional<std::vector<FeatureBins>> bins = ScoringBins(*model);
  ASSERT_TRUE(bins);
  const auto row_modulo = [](std::int32_t n) { return Call("%", {Column("row"), Literal(n)}); };
  const Relation csv = duckdb_->ReadCsv({.files = {File(RowsAtSplits(*bins, 300))},
                                         .types = {{"a", kDoubleType}, {"b", kDoubleType}}});
  sql::Select made;
  made.items = {{Call("ml_assemble", {Column("a"), Column("b"), Column("kind")}), "f"},
                {row_modulo(5), "y"},
                {sql::If(Call("=", {row_modulo(7), Literal(std::int32_t{0})}), sql::Null(),
                         Call("-", {Literal(0.5), row_modulo(3)})),
                 "plan"}};
  const std::string frame = NewFolder();
  WriteFrame(*duckdb_, duckdb_->Query(csv, made), frame, "u", "");
  sql::Select shown;
  shown.items = {{Column("y"), "label"},
                 {Call("+", {Column("p"), Literal(1.0)}), "more"},
                 {Column("p"), "raw"},
                 {Column("plan"), "plan"}};
  // The label and the predictions of a training's own rows are known without asking for them.
  for (const bool is_trained : {true, false}) {
    for (const std::vector<std::string>& columns :
         {std::vector<std::string>{"raw", "label"}, {"plan", "RAW", "label"}, {"more", "label"}}) {
      std::vector<std::map<std::string, std::int64_t>> made_by;
      for (Engine* engine : {duckdb_, spark_}) {
        const Relation read = ReadFrame(*engine, Location::Parse(frame));
        if (is_trained) {
          ASSERT_TRUE(engine->MakeCells(read, {.features = {"f", 3}, .label = "y"}, *bins));
        }
        const Relation scored = engine->Score(
            read,
            {.features = {"f", 3},
             .output_column = "p",
             .bins = bins,
             .counted_with = {"y", "plan"},
             .on_spark =
                 [&] { return WriteScoringModel(*model, *engine, NewFolder() + "/model"); }},
            [&](MatrixView<const double> rows, std::span<double> out) {
              model->Predict(rows, out);
            });
        const Relation kept = engine->Keep(engine->Query(scored, shown));
        made_by.push_back(Counted(*engine, kept, columns));
        sql::Select few;
        few.items = {{nullptr, ""}};
        few.where = Call("=", {Column("label"), Literal(std::int32_t{2})});
        EXPECT_EQ(Counted(*engine, engine->Query(kept, few), {"label"}),
                  (std::map<std::string, std::int64_t>{{"2", 60}}));
      }
      EXPECT_EQ(made_by[0], made_by[1]);
      EXPECT_GT(made_by[0].size(), 40U);
    }
  }
}

// Columns of files are put together without Spark's vectors where that gives the same.
TEST_F(ScoringTest, TrainingSeesTheSameOfAssembledColumnsOfFiles) {
  for (const char* const hole : {"", "NaN"}) {
    for (const bool has_hole : {false, true}) {
      SplitMix64 random(5);
      std::string text = "row,kind,b,label\n";
      for (int row = 0; row < 300; ++row) {
        text += fmt::format("{},{},{},{}\n", random.NextBelow(9), random.NextBelow(4),
                            has_hole && row == 200 ? hole : fmt::format("{}", random.NextBelow(7)),
                            random.NextBelow(5));
      }
      const Relation csv = duckdb_->ReadCsv({.files = {File(text)}, .types = {{"b", kDoubleType}}});
      std::vector<std::unique_ptr<Stage>> stages;
      stages.push_back(MakeStage(
          "OneHotEncoder", {{"inputCols", {"kind"}}, {"outputCols", {"hot"}}}, "hot", "test"));
      stages.push_back(MakeStage("VectorAssembler",
                                 {{"inputCols", {"row", "kind"}}, {"outputCol", "pair"}}, "pair",
                                 "test"));
      const std::string frame = NewFolder();
      WriteFrame(
          *duckdb_,
          Pipeline("made", std::move(stages)).Fit(*duckdb_, csv).Transform(*duckdb_, csv, ""),
          frame, "u", "");
      const std::vector<FeatureBins> bins = {{.arity = 2},         {.arity = 2},
                                             {.arity = 2},         {.thresholds = {1.0, 3.5}},
                                             {.thresholds = {2.}}, {.thresholds = {0.5, 4.0}}};
      const std::vector<std::size_t> features = {0, 3, 5};
      const TrainingView view{.features = {"f", 6}, .label = "label"};
      std::vector<std::string> errors;
      std::vector<Cells> cells;
      std::vector<std::vector<std::vector<WeightedValue>>> values;
      for (Engine* engine : {duckdb_, spark_}) {
        const Relation read = ReadFrame(*engine, Location::Parse(frame));
        std::vector<std::unique_ptr<Stage>> assembler;
        assembler.push_back(MakeStage("VectorAssembler",
                                      {{"inputCols", {"hot", "pair", "b"}}, {"outputCol", "f"}},
                                      "f", "test"));
        try {
          const PipelineModel model =
              Pipeline("assembled", std::move(assembler)).Fit(*engine, read);
          const Relation all = model.TransformBySparkStages(*engine, read, {}, "the rows");
          sql::Select select;
          select.items = {{Column("f"), "f"},
                          {Column("label"), "label"},
                          {Call("+", {Column("row"), Literal(1.0)}), "more"}};
          const Relation rows = engine->Query(all, select);
          values.push_back(engine->DistinctValues(rows, view, features));
          cells.push_back(engine->MakeCells(rows, view, bins).value());
        } catch (const Error& error) {
          errors.emplace_back(error.what());
        }
      }
      if (has_hole) {
        ASSERT_EQ(errors.size(), 2U);
        EXPECT_THAT(errors[0], HasSubstr("'b' is null or NaN in 1 row"));
        EXPECT_EQ(errors[0], errors[1]);
        continue;
      }
      ASSERT_TRUE(errors.empty()) << errors[0];
      EXPECT_EQ(values[0], values[1]);
      EXPECT_EQ(cells[0].bins, cells[1].bins);
      EXPECT_EQ(cells[0].labels, cells[1].labels);
      EXPECT_EQ(cells[0].counts, cells[1].counts);
    }
  }
}

TEST_F(ScoringTest, FactorizationMachinesAgree) {
  SplitMix64 random(3);
  for (const std::size_t factor_size : {1U, 8U}) {
    FactorizationMachine::Parameters parameters;
    parameters.bias = random.NextDouble();
    parameters.factor_size = factor_size;
    for (std::size_t i = 0; i < 3; ++i) parameters.linear.push_back(random.NextDouble() - 0.5);
    for (std::size_t i = 0; i < 3 * factor_size; ++i) {
      parameters.factors.push_back(random.NextDouble() - 0.5);
    }
    std::string text = "row,a,b,kind\n";
    for (int row = 0; row < 300; ++row) {
      text +=
          fmt::format("{},{},{},{}\n", row, random.NextBelow(3) == 0 ? 0.0 : random.NextDouble(),
                      random.NextDouble() * 100.0, random.NextBelow(10));
    }
    Compare(std::make_shared<FactorizationMachine>(std::move(parameters)), File(text), 1e-12);
  }
}

TEST_F(ScoringTest, AVectorThatIsNotThereIsAnErrorUnlessItMayBeMissing) {
  const std::string file = RandomRows(20, 4);
  const std::string frame = NewFolder();
  WriteFrame(*duckdb_, Assembled(*duckdb_, file, true), frame, "u", "");
  for (Engine* engine : {duckdb_, spark_}) {
    for (const Relation& rows :
         {Assembled(*engine, file, true), ReadFrame(*engine, Location::Parse(frame))}) {
      Scorer scorer(*engine, DrawnModel(2, 2).model, Place());
      try {
        Predictions(*engine, scorer.Score(rows, {.features = "f", .output = "p"}));
        ADD_FAILURE() << engine->version() << " predicted of a null vector";
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
        EXPECT_THAT(error.what(), HasSubstr("column 'f' has a null vector"));
      }
    }
  }
}

TEST_F(ScoringTest, AVectorOfAnotherLengthIsAnError) {
  const std::string file = RandomRows(20, 5);
  for (Engine* engine : {duckdb_, spark_}) {
    Scorer scorer(*engine,
                  std::make_shared<FactorizationMachine>(FactorizationMachine::Parameters{
                      .linear = {1.0, 2.0}, .factors = {1.0, 2.0}, .factor_size = 1}),
                  Place());
    Relation rows = Assembled(*engine, file, false);
    Schema schema = rows.schema();
    schema.at(1).attributes = {};
    try {
      Predictions(*engine, scorer.Score(rows.WithSchema(schema), {.features = "f", .output = "p"}));
      ADD_FAILURE() << engine->version() << " predicted of three features by a model of two";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(),
                  HasSubstr("column 'f' has a vector of 3 numbers where the model expects 2"));
    }
  }
}

TEST_F(ScoringTest, ThePipelineOfSparksOwnStagesMakesTheSameFeatures) {
  std::mt19937 random(6);
  std::string text = "whole,number,word\n";
  for (int row = 0; row < 500; ++row) {
    const char* const words[] = {"a", "B b", "é", "x''y", "$100"};
    text += fmt::format("{},{},{}\n", static_cast<int>(random() % 9) - 3,
                        random() % 5 == 0
                            ? ""
                            : fmt::format("{}", static_cast<double>(random() % 1000) / 8.0 - 30.0),
                        words[random() % 5]);
  }
  const std::string file = File(text);
  using Json = nlohmann::ordered_json;
  const std::vector<std::pair<std::string, Json>> specs = {
      {"SQLTransformer",
       {{"statement",
         "SELECT *, CASE WHEN whole > 2 THEN 'many' ELSE 'few' END AS size FROM __THIS__"}}},
      {"StringIndexer",
       {{"inputCols", {"word", "size"}}, {"outputCols", {"word_index", "size_index"}}}},
      {"OneHotEncoder", {{"inputCols", {"word_index"}}, {"outputCols", {"word_hot"}}}},
      {"Imputer", {{"inputCols", {"number"}}, {"outputCols", {"filled"}}, {"strategy", "median"}}},
      {"Bucketizer",
       {{"splits", {"-Inf", -5.0, 0.0, 40.0, "Inf"}},
        {"inputCol", "filled"},
        {"outputCol", "bucket"}}},
      {"VectorAssembler",
       {{"inputCols", {"filled", "whole", "word_hot", "size_index"}}, {"outputCol", "all"}}},
      {"StandardScaler",
       {{"inputCol", "all"}, {"outputCol", "standard"}, {"withMean", true}, {"withStd", true}}},
      {"MinMaxScaler", {{"inputCol", "all"}, {"outputCol", "squeezed"}}}};
  std::vector<Schema> schemas;
  std::vector<std::string> keys;
  std::vector<std::vector<std::vector<double>>> rows;
  for (Engine* engine : {duckdb_, spark_}) {
    const Relation csv = engine->ReadCsv({.files = {file}, .types = {{"number", kDoubleType}}});
    std::vector<std::unique_ptr<Stage>> stages;
    for (const auto& [kind, params] : specs) {
      stages.push_back(MakeStage(kind, params, UidOf(kind, "test"), "test"));
    }
    const PipelineModel model = Pipeline("PipelineModel_0", std::move(stages)).Fit(*engine, csv);
    const std::string saved = NewFolder() + "/pipeline";
    WritePipelineModel(model, *engine, saved, {.uuid_seed = "test"});
    const Relation features =
        model.TransformBySparkStages(*engine, csv, StageFolders(model, saved));
    const std::string frame = NewFolder();
    WriteFrame(*engine, features, frame, "u", "");
    schemas.push_back(ReadFrame(*duckdb_, Location::Parse(frame)).schema());
    keys.push_back(*duckdb_->ParquetKeyValue(ListDataFiles(Location::Parse(frame)).front(),
                                             "org.apache.spark.sql.parquet.row.metadata"));
    std::vector<std::vector<double>>& made = rows.emplace_back();
    duckdb_->Scan(
        ReadFrame(*duckdb_, Location::Parse(frame)),
        {{"number"}, {"bucket"}, {"word_hot", 4}, {"all", 7}, {"standard", 7}, {"squeezed", 7}},
        [&](MatrixView<const double> view) {
          for (std::size_t row = 0; row < view.num_rows(); ++row) {
            made.emplace_back(view.row(row).begin(), view.row(row).end());
            for (double& value : made.back()) {
              if (std::isnan(value)) value = -1e99;  // So that rows can be sorted.
            }
          }
        });
    std::sort(made.begin(), made.end());
  }
  EXPECT_EQ(schemas[0], schemas[1]);
  EXPECT_EQ(keys[0], keys[1]);
  ASSERT_EQ(rows[0].size(), 500U);
  ASSERT_EQ(rows[0].size(), rows[1].size());
  for (std::size_t i = 0; i < rows[0].size(); ++i) {
    for (std::size_t k = 0; k < rows[0][i].size(); ++k) {
      ASSERT_NEAR(rows[0][i][k], rows[1][i][k], 1e-12 * std::max(1.0, std::fabs(rows[0][i][k])))
          << "row " << i << ", number " << k;
    }
  }
}

// Rows whose features have few values, so that Spark's thresholds and ours are the same.
std::string FewValues(int num_rows) {
  SplitMix64 random(7);
  std::string text = "row,a,b,kind,label\n";
  for (int row = 0; row < num_rows; ++row) {
    const auto a = static_cast<int>(random.NextBelow(6));
    const auto b = static_cast<int>(random.NextBelow(5));
    const auto kind = static_cast<int>(random.NextBelow(3));
    text += fmt::format("{},{},{},{},{}\n", row, a, b, kind, a * 3 - b + (kind == 1 ? 7 : 0));
  }
  return text;
}

TEST_F(ScoringTest, SparksOwnTrainersMakeModelsThatAreReadAsOurs) {
  const std::string file = File(FewValues(300));
  sql::Select select;
  select.items = {{Call("ml_assemble", {Column("a"), Column("b"), Column("kind")}), "f"},
                  {Column("label"), "label"}};
  const Relation rows = spark_->Query(spark_->ReadCsv({.files = {file}}), select);
  const nlohmann::ordered_json params = {{"maxIter", 4}, {"maxDepth", 3}, {"stepSize", 0.5}};
  const auto made = FitOnSpark(rows, *spark_,
                               {.kind = "gbt",
                                .params = params,
                                .features = "f",
                                .label = "label",
                                .directory = folder_.string() + "/trained gbt"});
  EngineTrainingSource source(
      *duckdb_, duckdb_->Query(duckdb_->ReadCsv({.files = {file}}), select), 300,
      {.name = "rows", .features = "f", .label = "label", .attributes = std::vector<Attribute>(3)});
  const TrainedModel own = FindLearner("gbt").train(source, params, {.num_threads = 1});
  std::vector<double> features;
  for (double a = 0.0; a < 6.0; ++a) {
    for (double b = 0.0; b < 5.0; ++b) {
      for (double kind = 0.0; kind < 3.0; ++kind) features.insert(features.end(), {a, b, kind});
    }
  }
  const std::size_t num_rows = features.size() / 3;
  const MatrixView<const double> view(features.data(), num_rows, 3);
  std::vector<double> of_spark(num_rows), of_own(num_rows);
  made->Predict(view, of_spark);
  own.model->Predict(view, of_own);
  for (std::size_t row = 0; row < num_rows; ++row) {
    EXPECT_NEAR(of_spark[row], of_own[row], 1e-9) << "row " << row;
  }

  const auto machine = FitOnSpark(rows, *spark_,
                                  {.kind = "factorization_machine",
                                   .params = {{"maxIter", 5}, {"factorSize", 2}, {"seed", 1}},
                                   .features = "f",
                                   .label = "label",
                                   .directory = folder_.string() + "/trained fm"});
  const auto* read = dynamic_cast<const FactorizationMachine*>(machine.get());
  ASSERT_NE(read, nullptr);
  EXPECT_EQ(read->parameters().factor_size, 2U);
  EXPECT_TRUE(read->is_finite());

  EXPECT_THROW(CheckSparkFit("xgboost", {}), Error);
  EXPECT_THROW(CheckSparkFit("factorization_machine", {{"standardize", true}}), Error);
  EXPECT_THROW(duckdb_->FitSparkStage(rows, {}, folder_.string() + "/none"), Error);
}

}  // namespace
}  // namespace firesteel
