#pragma once

#include <vector>

#include "model/tree_ensemble.h"

namespace firesteel {

/// How much each feature's splits gained, shape (d), summing to one: for every split of every tree
/// its gain times the weight of its rows (stats[0]), added to its feature, over the total. Trees
/// count alike, whatever their weights. All zeros if no tree has a split.
/// Source: Spark's GBTRegressionModel.featureImportances (spec A.16).
std::vector<double> FeatureImportances(const TreeEnsemble& ensemble);

/// How large an ensemble is.
struct ForestSize {
  std::size_t num_trees = 0;
  std::size_t num_nodes = 0;
  std::size_t num_leaves = 0;
  int max_depth = 0;  // Of the deepest leaf; a lone leaf is at depth 0.
};
ForestSize SizeOf(const TreeEnsemble& ensemble);

}  // namespace firesteel
