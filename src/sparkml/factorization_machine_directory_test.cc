#include "sparkml/factorization_machine_directory.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "features/stage_fixture.h"
#include "model/factorization_machine.h"
#include "sparkml/schema_json.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Ints = std::vector<std::int32_t>;
using IntLists = std::vector<Ints>;
using Doubles = std::vector<double>;
using DoubleLists = std::vector<Doubles>;

constexpr const char* kModelFolder = "/stages/0_FMRegressor_1";

// Positions in the table of a model's data.
enum : std::size_t {
  kLinearType = 1,
  kLinearSize = 2,
  kLinearIndices = 3,
  kLinearValues = 4,
  kFactorsType = 5,
  kNumRows = 6,
  kNumCols = 7,
  kColPtrs = 8,
  kRowIndices = 9,
  kFactorsValues = 10,
  kIsTransposed = 11
};

class FactorizationMachineDirectoryTest : public StageFixture {
 protected:
  std::string Path(const std::string& name) { return (folder() / name).string(); }

  std::string Saved(FactorizationMachine::Parameters parameters) {
    SavedModel model;
    model.kind = "factorization_machine";
    model.uid = "FMRegressor_1";
    model.model = std::make_shared<FactorizationMachine>(std::move(parameters));
    model.params = {{"maxIter", 3}, {"seed", 42}};
    model.label_column = "y";
    fs::remove_all(Path("model"));
    WriteModel(model, engine(), Path("model"), {.timestamp_ms = 7, .uuid_seed = "s"});
    return Path("model");
  }
  FactorizationMachine::Parameters Read(const std::string& path) {
    const SavedModel model = ReadModel(engine(), Location::Parse(path), {});
    EXPECT_EQ(model.kind, "factorization_machine");
    return dynamic_cast<const FactorizationMachine&>(*model.model).parameters();
  }
  RecordTable Data(const std::string& path) {
    return engine().ReadRecords(ListDataFiles(Location::Parse(path + kModelFolder + "/data")),
                                {{{"intercept", Doubles()},
                                  {"linear.type", Ints()},
                                  {"linear.size", Ints(), true},
                                  {"linear.indices", IntLists(), true},
                                  {"linear.values", DoubleLists()},
                                  {"factors.type", Ints()},
                                  {"factors.numRows", Ints()},
                                  {"factors.numCols", Ints()},
                                  {"factors.colPtrs", IntLists(), true},
                                  {"factors.rowIndices", IntLists(), true},
                                  {"factors.values", DoubleLists()},
                                  {"factors.isTransposed", std::vector<bool>()}}});
  }
  // Saves three features of two factors each with the row of their data changed.
  std::string Changed(const std::function<void(RecordTable*)>& change) {
    const std::string path =
        Saved({.bias = 0.5, .linear = {1, 2, 3}, .factors = {1, 2, 3, 4, 5, 6}, .factor_size = 2});
    RecordTable table = Data(path);
    change(&table);
    const std::string data = path + kModelFolder + "/data";
    fs::remove_all(data);
    fs::create_directories(data);
    engine().WriteRecords(table, {.directory = data, .uuid = "u"});
    fs::remove(path + "/firesteel.json");  // It would refuse any change.
    return path;
  }
  std::string ErrorAfter(const std::function<void(RecordTable*)>& change) {
    const std::string path = Changed(change);
    const Error error = Thrown([&] { Read(path); });
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(path));
    return error.what();
  }
};

template <typename T>
void Set(RecordTable* table, std::size_t column, T value) {
  std::get<std::vector<T>>(table->columns[column].values) = {std::move(value)};
  if (table->columns[column].nullable) table->columns[column].nulls = {false};
}

TEST_F(FactorizationMachineDirectoryTest, LooksAsSparkWritesIt) {
  const std::string path =
      Saved({.bias = 0.5, .linear = {1, 0, -2}, .factors = {1, 2, 3, 4, 5, 6}, .factor_size = 2});
  EXPECT_EQ(
      ReadTextFile(ListDataFiles(Location::Parse(path + kModelFolder + "/metadata")).front()),
      R"({"class":"org.apache.spark.ml.regression.FMRegressionModel","timestamp":7,)"
      R"("sparkVersion":"4.3.0","uid":"FMRegressor_1","paramMap":{"featuresCol":"training_cols",)"
      R"("labelCol":"y","maxIter":3,"seed":42},"defaultParamMap":{"factorSize":8,)"
      R"("featuresCol":"features","fitIntercept":true,"fitLinear":true,"initStd":0.01,)"
      R"("labelCol":"label","maxIter":100,"miniBatchFraction":1.0,"predictionCol":"prediction",)"
      R"("regParam":0.0,"seed":6883509363295914424,"solver":"adamW","stepSize":1.0,)"
      R"("tol":1.0E-6}})"
      "\n");
  const RecordTable data = Data(path);
  ASSERT_EQ(data.num_rows(), 1u);
  EXPECT_EQ(data.Get<std::int32_t>(kLinearType), Ints{1});
  EXPECT_EQ(data.columns[kLinearSize].nulls, std::vector<bool>{true});
  EXPECT_EQ(data.columns[kLinearIndices].nulls, std::vector<bool>{true});
  EXPECT_EQ(data.Get<Doubles>(kLinearValues), (DoubleLists{{1, 0, -2}}));
  EXPECT_EQ(data.Get<std::int32_t>(kNumRows), Ints{3});
  EXPECT_EQ(data.Get<std::int32_t>(kNumCols), Ints{2});
  EXPECT_EQ(data.columns[kColPtrs].nulls, std::vector<bool>{true});
  EXPECT_EQ(data.Get<Doubles>(kFactorsValues), (DoubleLists{{1, 2, 3, 4, 5, 6}}));
  EXPECT_EQ(data.Get<bool>(kIsTransposed), std::vector<bool>{true});
  const std::string file = ListDataFiles(Location::Parse(path + kModelFolder + "/data")).front();
  EXPECT_THAT(engine().ParquetKeyValue(file, kSparkSchemaKey).value_or(""),
              HasSubstr(R"({"name":"factors","type":{"type":"udt",)"
                        R"("class":"org.apache.spark.ml.linalg.MatrixUDT")"));
}

TEST_F(FactorizationMachineDirectoryTest, ComesBackAsItWas) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const FactorizationMachine::Parameters parameters = {
      .bias = 0.1,
      .linear = {1e-300, -kInf, 0.3},
      .factors = {0.1, 0.2, kInf, -5e-324, 0, -0.7},
      .factor_size = 2};
  const FactorizationMachine::Parameters read = Read(Saved(parameters));
  EXPECT_EQ(read.bias, parameters.bias);
  EXPECT_EQ(read.linear, parameters.linear);
  EXPECT_EQ(read.factors, parameters.factors);
  EXPECT_EQ(read.factor_size, 2u);
  EXPECT_TRUE(std::isnan(
      Read(Saved({.bias = std::nan(""), .linear = {0}, .factors = {0}, .factor_size = 1})).bias));
}

TEST_F(FactorizationMachineDirectoryTest, MostlyZeroLinearTermsAreSparse) {
  // One of four is not zero: 1.5 + 2 < 4.
  const std::string path =
      Saved({.linear = {0, 0, 7, 0}, .factors = std::vector<double>(4, 0.5), .factor_size = 1});
  const RecordTable data = Data(path);
  EXPECT_EQ(data.Get<std::int32_t>(kLinearType), Ints{0});
  EXPECT_EQ(data.Get<std::int32_t>(kLinearSize), Ints{4});
  EXPECT_EQ(data.Get<Ints>(kLinearIndices), (IntLists{{2}}));
  EXPECT_EQ(data.Get<Doubles>(kLinearValues), (DoubleLists{{7}}));
  EXPECT_EQ(Read(path).linear, (Doubles{0, 0, 7, 0}));
}

TEST_F(FactorizationMachineDirectoryTest, ReadsColumnMajorAndSparseFactors) {
  const Doubles expected = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(Read(Changed([](RecordTable* table) {
              Set(table, kIsTransposed, false);
              Set(table, kFactorsValues, Doubles{1, 3, 5, 2, 4, 6});
            })).factors,
            expected);
  // By column: feature 0 and 2 of factor 0, feature 1 of factor 1.
  EXPECT_EQ(Read(Changed([](RecordTable* table) {
              Set(table, kFactorsType, std::int32_t{0});
              Set(table, kIsTransposed, false);
              Set(table, kColPtrs, Ints{0, 2, 3});
              Set(table, kRowIndices, Ints{0, 2, 1});
              Set(table, kFactorsValues, Doubles{7, 8, 9});
            })).factors,
            (Doubles{7, 0, 0, 9, 8, 0}));
}

TEST_F(FactorizationMachineDirectoryTest, RefusesWhatIsNoMachine) {
  EXPECT_THAT(ErrorAfter([](RecordTable* table) { Set(table, kNumCols, std::int32_t{3}); }),
              HasSubstr("data: 3 rows of 3 factors have 6 values"));
  EXPECT_THAT(ErrorAfter([](RecordTable* table) { Set(table, kNumCols, std::int32_t{0}); }),
              HasSubstr("there can't be 3 rows of 0 factors"));
  EXPECT_THAT(ErrorAfter([](RecordTable* table) { Set(table, kLinearValues, Doubles{1, 2}); }),
              HasSubstr("there are 6 factors, but 2 features of 2 factors each need 4"));
  EXPECT_THAT(ErrorAfter([](RecordTable* table) { Set(table, kLinearType, std::int32_t{0}); }),
              HasSubstr("column 'linear.size' is null, though the type beside it says sparse"));
  EXPECT_THAT(ErrorAfter([](RecordTable* table) { Set(table, kFactorsType, std::int32_t{2}); }),
              HasSubstr("the factors are of type 2; 0 (sparse) and 1 (dense) are known"));
  EXPECT_THAT(ErrorAfter([](RecordTable* table) {
                Set(table, kFactorsType, std::int32_t{0});
                Set(table, kColPtrs, Ints{0, 1, 2, 7});
                Set(table, kRowIndices, Ints{0, 0, 0, 0, 0, 0});
              }),
              HasSubstr("the sparse matrix of factors is malformed"));
  EXPECT_THAT(ErrorAfter([](RecordTable* table) {
                Set(table, kLinearType, std::int32_t{0});
                Set(table, kLinearSize, std::int32_t{3});
                Set(table, kLinearIndices, Ints{0, 1, 3});
              }),
              HasSubstr("the linear terms have index 3, but 3 terms"));
  EXPECT_THAT(ErrorAfter([](RecordTable* table) { table->columns[kIsTransposed].path = "other"; }),
              HasSubstr("column 'factors.isTransposed' is missing"));
  EXPECT_THAT(ErrorAfter([](RecordTable* table) {
                Set(table, kLinearValues, Doubles{});
                table->columns[kLinearValues].nullable = true;
                table->columns[kLinearValues].nulls = {true};
              }),
              HasSubstr("column 'linear.values' holds null"));
}

TEST_F(FactorizationMachineDirectoryTest, RefusesDataThatIsMissingOrCut) {
  const std::string path = Saved({.linear = {1}, .factors = {1}, .factor_size = 1});
  const std::string file = ListDataFiles(Location::Parse(path + kModelFolder + "/data")).front();
  fs::remove(path + "/firesteel.json");
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_THAT(Thrown([&] { Read(path); }).what(), HasSubstr(file));
  fs::remove_all(path + kModelFolder + "/data");
  EXPECT_THAT(Thrown([&] { Read(path); }).what(), HasSubstr("/data"));
}

}  // namespace
}  // namespace firesteel
