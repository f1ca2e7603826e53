#include "features/min_max_scaler.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "base/error.h"
#include "features/append_columns.h"
#include "features/stage_params.h"
#include "features/vector_scan.h"
#include "sql/ml_functions.h"
#include "sql/spark_text.h"

namespace firesteel {
namespace {

constexpr std::string_view kClass = "org.apache.spark.ml.feature.MinMaxScalerModel";

std::span<const ParameterSpec> Parameters() {
  static const std::vector<ParameterSpec> table = {
      InputColumnParameter(),
      OutputColumnParameter(),
      {"min", ParameterType::kDouble, "0.0", "below max", "The lower end of the new range."},
      {"max", ParameterType::kDouble, "1.0", "above min", "The upper end of the new range."},
  };
  return table;
}

void CheckRange(const StageParams& params) {
  if (!(params.Double("min") < params.Double("max"))) {
    throw Error(ErrorKind::kUsage, fmt::format("parameter 'min' is {}, it must be below max, {}",
                                               sql::FormatDouble(params.Double("min")),
                                               sql::FormatDouble(params.Double("max"))));
  }
}

class MinMaxScalerModel final : public FittedStage {
 public:
  MinMaxScalerModel(StageParams params, std::vector<double> min, std::vector<double> max)
      : FittedStage(params.uid()),
        params_(std::move(params)),
        column_(params_.SingleColumn()),
        min_(std::move(min)),
        max_(std::move(max)) {
    CheckRange(params_);
    if (min_.size() != max_.size()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("originalMin has {} numbers and originalMax {}: they must have one "
                              "each for a slot",
                              min_.size(), max_.size()));
    }
  }

  StagePlan Plan(const Schema& input) const override {
    const Field& field = VectorInput(input, column_.input);
    const double lower = params_.Double("min");
    const double upper = params_.Double("max");
    std::vector<double> factors;
    for (std::size_t i = 0; i < min_.size(); ++i) {
      const double range = max_[i] - min_[i];
      factors.push_back(range == 0.0 ? 0.0 : (upper - lower) / range);
    }
    std::vector<double> constants(min_.size(), 0.5 * (lower + upper));
    StagePlan plan = AppendColumns(
        input,
        {{column_.output,
          sql::Call(sql::kMinMaxScale,
                    {sql::Column(field.name), sql::Literal(min_), sql::Literal(std::move(factors)),
                     sql::Literal(std::move(constants)), sql::Literal(lower)}),
          AttributeGroup{.size = min_.size(), .slots = std::nullopt}}});
    plan.checks.push_back(NullVectorCheck(field));
    return plan;
  }

  StageRecord ToRecord() const override {
    StageRecord record = params_.ToRecord(kClass);
    record.data.push_back({"originalMin", min_});
    record.data.push_back({"originalMax", max_});
    return record;
  }

 private:
  StageParams params_;
  StageParams::ColumnPair column_;
  std::vector<double> min_;
  std::vector<double> max_;
};

class MinMaxScaler final : public Stage {
 public:
  explicit MinMaxScaler(StageParams params)
      : params_(std::move(params)), column_(params_.SingleColumn()) {
    CheckRange(params_);
  }

  std::unique_ptr<FittedStage> Fit(Engine& engine, const Relation& input) const override {
    std::vector<double> min;
    std::vector<double> max;
    ScanVectors(engine, input, column_.input, [&](MatrixView<const double> rows) {
      min.resize(rows.num_cols(), std::numeric_limits<double>::max());
      max.resize(rows.num_cols(), std::numeric_limits<double>::lowest());
      for (std::size_t row = 0; row < rows.num_rows(); ++row) {
        for (std::size_t i = 0; i < min.size(); ++i) {
          const double value = rows(row, i);
          if (value < min[i]) min[i] = value;  // Never true for NaN.
          if (value > max[i]) max[i] = value;
        }
      }
    });
    return std::make_unique<MinMaxScalerModel>(params_, std::move(min), std::move(max));
  }

 private:
  StageParams params_;
  StageParams::ColumnPair column_;
};

std::unique_ptr<Stage> Make(std::string uid, const nlohmann::ordered_json& params) {
  return std::make_unique<MinMaxScaler>(StageParams(Parameters(), std::move(uid), params));
}

std::unique_ptr<FittedStage> Load(const StageRecord& record) {
  StageParams params = StageParams::Load(Parameters(), record);
  return std::make_unique<MinMaxScalerModel>(std::move(params),
                                             DataOf<std::vector<double>>(record, "originalMin"),
                                             DataOf<std::vector<double>>(record, "originalMax"));
}

}  // namespace

StageKind MinMaxScalerKind() {
  return {"MinMaxScaler", std::string(kClass),
          Parameters(),   "Maps the range of each slot of a vector to a range of your choice.",
          Make,           Load};
}

}  // namespace firesteel
