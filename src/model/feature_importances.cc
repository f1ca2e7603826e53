#include "model/feature_importances.h"

#include <algorithm>
#include <cstddef>

namespace firesteel {

std::vector<double> FeatureImportances(const TreeEnsemble& ensemble) {
  std::vector<double> importances(ensemble.num_features(), 0.0);
  for (const Tree& tree : ensemble.trees()) {
    for (const TreeNode& node : tree.nodes) {
      if (node.is_leaf()) continue;
      importances[static_cast<std::size_t>(node.feature)] += node.gain * node.stats[0];
    }
  }
  double total = 0.0;
  for (const double importance : importances) total += importance;
  if (total != 0.0) {
    for (double& importance : importances) importance /= total;
  }
  return importances;
}

ForestSize SizeOf(const TreeEnsemble& ensemble) {
  ForestSize size;
  size.num_trees = ensemble.trees().size();
  for (const Tree& tree : ensemble.trees()) {
    size.num_nodes += tree.nodes.size();
    // Children come after their parent, so one pass gives every depth.
    std::vector<int> depth(tree.nodes.size(), 0);
    for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
      const TreeNode& node = tree.nodes[i];
      size.max_depth = std::max(size.max_depth, depth[i]);
      if (node.is_leaf()) {
        ++size.num_leaves;
        continue;
      }
      depth[static_cast<std::size_t>(node.left)] = depth[i] + 1;
      depth[static_cast<std::size_t>(node.right)] = depth[i] + 1;
    }
  }
  return size;
}

}  // namespace firesteel
