#include "learn/xgboost/training_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "base/error.h"
#include "learn/binned_cells.h"

namespace firesteel {
namespace {

enum class Sharing { kBins, kBinsAndLabel, kNothing };

// Which rows may be one: see XgboostRowMaker.
Sharing SharingOf(const XgboostParameters& parameters) {
  const std::string& objective = parameters.objective;
  if (parameters.subsample < 1.0 || objective == "reg:absoluteerror" ||
      objective == "reg:quantileerror") {
    return Sharing::kNothing;
  }
  const bool is_linear = objective == "reg:squarederror" || objective == "count:poisson" ||
                         objective == "reg:gamma" || objective == "reg:tweedie";
  return is_linear ? Sharing::kBins : Sharing::kBinsAndLabel;
}

void RefuseLarge(const std::vector<Attribute>& attributes, std::size_t feature, double value) {
  if (std::isfinite(static_cast<float>(value))) return;
  throw Error(
      ErrorKind::kInvalidArgument,
      fmt::format("xgboost: feature {} ('{}') holds {}, and XGBoost computes with 32-bit "
                  "numbers, up to 3.4e38; scale the feature",
                  feature, attributes[feature].name.value_or(fmt::format("f{}", feature)), value));
}

void RefuseLargeLabel(double label) {
  if (std::isfinite(static_cast<float>(label))) return;
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("xgboost: a label is {}, and XGBoost computes with 32-bit numbers, up to "
                          "3.4e38; scale the label",
                          label));
}

}  // namespace

XgboostRowMaker::XgboostRowMaker(TrainingSource& source, const XgboostParameters& parameters)
    : source_(source), parameters_(parameters) {}

// Returns whether cells are worth a try.
bool XgboostRowMaker::ChooseBins() {
  const bool may_join = parameters_.tree_method == "hist";
  const std::size_t max_bins =
      may_join ? std::min<std::size_t>(static_cast<std::size_t>(parameters_.max_bin), kMaxCellBins)
               : kMaxCellBins;
  std::vector<std::size_t> all(source_.attributes().size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const auto values = source_.DistinctValues(all);
  for (const std::size_t feature : all) {
    if (!values[feature].empty()) {
      RefuseLarge(source_.attributes(), feature, values[feature].front().value);
      RefuseLarge(source_.attributes(), feature, values[feature].back().value);
    }
    features_.push_back(MakeFloatBins(values[feature], max_bins));
    if (!may_join && !features_.back().is_exact) return false;
  }
  return true;
}

std::vector<FeatureBins> XgboostRowMaker::Bins() const {
  std::vector<FeatureBins> bins;
  for (const FloatBins& feature : features_) bins.push_back(feature.bins);
  return bins;
}

void XgboostRowMaker::AddFeatures(const std::uint16_t* bins, XgboostRows* rows) const {
  for (std::size_t feature = 0; feature < features_.size(); ++feature) {
    rows->features.push_back(features_[feature].representatives[bins[feature]]);
  }
}

// A mean of labels could hide one that the objective does not allow.
void XgboostRowMaker::CheckLabel(double label) const {
  RefuseLargeLabel(label);
  const std::string& objective = parameters_.objective;
  const bool is_gamma = objective == "reg:gamma";
  if ((is_gamma && !(label > 0.0)) ||
      ((objective == "count:poisson" || objective == "reg:tweedie") && label < 0.0)) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("xgboost: a label is {}; {} needs labels {}", label, objective,
                            is_gamma ? "above 0" : "of 0 or more"));
  }
}

XgboostRows XgboostRowMaker::MeanRows(Cells cells) const {
  const BinnedCells groups = GroupCells(std::move(cells));
  XgboostRows rows;
  rows.num_features = features_.size();
  rows.features.reserve(groups.num_groups() * rows.num_features);
  for (std::size_t group = 0; group < groups.num_groups(); ++group) {
    double weight = 0.0;
    double weighted = 0.0;
    for (std::size_t cell = groups.first_cell[group]; cell < groups.first_cell[group + 1]; ++cell) {
      CheckLabel(groups.labels[cell]);
      const double own = groups.weights[cell] * groups.counts[cell];
      weight += own;
      weighted += own * groups.labels[cell];
    }
    AddFeatures(groups.group_bins(group).data(), &rows);
    const double label = weight > 0.0 ? weighted / weight : groups.labels[groups.first_cell[group]];
    rows.labels.push_back(static_cast<float>(label));
    rows.weights.push_back(static_cast<float>(weight));
  }
  return rows;
}

XgboostRows XgboostRowMaker::LabelRows(const Cells& cells) const {
  XgboostRows rows;
  rows.num_features = features_.size();
  rows.features.reserve(cells.size() * rows.num_features);
  for (std::size_t cell = 0; cell < cells.size(); ++cell) {
    CheckLabel(cells.labels[cell]);
    AddFeatures(&cells.bins[cell * rows.num_features], &rows);
    rows.labels.push_back(static_cast<float>(cells.labels[cell]));
    rows.weights.push_back(
        static_cast<float>(cells.weights[cell] * static_cast<double>(cells.counts[cell])));
  }
  return rows;
}

XgboostRows XgboostRowMaker::PlainRows(TrainingSource& source) const {
  XgboostRows rows;
  rows.num_features = source.attributes().size();
  rows.features.reserve(static_cast<std::size_t>(source.num_rows()) * rows.num_features);
  bool has_weights = false;
  source.Scan([&](MatrixView<const double> block) {
    for (std::size_t i = 0; i < block.num_rows(); ++i) {
      const std::span<const double> row = block.row(i);
      for (std::size_t feature = 0; feature < rows.num_features; ++feature) {
        RefuseLarge(source.attributes(), feature, row[feature]);
        rows.features.push_back(static_cast<float>(row[feature]));
      }
      CheckLabel(row[rows.num_features]);
      rows.labels.push_back(static_cast<float>(row[rows.num_features]));
      rows.weights.push_back(static_cast<float>(row[rows.num_features + 1]));
      has_weights = has_weights || rows.weights.back() != 1.0F;
    }
  });
  if (!has_weights) rows.weights.clear();
  return rows;
}

XgboostRows XgboostRowMaker::Training() {
  const Sharing sharing = SharingOf(parameters_);
  if (sharing == Sharing::kNothing || !ChooseBins()) return PlainRows(source_);
  const bool is_exact = std::all_of(features_.begin(), features_.end(),
                                    [](const FloatBins& feature) { return feature.is_exact; });
  XgboostRows rows;
  {
    Cells cells = source_.MakeCells(Bins());
    rows = sharing == Sharing::kBins ? MeanRows(std::move(cells)) : LabelRows(cells);
  }
  const auto num_rows = static_cast<std::size_t>(source_.num_rows());
  has_cells_ = is_exact || rows.labels.size() <= num_rows / 2;
  return has_cells_ ? std::move(rows) : PlainRows(source_);
}

XgboostRows XgboostRowMaker::Watched(TrainingSource& other) const {
  return has_cells_ ? LabelRows(other.MakeCells(Bins())) : PlainRows(other);
}

}  // namespace firesteel
