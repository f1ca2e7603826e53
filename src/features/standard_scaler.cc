#include "features/standard_scaler.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "features/append_columns.h"
#include "features/exact_sum.h"
#include "features/stage_params.h"
#include "features/vector_scan.h"
#include "sql/ml_functions.h"

namespace firesteel {
namespace {

constexpr std::string_view kClass = "org.apache.spark.ml.feature.StandardScalerModel";

std::span<const ParameterSpec> Parameters() {
  static const std::vector<ParameterSpec> table = {
      InputColumnParameter(),
      OutputColumnParameter(),
      {"withMean", ParameterType::kBool, "false", "true or false",
       "Whether to take off the mean; makes vectors dense."},
      {"withStd", ParameterType::kBool, "true", "true or false",
       "Whether to divide by the standard deviation."},
  };
  return table;
}

class StandardScalerModel final : public FittedStage {
 public:
  StandardScalerModel(StageParams params, std::vector<double> std_dev, std::vector<double> mean)
      : FittedStage(params.uid()),
        params_(std::move(params)),
        column_(params_.SingleColumn()),
        std_dev_(std::move(std_dev)),
        mean_(std::move(mean)) {
    if (std_dev_.size() != mean_.size()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("std has {} numbers and mean {}: they must have one each for a slot",
                              std_dev_.size(), mean_.size()));
    }
  }

  StagePlan Plan(const Schema& input) const override {
    const Field& field = VectorInput(input, column_.input);
    std::vector<double> factors(std_dev_.size(), 1.0);
    if (params_.Bool("withStd")) {
      for (std::size_t i = 0; i < factors.size(); ++i) {
        factors[i] = std_dev_[i] == 0.0 ? 0.0 : 1.0 / std_dev_[i];
      }
    }
    StagePlan plan = AppendColumns(
        input, {{column_.output,
                 sql::Call(sql::kStandardScale, {sql::Column(field.name), sql::Literal(mean_),
                                                 sql::Literal(std::move(factors)),
                                                 sql::Literal(params_.Bool("withMean"))}),
                 AttributeGroup{.size = mean_.size(), .slots = std::nullopt}}});
    plan.checks.push_back(NullVectorCheck(field));
    return plan;
  }

  StageRecord ToRecord() const override {
    StageRecord record = params_.ToRecord(kClass);
    record.data.push_back({"std", std_dev_});
    record.data.push_back({"mean", mean_});
    return record;
  }

 private:
  StageParams params_;
  StageParams::ColumnPair column_;
  std::vector<double> std_dev_;
  std::vector<double> mean_;
};

class StandardScaler final : public Stage {
 public:
  explicit StandardScaler(StageParams params)
      : params_(std::move(params)), column_(params_.SingleColumn()) {}

  std::unique_ptr<FittedStage> Fit(Engine& engine, const Relation& input) const override {
    std::vector<ExactSum> sums;
    ScanVectors(engine, input, column_.input, [&](MatrixView<const double> rows) {
      sums.resize(rows.num_cols());
      for (std::size_t row = 0; row < rows.num_rows(); ++row) {
        for (std::size_t i = 0; i < sums.size(); ++i) sums[i].Add(rows(row, i));
      }
    });
    std::vector<double> std_dev;
    std::vector<double> mean;
    for (const ExactSum& sum : sums) {
      std_dev.push_back(sum.StandardDeviation());
      mean.push_back(sum.Mean());
    }
    return std::make_unique<StandardScalerModel>(params_, std::move(std_dev), std::move(mean));
  }

 private:
  StageParams params_;
  StageParams::ColumnPair column_;
};

std::unique_ptr<Stage> Make(std::string uid, const nlohmann::ordered_json& params) {
  return std::make_unique<StandardScaler>(StageParams(Parameters(), std::move(uid), params));
}

std::unique_ptr<FittedStage> Load(const StageRecord& record) {
  StageParams params = StageParams::Load(Parameters(), record);
  return std::make_unique<StandardScalerModel>(std::move(params),
                                               DataOf<std::vector<double>>(record, "std"),
                                               DataOf<std::vector<double>>(record, "mean"));
}

}  // namespace

StageKind StandardScalerKind() {
  return {"StandardScaler",
          std::string(kClass),
          Parameters(),
          "Scales each slot of a vector to unit deviation and, if told, to mean zero.",
          Make,
          Load};
}

}  // namespace firesteel
