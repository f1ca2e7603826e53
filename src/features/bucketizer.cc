#include "features/bucketizer.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "base/error.h"
#include "features/append_columns.h"
#include "features/stage_columns.h"
#include "features/stage_params.h"
#include "sql/spark_text.h"

namespace firesteel {
namespace {

constexpr std::string_view kClass = kBucketizerClass;

bool AreSplits(const nlohmann::ordered_json& value) {
  const auto splits = value.get<std::vector<double>>();
  if (splits.size() < 3) return false;
  for (std::size_t i = 1; i < splits.size(); ++i) {
    if (!(splits[i - 1] < splits[i])) return false;  // NaN too.
  }
  return true;
}

std::span<const ParameterSpec> Parameters() {
  static const std::vector<ParameterSpec> table = {
      InputColumnParameter(),
      InputColumnsParameter(),
      OutputColumnParameter(),
      OutputColumnsParameter(),
      {"splits", ParameterType::kDoubleList, "", "at least 3 numbers, each above the one before",
       "The bounds of the buckets, for inputCol; -Inf and Inf take in every number.", AreSplits},
      {"splitsArray", ParameterType::kDoubleList, "",
       "for each input a list of at least 3 numbers, each above the one before",
       "The bounds of the buckets of each column, for inputCols.", AreSplits},
      ChoiceParameter("handleInvalid", {"error", "skip", "keep"},
                      "What to do with NaN: fail, drop the row, or give it a bucket of its own."),
  };
  return table;
}

class Bucketizer final : public FittedStage {
 public:
  explicit Bucketizer(StageParams params)
      : FittedStage(params.uid()),
        params_(std::move(params)),
        columns_(params_.Columns()),
        handle_invalid_(params_.String("handleInvalid")) {
    if (params_.IsSet("inputCol")) {
      Forbid("splitsArray", "inputCol goes with splits");
      splits_ = {params_.Doubles("splits")};
      return;
    }
    Forbid("splits", "inputCols goes with splitsArray");
    splits_ = params_.DoubleLists("splitsArray");
    if (splits_.size() != columns_.size()) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("splitsArray has {} lists, inputCols {} names: one list for each",
                              splits_.size(), columns_.size()));
    }
  }

  StagePlan Plan(const Schema& input) const override {
    sql::ExpressionPtr where;
    if (handle_invalid_ == "skip") {
      for (const auto& column : columns_) {
        const Field& field = NumericInput(input, column.input);
        sql::ExpressionPtr valid = sql::Call("isnotnull", {sql::Column(field.name)});
        if (const sql::ExpressionPtr nan = IsNan(field)) valid = sql::And(valid, sql::Not(nan));
        where = where ? sql::And(where, valid) : valid;
      }
    }
    std::vector<NewColumn> added;
    std::vector<RowCheck> checks;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Field& field = NumericInput(input, columns_[i].input);
      Attribute attribute;
      attribute.kind = Attribute::Kind::kNominal;
      attribute.values = Labels(splits_[i]);
      attribute.is_ordinal = true;
      added.push_back({columns_[i].output, Bucket(field, splits_[i]), attribute, field.nullable});
      AddChecks(field, splits_[i], where, &checks);
    }
    StagePlan plan = AppendColumns(input, added);
    plan.select.where = where;
    plan.checks = std::move(checks);
    return plan;
  }

  StageRecord ToRecord() const override { return params_.ToRecord(kClass); }

 private:
  void Forbid(std::string_view name, std::string_view reason) const {
    if (params_.IsSet(name)) {
      throw Error(ErrorKind::kUsage, fmt::format("parameter '{}' does not fit: {}", name, reason));
    }
  }

  static std::vector<std::string> Labels(const std::vector<double>& splits) {
    std::vector<std::string> labels;
    for (std::size_t i = 1; i < splits.size(); ++i) {
      labels.push_back(sql::FormatDouble(splits[i - 1]) + ", " + sql::FormatDouble(splits[i]));
    }
    return labels;
  }

  // number < split in the order of Java's doubles, where -0.0 is below 0.0.
  static sql::ExpressionPtr Below(const sql::ExpressionPtr& number, double split) {
    const sql::ExpressionPtr below = sql::Call("<", {number, sql::Literal(split)});
    if (split != 0.0 || std::signbit(split)) return below;
    return sql::Or(
        below, sql::And(sql::Call("=", {number, sql::Literal(0.0)}),
                        sql::Call("=", {sql::Cast(number, kStringType), sql::Literal("-0.0")})));
  }

  sql::ExpressionPtr Bucket(const Field& field, const std::vector<double>& splits) const {
    const sql::ExpressionPtr number = AsDouble(field);
    const std::size_t num_buckets = splits.size() - 1;
    auto node = std::make_shared<sql::Expression>();
    node->kind = sql::Expression::Kind::kCase;
    if (handle_invalid_ == "keep" && IsNan(field)) {
      node->args = {IsNan(field), sql::Literal(static_cast<double>(num_buckets))};
    }
    for (std::size_t i = 1; i < num_buckets; ++i) {
      node->args.push_back(Below(number, splits[i]));
      node->args.push_back(sql::Literal(static_cast<double>(i - 1)));
    }
    node->args.push_back(sql::Call("<=", {number, sql::Literal(splits.back())}));
    node->args.push_back(sql::Literal(static_cast<double>(num_buckets - 1)));
    node->args.push_back(sql::Null());
    return node;
  }

  void AddChecks(const Field& field, const std::vector<double>& splits,
                 const sql::ExpressionPtr& kept, std::vector<RowCheck>* checks) const {
    const sql::ExpressionPtr number = AsDouble(field);
    const sql::ExpressionPtr nan = IsNan(field);
    sql::ExpressionPtr outside = sql::Or(Below(number, splits.front()),
                                         sql::Call(">", {number, sql::Literal(splits.back())}));
    if (nan) outside = sql::And(sql::Not(nan), outside);
    if (kept) outside = sql::And(kept, outside);
    if (std::isfinite(splits.front()) || std::isfinite(splits.back())) {
      checks->push_back(
          {outside, sql::Column(field.name), field.name,
           fmt::format("lies outside the splits, {} to {},", sql::FormatDouble(splits.front()),
                       sql::FormatDouble(splits.back())),
           "widen the splits; -Inf and Inf take in every number"});
    }
    if (nan && handle_invalid_ == "error") {
      checks->push_back({nan, sql::Column(field.name), field.name, "is NaN",
                         "set handleInvalid to keep or skip"});
    }
  }

  StageParams params_;
  std::vector<StageParams::ColumnPair> columns_;
  std::string handle_invalid_;
  std::vector<std::vector<double>> splits_;
};

class UnfittedBucketizer final : public Stage {
 public:
  explicit UnfittedBucketizer(StageParams params) : fitted_(std::move(params)) {}

  std::unique_ptr<FittedStage> Fit(Engine&, const Relation&) const override {
    return std::make_unique<Bucketizer>(fitted_);
  }

 private:
  Bucketizer fitted_;
};

std::unique_ptr<Stage> Make(std::string uid, const nlohmann::ordered_json& params) {
  return std::make_unique<UnfittedBucketizer>(StageParams(Parameters(), std::move(uid), params));
}

std::unique_ptr<FittedStage> Load(const StageRecord& record) {
  return std::make_unique<Bucketizer>(StageParams::Load(Parameters(), record));
}

}  // namespace

StageKind BucketizerKind() {
  return {"Bucketizer", std::string(kClass),
          Parameters(), "Replaces a number by the index of the bucket it lies in.",
          Make,         Load};
}

}  // namespace firesteel
