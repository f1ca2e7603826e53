#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "learn/training_source.h"
#include "learn/xgboost/float_bins.h"
#include "learn/xgboost/xgboost_parameters.h"

namespace firesteel {

/// Rows as XGBoost is given them: as they are, or one for many.
struct XgboostRows {
  std::size_t num_features = 0;  // d
  std::vector<float> features;   // Shape (n, d), row-major.
  std::vector<float> labels;     // Shape (n).
  std::vector<float> weights;    // Shape (n), or empty: every weight is 1.
};

/// Decides how a source's rows are handed to XGBoost, and hands them over.
///
/// Where the gradient of the loss is linear in the label, and rows are not sampled, rows that share
/// the bins of all features (a cell) are one row with their weight in all and their mean label; the
/// gradients of a tree's nodes, and so the trees, are the same but for rounding. Where it is not
/// linear, rows must share the label too. Losses whose leaves are quantiles want rows.
/// A bin is one 32-bit value where a feature has no more than max_bin of them; this changes
/// nothing. Else, with tree_method hist, bins are quantiles, as XGBoost's own, and cells are taken
/// if there are no more than half as many as rows; with others, a bin is one value still.
class XgboostRowMaker {
 public:
  /// `source` must outlive this.
  XgboostRowMaker(TrainingSource& source, const XgboostParameters& parameters);

  /// The rows to train on.
  /// Throws Error(kInvalidArgument), naming the feature, for values beyond 32-bit numbers, and for
  /// labels that the objective does not allow.
  XgboostRows Training();

  /// Rows of `other`, whose features are those of the source, in the form of `Training()`, which
  /// was called before. Labels are kept apart, so that any metric comes out as of the rows.
  XgboostRows Watched(TrainingSource& other) const;

  bool has_cells() const { return has_cells_; }

 private:
  bool ChooseBins();
  XgboostRows MeanRows(Cells cells) const;
  XgboostRows LabelRows(const Cells& cells) const;
  XgboostRows PlainRows(TrainingSource& rows) const;
  std::vector<FeatureBins> Bins() const;
  void AddFeatures(const std::uint16_t* bins, XgboostRows* rows) const;
  void CheckLabel(double label) const;

  TrainingSource& source_;
  const XgboostParameters& parameters_;
  std::vector<FloatBins> features_;
  bool has_cells_ = false;
};

}  // namespace firesteel
