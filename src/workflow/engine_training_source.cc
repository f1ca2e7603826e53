#include "workflow/engine_training_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "sql/expression.h"
#include "sql/spark_text.h"

namespace firesteel {
namespace {

sql::Select Where(sql::ExpressionPtr condition) {
  sql::Select select;
  select.items.push_back({nullptr, ""});
  select.where = std::move(condition);
  return select;
}

}  // namespace

EngineTrainingSource::EngineTrainingSource(Engine& engine, const Relation& rows,
                                           std::int64_t num_rows, Options options)
    : engine_(engine), rows_(rows), num_rows_(num_rows), options_(std::move(options)) {
  view_ = {.features = {options_.features, options_.attributes.size()},
           .label = options_.label,
           .weight = options_.columns.weight};
  if (view_.weight) {
    const Field& weight = rows_.schema().Get(*view_.weight);
    if (!weight.type.IsNumeric()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("{}: the weight '{}' is of type {}; it must be numeric",
                              options_.name, weight.name, weight.type.ToString()));
    }
    view_.weight = weight.name;
  }
  if (options_.columns.held_out) SetAside(*options_.columns.held_out);
}

void EngineTrainingSource::SetAside(const std::string& column) {
  const Field& field = rows_.schema().Get(column);
  const auto refuse = [&](const std::string& problem) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{}: the column '{}', which says which rows are held out, {}",
                            options_.name, field.name, problem));
  };
  if (field.type != kBooleanType) {
    refuse(fmt::format("is of type {}; it must be boolean", field.type.ToString()));
  }
  const sql::ExpressionPtr indicator = sql::Column(field.name);
  const std::vector<sql::ExpressionPtr> conditions = {indicator, sql::IsNull(indicator)};
  const std::vector<std::int64_t> counts = engine_.CountWhere(rows_, conditions);
  if (counts[1] > 0) {
    refuse(fmt::format("is null in {} of {} rows; make each true or false",
                       WithThousands(counts[1]), WithThousands(num_rows_)));
  }
  if (counts[0] == 0) refuse("is false in all rows; training needs some to decide when to stop");
  if (counts[0] == num_rows_) refuse("is true in all rows; none is left to train on");

  Options others = options_;
  others.columns.held_out.reset();
  held_out_ = std::make_unique<EngineTrainingSource>(
      engine_, engine_.Query(rows_, Where(indicator)), counts[0], std::move(others));
  rows_ = engine_.Query(rows_, Where(sql::Not(indicator)));
  num_rows_ -= counts[0];
}

std::vector<std::vector<WeightedValue>> EngineTrainingSource::DistinctValues(
    std::span<const std::size_t> features) {
  if (features.empty()) return {};
  std::vector<std::vector<WeightedValue>> values = engine_.DistinctValues(rows_, view_, features);
  for (const std::vector<WeightedValue>& feature : values) {
    std::int64_t num_negative = 0;
    for (const WeightedValue& value : feature) {
      if (!std::isfinite(value.value) || !std::isfinite(value.weight)) RefuseUnusable();
      if (value.weight < 0.0) num_negative += value.count;
    }
    if (num_negative > 0) RefuseNegativeWeights(num_negative);
  }
  return values;
}

Cells EngineTrainingSource::MakeCells(std::span<const FeatureBins> bins) {
  std::optional<Cells> cells = engine_.MakeCells(rows_, view_, bins);
  if (!cells) {
    RefuseUnusable();
    RefuseCategories(bins);
  }
  std::int64_t num_negative = 0;
  for (std::size_t i = 0; i < cells->size(); ++i) {
    if (cells->weights[i] < 0.0) num_negative += cells->counts[i];
  }
  if (num_negative > 0) RefuseNegativeWeights(num_negative);
  return std::move(*cells);
}

void EngineTrainingSource::Scan(const std::function<void(MatrixView<const double> rows)>& visitor) {
  const std::size_t width = options_.attributes.size() + 2;
  std::vector<ScanColumn> columns = {view_.features, {view_.label}};
  if (view_.weight) columns.push_back({*view_.weight});
  std::vector<double> block;
  bool is_usable = true;
  std::int64_t num_negative = 0;
  engine_.Scan(rows_, columns, [&](MatrixView<const double> rows) {
    for (std::size_t row = 0; row < rows.num_rows(); ++row) {
      for (const double value : rows.row(row)) is_usable = is_usable && std::isfinite(value);
      if (view_.weight && rows(row, width - 1) < 0.0) ++num_negative;
    }
    if (!is_usable || num_negative > 0) return;
    if (view_.weight) {
      visitor(rows);
      return;
    }
    block.resize(rows.num_rows() * width);
    for (std::size_t row = 0; row < rows.num_rows(); ++row) {
      double* const out = block.data() + row * width;
      std::copy(rows.row(row).begin(), rows.row(row).end(), out);
      out[width - 1] = 1.0;
    }
    visitor(MatrixView<const double>(block.data(), rows.num_rows(), width));
  });
  if (!is_usable) RefuseUnusable();
  if (num_negative > 0) RefuseNegativeWeights(num_negative);
}

void EngineTrainingSource::RefuseUnusable() {
  const std::vector<std::int64_t> counts = engine_.CountUnusable(rows_, view_);
  const std::size_t num_features = options_.attributes.size();
  const auto refuse = [&](std::size_t position, const std::string& what) {
    if (counts[position] == 0) return;
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{}: {} is null, NaN or infinite in {} of {} rows; leave such rows out "
                            "or fill them in before training",
                            options_.name, what, WithThousands(counts[position]),
                            WithThousands(num_rows_)));
  };
  refuse(num_features, fmt::format("the label '{}'", view_.label));
  if (view_.weight) refuse(num_features + 1, fmt::format("the weight '{}'", *view_.weight));
  for (std::size_t feature = 0; feature < num_features; ++feature) {
    refuse(feature, fmt::format("the feature '{}'", FeatureName(feature)));
  }
}

void EngineTrainingSource::RefuseCategories(std::span<const FeatureBins> bins) {
  std::vector<std::size_t> categorical;
  for (std::size_t feature = 0; feature < bins.size(); ++feature) {
    if (bins[feature].arity) categorical.push_back(feature);
  }
  const std::vector<std::vector<WeightedValue>> values =
      engine_.DistinctValues(rows_, view_, categorical);
  for (std::size_t i = 0; i < categorical.size(); ++i) {
    const std::int32_t arity = *bins[categorical[i]].arity;
    std::int64_t count = 0;
    double example = 0.0;
    for (const WeightedValue& value : values[i]) {
      if (value.value >= 0.0 && value.value < arity) continue;
      if (count == 0) example = value.value;
      count += value.count;
    }
    if (count == 0) continue;
    throw Error(
        ErrorKind::kInvalidArgument,
        fmt::format("{}: the feature '{}' has {} categories by its attributes, 0 to {}, but is {} "
                    "or another number outside of them in {} of {} rows; make the frame with the "
                    "pipeline model that indexed it",
                    options_.name, FeatureName(categorical[i]), arity, arity - 1,
                    sql::FormatDouble(example), WithThousands(count), WithThousands(num_rows_)));
  }
  throw Error(ErrorKind::kInternal,
              fmt::format("{}: the rows can't be gathered into cells, and nothing is wrong with "
                          "them; please report this",
                          options_.name));
}

void EngineTrainingSource::RefuseNegativeWeights(std::int64_t count) const {
  throw Error(
      ErrorKind::kInvalidArgument,
      fmt::format("{}: the weight '{}' is negative in {} of {} rows; a weight is 0 or more",
                  options_.name, *view_.weight, WithThousands(count), WithThousands(num_rows_)));
}

std::string EngineTrainingSource::FeatureName(std::size_t feature) const {
  return options_.attributes[feature].name.value_or(
      fmt::format("{}_{}", options_.features, feature));
}

}  // namespace firesteel
