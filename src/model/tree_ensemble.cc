#include "model/tree_ensemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "model/categories.h"
#include "model/leaf_masks.h"

namespace firesteel {
namespace {

// Rows are predicted in blocks, tree by tree, so that a block's features and one tree stay cached.
constexpr std::size_t kBlockRows = 64;
constexpr std::int32_t kNanGoesLeft = -2;  // As a step's arity.

bool GoesLeft(const TreeNode& node, double value) {
  if (node.arity < 0) {
    return value <= node.threshold || (node.nan_goes_left && std::isnan(value));
  }
  const std::int32_t category = CategoryOf(value, node.arity);
  if (category == node.arity) return UnknownGoesLeft(node);
  return std::binary_search(node.left_categories.begin(), node.left_categories.end(), category);
}

[[noreturn]] void RefuseNode(std::size_t tree, std::size_t node, const std::string& what) {
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("tree ensemble: tree {}, node {}: {}", tree, node, what));
}

void CheckTree(const Tree& tree, std::size_t position, std::size_t num_features) {
  const std::size_t size = tree.nodes.size();
  if (size == 0) {
    throw Error(
        ErrorKind::kInvalidArgument,
        fmt::format("tree ensemble: tree {} has no node; a tree has at least a leaf", position));
  }
  for (std::size_t i = 0; i < size; ++i) {
    const TreeNode& node = tree.nodes[i];
    if (node.left < 0 && node.right < 0) continue;
    // Children after their parent also means that every walk ends.
    for (const std::int32_t child : {node.left, node.right}) {
      if (child < 0 || static_cast<std::size_t>(child) <= i ||
          static_cast<std::size_t>(child) >= size) {
        RefuseNode(position, i,
                   fmt::format("child {} must be a later node of the tree's {}", child, size));
      }
    }
    if (node.feature < 0 || static_cast<std::size_t>(node.feature) >= num_features) {
      RefuseNode(position, i,
                 fmt::format("it splits on feature {}, but a row has {} features", node.feature,
                             num_features));
    }
    if (node.arity < 0) continue;
    const std::vector<std::int32_t>& left = node.left_categories;
    for (std::size_t k = 0; k < left.size(); ++k) {
      if (left[k] < 0 || left[k] >= node.arity || (k > 0 && left[k] <= left[k - 1])) {
        RefuseNode(position, i,
                   fmt::format("category {} is not in ascending order or not below the arity {}",
                               left[k], node.arity));
      }
    }
  }
}

}  // namespace

std::size_t Tree::Leaf(std::span<const double> row) const {
  std::size_t position = 0;
  while (!nodes[position].is_leaf()) {
    const TreeNode& node = nodes[position];
    position = static_cast<std::size_t>(
        GoesLeft(node, row[static_cast<std::size_t>(node.feature)]) ? node.left : node.right);
  }
  return position;
}

TreeEnsemble::TreeEnsemble(std::vector<Tree> trees, std::vector<double> weights,
                           std::size_t num_features)
    : trees_(std::move(trees)), weights_(std::move(weights)), num_features_(num_features) {
  if (trees_.empty()) {
    throw Error(ErrorKind::kInvalidArgument,
                "tree ensemble: there is no tree; at least one is needed");
  }
  if (trees_.size() != weights_.size()) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("tree ensemble: {} trees but {} weights; each tree needs one",
                            trees_.size(), weights_.size()));
  }
  for (std::size_t t = 0; t < trees_.size(); ++t) {
    CheckTree(trees_[t], t, num_features_);
    const std::size_t root = steps_.size();
    roots_.push_back(root);
    for (const TreeNode& node : trees_[t].nodes) {
      Step step;
      if (node.is_leaf()) {
        step.value = node.prediction;
      } else {
        step.value = node.threshold;
        step.feature = node.feature;
        step.left = static_cast<std::int32_t>(root) + node.left;
        step.right = static_cast<std::int32_t>(root) + node.right;
        step.arity = node.arity < 0 && node.nan_goes_left ? kNanGoesLeft : node.arity;
        if (node.arity >= 0) {
          step.categories = goes_left_.size();
          goes_left_.resize(goes_left_.size() + static_cast<std::size_t>(node.arity), 0);
          goes_left_.push_back(UnknownGoesLeft(node) ? 1 : 0);
          for (const std::int32_t category : node.left_categories) {
            goes_left_[step.categories + static_cast<std::size_t>(category)] = 1;
          }
        }
      }
      steps_.push_back(step);
    }
  }
  if (std::optional<LeafMasks> masks = LeafMasks::Make(trees_, weights_)) {
    masks_ = std::make_shared<const LeafMasks>(std::move(*masks));
  }
}

double TreeEnsemble::LeafValue(std::size_t root, std::span<const double> row) const {
  const Step* step = &steps_[root];
  while (step->feature >= 0) {
    const double value = row[static_cast<std::size_t>(step->feature)];
    bool left = false;
    if (step->arity < 0) {
      left = value <= step->value || (step->arity == kNanGoesLeft && std::isnan(value));
    } else {
      const std::int32_t category = CategoryOf(value, step->arity);
      left = goes_left_[step->categories + static_cast<std::size_t>(category)] != 0;
    }
    step = &steps_[static_cast<std::size_t>(left ? step->left : step->right)];
  }
  return step->value;
}

void TreeEnsemble::Predict(MatrixView<const double> rows, std::span<double> out) const {
  CheckShapes("tree ensemble", rows, out);
  if (masks_ != nullptr) {
    masks_->Predict(rows, out);
    return;
  }
  for (std::size_t begin = 0; begin < out.size(); begin += kBlockRows) {
    const std::size_t end = std::min(begin + kBlockRows, out.size());
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(begin),
              out.begin() + static_cast<std::ptrdiff_t>(end), 0.0);
    for (std::size_t t = 0; t < roots_.size(); ++t) {
      for (std::size_t row = begin; row < end; ++row) {
        out[row] += LeafValue(roots_[t], rows.row(row)) * weights_[t];
      }
    }
  }
}

}  // namespace firesteel
