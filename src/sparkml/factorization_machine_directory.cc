#include "sparkml/factorization_machine_directory.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/factorization_machine.h"
#include "sparkml/matrix_udt.h"
#include "sparkml/schema_json.h"
#include "sparkml/stage_directory.h"
#include "sparkml/vector_udt.h"
#include "table/sparse_row.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;
using Ints = std::vector<std::int32_t>;
using IntLists = std::vector<Ints>;
using Doubles = std::vector<double>;
using DoubleLists = std::vector<Doubles>;
using Booleans = std::vector<bool>;

constexpr std::int32_t kSparse = 0;
constexpr std::int32_t kDense = 1;
// Larger machines than this are a broken file.
constexpr std::int64_t kMaxFactors = std::int64_t{1} << 28;

// Positions in Layout.
enum Column : std::size_t {
  kIntercept,
  kLinearType,
  kLinearSize,
  kLinearIndices,
  kLinearValues,
  kFactorsType,
  kNumRows,
  kNumCols,
  kColPtrs,
  kRowIndices,
  kFactorsValues,
  kIsTransposed,
};

RecordTable Layout() {
  return {{{"intercept", Doubles()},
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
           {"factors.isTransposed", Booleans()}}};
}

std::string SchemaJson() {
  return fmt::format(R"({{"type":"struct","fields":[)"
                     R"({{"name":"intercept","type":"double","nullable":false,"metadata":{{}}}},)"
                     R"({{"name":"linear","type":{},"nullable":true,"metadata":{{}}}},)"
                     R"({{"name":"factors","type":{},"nullable":true,"metadata":{{}}}}]}})",
                     kVectorUdtJson, kMatrixUdtJson);
}

// Adds the only value of a column.
template <typename T>
void Add(RecordTable* table, Column column, T value) {
  std::get<std::vector<T>>(table->columns[column].values).push_back(std::move(value));
  if (table->columns[column].nullable) table->columns[column].nulls.push_back(false);
}

template <typename T>
void AddNull(RecordTable* table, Column column) {
  std::get<std::vector<T>>(table->columns[column].values).emplace_back();
  table->columns[column].nulls.push_back(true);
}

void AddLinear(const Doubles& linear, RecordTable* table) {
  Ints indices;
  Doubles values;
  for (std::size_t i = 0; i < linear.size(); ++i) {
    if (linear[i] == 0.0) continue;
    indices.push_back(static_cast<std::int32_t>(i));
    values.push_back(linear[i]);
  }
  if (SparseIsSmaller(values.size(), linear.size())) {
    Add(table, kLinearType, kSparse);
    Add(table, kLinearSize, static_cast<std::int32_t>(linear.size()));
    Add(table, kLinearIndices, std::move(indices));
    Add(table, kLinearValues, std::move(values));
  } else {
    Add(table, kLinearType, kDense);
    AddNull<std::int32_t>(table, kLinearSize);
    AddNull<Ints>(table, kLinearIndices);
    Add(table, kLinearValues, linear);
  }
}

Json Write(const SavedModel& model, Engine& engine, const std::string& directory,
           const SparkMlStamp& stamp) {
  const auto* machine = dynamic_cast<const FactorizationMachine*>(model.model.get());
  if (machine == nullptr) {
    throw Error(ErrorKind::kInternal,
                "a model of kind factorization_machine is not a factorization machine");
  }
  const FactorizationMachine::Parameters& parameters = machine->parameters();
  RecordTable table = Layout();
  Add(&table, kIntercept, parameters.bias);
  AddLinear(parameters.linear, &table);
  Add(&table, kFactorsType, kDense);
  Add(&table, kNumRows, static_cast<std::int32_t>(parameters.linear.size()));
  Add(&table, kNumCols, static_cast<std::int32_t>(parameters.factor_size));
  AddNull<Ints>(&table, kColPtrs);
  AddNull<Ints>(&table, kRowIndices);
  Add(&table, kFactorsValues, parameters.factors);
  Add(&table, kIsTransposed, true);

  WriteOptions options;
  options.directory = directory + "/data";
  options.uuid = stamp.FileUuid(model.uid + "/data");
  // Spark takes the columns for vector and matrix by this key alone.
  options.key_values[std::string(kSparkSchemaKey)] = SchemaJson();
  options.key_values[std::string(kSparkVersionKey)] = std::string(kSparkVersion);
  MakeDirectories(options.directory);
  engine.WriteRecords(table, options);
  WriteTextFile(options.directory + "/_SUCCESS", "");
  return Json::object();
}

[[noreturn]] void Refuse(const std::string& problem) {
  throw Error(ErrorKind::kInvalidArgument, problem);
}

// The only value of a column. One that may be null is asked for only where a sparse form needs it.
template <typename T>
const T& Value(const RecordTable& table, Column column) {
  const RecordColumn& of_table = table.columns[column];
  if (of_table.nullable && of_table.nulls.front()) {
    Refuse(
        fmt::format("column '{}' is null, though the type beside it says sparse", of_table.path));
  }
  return table.Get<T>(column).front();
}

void CheckType(std::int32_t type, const char* what) {
  if (type != kSparse && type != kDense) {
    Refuse(fmt::format("the {} are of type {}; 0 (sparse) and 1 (dense) are known", what, type));
  }
}

Doubles ReadLinear(const RecordTable& table) {
  const Doubles& values = Value<Doubles>(table, kLinearValues);
  const auto type = Value<std::int32_t>(table, kLinearType);
  CheckType(type, "linear terms");
  if (type == kDense) return values;
  const auto size = Value<std::int32_t>(table, kLinearSize);
  const Ints& indices = Value<Ints>(table, kLinearIndices);
  if (size < 0 || size > kMaxFactors || indices.size() != values.size()) {
    Refuse(fmt::format("the linear terms have size {}, {} indices and {} values", size,
                       indices.size(), values.size()));
  }
  Doubles linear(static_cast<std::size_t>(size), 0.0);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || indices[i] >= size) {
      Refuse(fmt::format("the linear terms have index {}, but {} terms", indices[i], size));
    }
    linear[static_cast<std::size_t>(indices[i])] = values[i];
  }
  return linear;
}

// The factors of a matrix of n rows and k columns, row-major.
class FactorReader {
 public:
  explicit FactorReader(const RecordTable& table)
      : values_(Value<Doubles>(table, kFactorsValues)),
        num_rows_(Value<std::int32_t>(table, kNumRows)),
        num_cols_(Value<std::int32_t>(table, kNumCols)),
        is_transposed_(table.Get<bool>(kIsTransposed).front()) {
    if (num_rows_ < 0 || num_cols_ < 1 || num_rows_ * num_cols_ > kMaxFactors) {
      Refuse(fmt::format("there can't be {} rows of {} factors", num_rows_, num_cols_));
    }
  }

  std::size_t num_cols() const { return static_cast<std::size_t>(num_cols_); }

  Doubles Read(const RecordTable& table) const {
    const auto type = Value<std::int32_t>(table, kFactorsType);
    CheckType(type, "factors");
    Doubles factors(static_cast<std::size_t>(num_rows_ * num_cols_), 0.0);
    if (type == kSparse) {
      ReadSparse(Value<Ints>(table, kColPtrs), Value<Ints>(table, kRowIndices), &factors);
      return factors;
    }
    if (values_.size() != factors.size()) {
      Refuse(fmt::format("{} rows of {} factors have {} values", num_rows_, num_cols_,
                         values_.size()));
    }
    const std::int64_t length = is_transposed_ ? num_cols_ : num_rows_;
    for (std::int64_t i = 0; i < num_rows_ * num_cols_; ++i) {
      factors[Place(i / length, i % length)] = values_[static_cast<std::size_t>(i)];
    }
    return factors;
  }

 private:
  // Where the element `minor` of the line `major` goes: lines are rows if transposed, else columns.
  std::size_t Place(std::int64_t major, std::int64_t minor) const {
    const std::int64_t row = is_transposed_ ? major : minor;
    const std::int64_t col = is_transposed_ ? minor : major;
    return static_cast<std::size_t>(row * num_cols_ + col);
  }

  void ReadSparse(const Ints& begins, const Ints& minors, Doubles* factors) const {
    const std::int64_t num_lines = is_transposed_ ? num_rows_ : num_cols_;
    const std::int64_t length = is_transposed_ ? num_cols_ : num_rows_;
    const auto fits = [&](std::int64_t line) {
      const std::int64_t begin = begins[static_cast<std::size_t>(line)];
      const std::int64_t end = begins[static_cast<std::size_t>(line) + 1];
      return begin >= 0 && begin <= end && end <= static_cast<std::int64_t>(values_.size());
    };
    bool is_sound = static_cast<std::int64_t>(begins.size()) == num_lines + 1 &&
                    minors.size() == values_.size();
    for (std::int64_t line = 0; is_sound && line < num_lines; ++line) {
      is_sound = fits(line);
      for (auto i = static_cast<std::size_t>(begins[static_cast<std::size_t>(line)]);
           is_sound && i < static_cast<std::size_t>(begins[static_cast<std::size_t>(line) + 1]);
           ++i) {
        is_sound = minors[i] >= 0 && minors[i] < length;
        if (is_sound) (*factors)[Place(line, minors[i])] = values_[i];
      }
    }
    if (!is_sound) Refuse("the sparse matrix of factors is malformed");
  }

  const Doubles& values_;
  std::int64_t num_rows_;
  std::int64_t num_cols_;
  bool is_transposed_;
};

void Read(Engine& engine, const Location& directory, const StageMetadata&, SavedModel* model) {
  const Location data = directory / "data";
  const RecordTable table = engine.ReadRecords(ListDataFiles(data), Layout());
  try {
    if (table.num_rows() != 1) {
      Refuse(fmt::format("a factorization machine is one row, but there are {}", table.num_rows()));
    }
    FactorizationMachine::Parameters parameters;
    parameters.bias = Value<double>(table, kIntercept);
    parameters.linear = ReadLinear(table);
    const FactorReader reader(table);
    parameters.factor_size = reader.num_cols();
    parameters.factors = reader.Read(table);
    model->model = std::make_shared<FactorizationMachine>(std::move(parameters));
  } catch (const Error& error) {
    throw error.Within(data.path());
  }
}

}  // namespace

ModelFormat FactorizationMachineFormat() {
  ModelFormat format;
  format.kind = "factorization_machine";
  format.saved_class = "org.apache.spark.ml.regression.FMRegressionModel";
  format.uid_prefix = "FMRegressor";
  format.default_params = {{"factorSize", 8},
                           {"featuresCol", "features"},
                           {"fitIntercept", true},
                           {"fitLinear", true},
                           {"initStd", 0.01},
                           {"labelCol", "label"},
                           {"maxIter", 100},
                           {"miniBatchFraction", 1.0},
                           {"predictionCol", "prediction"},
                           {"regParam", 0.0},
                           // What PySpark's hash("FMRegressor") is under spark-submit.
                           {"seed", std::int64_t{6883509363295914424}},
                           {"solver", "adamW"},
                           {"stepSize", 1.0},
                           {"tol", 1e-6}};
  format.write = Write;
  format.read = Read;
  return format;
}

}  // namespace firesteel
