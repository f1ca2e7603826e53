#include "features/imputer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "features/append_columns.h"
#include "features/exact_sum.h"
#include "features/stage_params.h"

namespace firesteel {
namespace {

constexpr std::string_view kClass = "org.apache.spark.ml.feature.ImputerModel";

std::span<const ParameterSpec> Parameters() {
  static const std::vector<ParameterSpec> table = {
      InputColumnParameter(),
      InputColumnsParameter(),
      OutputColumnParameter(),
      OutputColumnsParameter(),
      ChoiceParameter("strategy", {"mean", "median", "mode"}, "What missing values become."),
      {"missingValue", ParameterType::kDouble, R"("NaN")", "any number",
       "The number that stands for a missing value; null always does."},
      {"relativeError", ParameterType::kDouble, "0.001", "0 to 1",
       "The precision of Spark's median; the median is exact here.",
       [](const nlohmann::ordered_json& value) {
         const double number = value.get<double>();
         return number >= 0.0 && number <= 1.0;
       }},
  };
  return table;
}

const Field& FillableInput(const Schema& input, const std::string& column) {
  const Field& field = NumericInput(input, column);
  if (field.type.kind == TypeKind::kDecimal) {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("column '{}' is {}, which can't be filled: cast it to double in a "
                            "SQLTransformer stage before",
                            column, field.type.ToString()));
  }
  return field;
}

class ImputerModel final : public FittedStage {
 public:
  /// `surrogates`: one for each column.
  ImputerModel(StageParams params, std::vector<double> surrogates)
      : FittedStage(params.uid()),
        params_(std::move(params)),
        columns_(params_.Columns()),
        missing_value_(params_.Double("missingValue")),
        surrogates_(std::move(surrogates)) {}

  StagePlan Plan(const Schema& input) const override {
    StagePlan plan;
    std::vector<sql::SelectItem> filled;
    bool replaces = false;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Field& field = FillableInput(input, columns_[i].input);
      filled.push_back({Filled(field, surrogates_[i]), columns_[i].output});
      replaces |= input.Find(columns_[i].output).has_value();
    }
    if (!replaces) {
      plan.select.items.push_back({nullptr, ""});
      plan.select.items.insert(plan.select.items.end(), filled.begin(), filled.end());
      return plan;
    }
    for (const Field& field : input.fields()) {
      const auto found = std::find_if(filled.begin(), filled.end(), [&](const auto& item) {
        return EqualsIgnoringCase(item.name, field.name);
      });
      if (found == filled.end()) {
        plan.select.items.push_back({sql::Column(field.name), field.name});
      } else {
        plan.select.items.push_back(*found);
        filled.erase(found);
      }
    }
    plan.select.items.insert(plan.select.items.end(), filled.begin(), filled.end());
    return plan;
  }

  StageRecord ToRecord() const override {
    StageRecord record = params_.ToRecord(kClass);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      record.data.push_back({columns_[i].input, surrogates_[i]});
    }
    return record;
  }

 private:
  sql::ExpressionPtr Filled(const Field& field, double surrogate) const {
    const sql::ExpressionPtr number = AsDouble(field);
    const sql::ExpressionPtr missing =
        sql::Or(sql::IsNull(number), sql::Call("=", {number, sql::Literal(missing_value_)}));
    const sql::ExpressionPtr filled = sql::If(missing, sql::Literal(surrogate), number);
    return field.type == kDoubleType ? filled : sql::Cast(filled, field.type);
  }

  StageParams params_;
  std::vector<StageParams::ColumnPair> columns_;
  double missing_value_;
  std::vector<double> surrogates_;
};

double LowerMedian(std::vector<double>* values) {
  const auto middle = values->begin() + static_cast<std::ptrdiff_t>((values->size() - 1) / 2);
  std::nth_element(values->begin(), middle, values->end());
  return *middle;
}

double SmallestMode(std::vector<double>* values) {
  std::sort(values->begin(), values->end());
  double mode = values->front();
  std::size_t most = 0;
  for (auto run = values->begin(); run != values->end();) {
    const auto end = std::upper_bound(run, values->end(), *run);
    if (const auto length = static_cast<std::size_t>(end - run); length > most) {
      most = length;
      mode = *run;
    }
    run = end;
  }
  return mode + 0.0;  // -0.0 and 0.0 are one value, written 0.0.
}

class Imputer final : public Stage {
 public:
  explicit Imputer(StageParams params) : params_(std::move(params)), columns_(params_.Columns()) {}

  std::unique_ptr<FittedStage> Fit(Engine& engine, const Relation& input) const override {
    const std::string strategy = params_.String("strategy");
    const double missing_value = params_.Double("missingValue");
    sql::Select select;
    std::vector<ScanColumn> scanned;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Field& field = FillableInput(input.schema(), columns_[i].input);
      scanned.push_back({fmt::format("c{}", i)});
      select.items.push_back({AsDouble(field), scanned.back().name});
    }
    std::vector<ExactSum> sums(columns_.size());
    std::vector<std::vector<double>> values(columns_.size());
    engine.Scan(engine.Query(input, select), scanned, [&](MatrixView<const double> rows) {
      for (std::size_t row = 0; row < rows.num_rows(); ++row) {
        for (std::size_t i = 0; i < rows.num_cols(); ++i) {
          const double value = rows(row, i);
          if (std::isnan(value) || value == missing_value) continue;
          if (strategy == "mean") {
            sums[i].Add(value);
          } else {
            values[i].push_back(value);
          }
        }
      }
    });
    std::vector<double> surrogates;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      double surrogate = std::numeric_limits<double>::quiet_NaN();
      if (strategy == "mean") {
        surrogate = sums[i].Mean();
      } else if (!values[i].empty()) {
        surrogate = strategy == "median" ? LowerMedian(&values[i]) : SmallestMode(&values[i]);
      }
      if (std::isnan(surrogate)) {
        throw Error(ErrorKind::kInvalidArgument,
                    fmt::format("column '{}' has no {} to fill its gaps with: all its values are "
                                "null, NaN or missingValue, or it holds both infinities",
                                columns_[i].input, strategy));
      }
      surrogates.push_back(surrogate);
    }
    return std::make_unique<ImputerModel>(params_, std::move(surrogates));
  }

 private:
  StageParams params_;
  std::vector<StageParams::ColumnPair> columns_;
};

std::unique_ptr<Stage> Make(std::string uid, const nlohmann::ordered_json& params) {
  return std::make_unique<Imputer>(StageParams(Parameters(), std::move(uid), params));
}

std::unique_ptr<FittedStage> Load(const StageRecord& record) {
  StageParams params = StageParams::Load(Parameters(), record);
  std::vector<double> surrogates;
  for (const auto& column : params.Columns()) {
    surrogates.push_back(DataOf<double>(record, column.input));
  }
  return std::make_unique<ImputerModel>(std::move(params), std::move(surrogates));
}

}  // namespace

StageKind ImputerKind() {
  return {"Imputer",    std::string(kClass),
          Parameters(), "Fills the gaps of numeric columns by the mean, median or mode.",
          Make,         Load};
}

}  // namespace firesteel
