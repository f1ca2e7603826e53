#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/leaf_masks.h"
#include "model/regressor.h"
#include "model/xgboost_file.h"

namespace firesteel {

/// Predicts with a model that XGBoost trained, without its library. Margins are added up in 32 bits
/// in the order of the trees, and features rounded to 32 bits, as XGBoost's predictor on CPUs does,
/// so predictions have the same bits; with a logarithmic link, as far as exp() is the same.
class XgboostModel : public Regressor {
 public:
  /// `file`: the bytes of a model.ubj. Throws as ParseXgboostFile does.
  explicit XgboostModel(std::string file);

  /// The bytes it was made of.
  const std::string& file() const { return file_; }
  const std::string& objective() const { return forest_.objective; }
  XgboostLink link() const { return forest_.link; }
  /// What the trees are added to, in the unit of margins.
  float base_margin() const { return forest_.base_margin; }
  const std::vector<XgboostTree>& trees() const { return forest_.trees; }
  /// Length num_features(), or empty.
  const std::vector<std::string>& feature_names() const { return forest_.feature_names; }

  std::size_t num_features() const override { return forest_.num_features; }
  /// A NaN feature is a missing one: it goes to the default side of a split.
  void Predict(MatrixView<const double> rows, std::span<double> out) const override;

 private:
  void Walk(MatrixView<const double> rows, std::span<double> out) const;

  std::string file_;
  XgboostForest forest_;
  // The fast way, for trees of up to 32 or 64 leaves; both null for trees it does not suit.
  std::shared_ptr<const LeafMasksOf<std::uint32_t, float>> masks32_;
  std::shared_ptr<const LeafMasksOf<std::uint64_t, float>> masks64_;
};

/// How much the splits on each feature gained in all, as shares of one; length num_features(). All
/// zero for trees without a split. Source: XGBoost's importance type "total_gain", normalised.
std::vector<double> XgboostImportances(const XgboostModel& model);

}  // namespace firesteel
