#include "model/xgboost_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/error.h"

namespace firesteel {
namespace {

constexpr std::size_t kBlockRows = 64;

// The same trees as LeafMasks knows them: `value <= threshold` in 64 bits.
std::vector<Tree> InDoubles(const std::vector<XgboostTree>& trees) {
  std::vector<Tree> made;
  for (const XgboostTree& tree : trees) {
    Tree& own = made.emplace_back();
    for (const XgboostNode& node : tree.nodes) {
      TreeNode& same = own.nodes.emplace_back();
      same.prediction = node.leaf;
      same.left = node.left;
      same.right = node.right;
      same.feature = node.feature;
      if (!node.is_leaf()) same.threshold = LargestBelow(node.cut);
      same.nan_goes_left = node.default_left;
    }
  }
  return made;
}

template <typename Word>
std::shared_ptr<const LeafMasksOf<Word, float>> MakeMasks(const std::vector<Tree>& trees,
                                                          float start) {
  auto masks = LeafMasksOf<Word, float>::Make(trees, std::vector<double>(trees.size(), 1.0), start);
  if (!masks) return nullptr;
  return std::make_shared<const LeafMasksOf<Word, float>>(std::move(*masks));
}

}  // namespace

XgboostModel::XgboostModel(std::string file)
    : file_(std::move(file)), forest_(ParseXgboostFile(file_)) {
  const std::vector<Tree> trees = InDoubles(forest_.trees);
  masks32_ = MakeMasks<std::uint32_t>(trees, forest_.base_margin);
  if (masks32_ == nullptr) masks64_ = MakeMasks<std::uint64_t>(trees, forest_.base_margin);
}

// Block by block and tree by tree, so that a block's rows and one tree stay cached.
void XgboostModel::Walk(MatrixView<const double> rows, std::span<double> out) const {
  std::array<float, kBlockRows> margins;
  for (std::size_t begin = 0; begin < out.size(); begin += kBlockRows) {
    const std::size_t num_rows = std::min(kBlockRows, out.size() - begin);
    margins.fill(forest_.base_margin);
    for (const XgboostTree& tree : forest_.trees) {
      for (std::size_t row = 0; row < num_rows; ++row) {
        const XgboostNode* node = tree.nodes.data();
        while (!node->is_leaf()) {
          const auto value =
              static_cast<float>(rows(begin + row, static_cast<std::size_t>(node->feature)));
          const bool left = value < node->cut || (node->default_left && std::isnan(value));
          node = &tree.nodes[static_cast<std::size_t>(left ? node->left : node->right)];
        }
        margins[row] += node->leaf;
      }
    }
    std::copy_n(margins.begin(), num_rows, out.begin() + static_cast<std::ptrdiff_t>(begin));
  }
}

void XgboostModel::Predict(MatrixView<const double> rows, std::span<double> out) const {
  CheckShapes("XGBoost model", rows, out);
  if (masks32_ != nullptr) {
    masks32_->Predict(rows, out);
  } else if (masks64_ != nullptr) {
    masks64_->Predict(rows, out);
  } else {
    Walk(rows, out);
  }
  if (forest_.link == XgboostLink::kLog) {
    for (double& prediction : out) prediction = std::exp(static_cast<float>(prediction));
  }
}

std::vector<double> XgboostImportances(const XgboostModel& model) {
  std::vector<double> importances(model.num_features(), 0.0);
  double total = 0.0;
  for (const XgboostTree& tree : model.trees()) {
    for (const XgboostNode& node : tree.nodes) {
      if (node.is_leaf()) continue;
      importances[static_cast<std::size_t>(node.feature)] += node.gain;
      total += node.gain;
    }
  }
  if (total > 0.0) {
    for (double& importance : importances) importance /= total;
  }
  return importances;
}

}  // namespace firesteel
