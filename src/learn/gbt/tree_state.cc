#include "learn/gbt/tree_state.h"

#include <algorithm>

namespace firesteel {

void AddTree(const Tree& tree, StateWriter* writer) {
  writer->Add(std::uint64_t{tree.nodes.size()});
  for (const TreeNode& node : tree.nodes) {
    writer->Add(node.prediction);
    writer->Add(node.impurity);
    for (const double number : node.stats) writer->Add(number);
    writer->Add(node.num_rows);
    writer->Add(node.gain);
    writer->Add(node.left);
    writer->Add(node.right);
    writer->Add(node.feature);
    writer->Add(node.arity);
    writer->Add(node.threshold);
    writer->Add(node.left_categories);
  }
}

Tree ReadTree(StateReader* reader) {
  Tree tree;
  std::uint64_t num_nodes = 0;
  reader->Read(num_nodes);
  for (std::uint64_t i = 0; i < num_nodes && reader->is_good(); ++i) {
    TreeNode& node = tree.nodes.emplace_back();
    reader->Read(node.prediction);
    reader->Read(node.impurity);
    for (double& number : node.stats) reader->Read(number);
    reader->Read(node.num_rows);
    reader->Read(node.gain);
    reader->Read(node.left);
    reader->Read(node.right);
    reader->Read(node.feature);
    reader->Read(node.arity);
    reader->Read(node.threshold);
    reader->Read(node.left_categories);
  }
  return tree;
}

std::optional<TreeOnBins> TreeOnBins::Make(const Tree& tree,
                                           std::span<const FeatureBins> features) {
  TreeOnBins made;
  const auto size = static_cast<std::int64_t>(tree.nodes.size());
  for (std::int64_t position = 0; position < size; ++position) {
    const TreeNode& node = tree.nodes[static_cast<std::size_t>(position)];
    Node& own = made.nodes_.emplace_back();
    own.prediction = node.prediction;
    if (node.is_leaf()) continue;
    const bool follows =
        node.left > position && node.left < size && node.right > position && node.right < size;
    if (!follows || node.feature < 0 || std::size_t(node.feature) >= features.size()) {
      return std::nullopt;
    }
    own.left = node.left;
    own.right = node.right;
    own.feature = static_cast<std::size_t>(node.feature);
    const FeatureBins& feature = features[own.feature];
    if (feature.arity) {
      if (node.arity != *feature.arity) return std::nullopt;
      own.left_categories = &node.left_categories;
    } else {
      const auto found =
          std::lower_bound(feature.thresholds.begin(), feature.thresholds.end(), node.threshold);
      if (found == feature.thresholds.end() || *found != node.threshold) return std::nullopt;
      own.last_left_bin = static_cast<std::size_t>(found - feature.thresholds.begin());
    }
  }
  if (made.nodes_.empty()) return std::nullopt;
  return made;
}

double TreeOnBins::Predict(std::span<const std::uint16_t> bins) const {
  const Node* node = &nodes_[0];
  while (node->left >= 0) {
    const std::uint16_t bin = bins[node->feature];
    const bool left =
        node->left_categories == nullptr
            ? bin <= node->last_left_bin
            : std::binary_search(node->left_categories->begin(), node->left_categories->end(),
                                 static_cast<std::int32_t>(bin));
    node = &nodes_[static_cast<std::size_t>(left ? node->left : node->right)];
  }
  return node->prediction;
}

}  // namespace firesteel
