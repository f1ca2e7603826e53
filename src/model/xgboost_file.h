#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace firesteel {

/// One node of a tree of XGBoost's. A row goes left if its value, rounded to 32 bits, is below the
/// cut; NaN goes where `default_left` says.
struct XgboostNode {
  std::int32_t left = -1;  // Positions in XgboostTree::nodes; -1 for a leaf.
  std::int32_t right = -1;
  std::int32_t feature = -1;  // -1 for a leaf.
  float cut = 0.0F;
  bool default_left = false;
  float leaf = 0.0F;   // What a leaf adds to the margin, the learning rate included.
  float cover = 0.0F;  // Sum of second derivatives of the rows that came by.
  float gain = 0.0F;   // Of the split; 0 for a leaf.

  bool is_leaf() const { return left < 0; }
};

/// Nodes in preorder: root first, then the whole left subtree.
struct XgboostTree {
  std::vector<XgboostNode> nodes;
};

/// How a margin, the sum over the trees, becomes a prediction.
enum class XgboostLink { kIdentity, kLog };  // kLog: the prediction is exp(margin).

/// The largest double that is below `cut` once it is rounded to 32 bits: `x <= LargestBelow(cut)`
/// says the same as `float(x) < cut`, for every double but NaN. `cut` is not NaN; for minus
/// infinity the answer is NaN, as nothing is below.
double LargestBelow(float cut);

/// What a model file of XGBoost's says, as far as it matters to predictions.
struct XgboostForest {
  std::string objective;  // "reg:squarederror"
  XgboostLink link = XgboostLink::kIdentity;
  float base_score = 0.0F;   // In the unit of the label.
  float base_margin = 0.0F;  // What the trees are added to: base_score, or its logarithm.
  std::vector<XgboostTree> trees;
  std::size_t num_features = 0;
  std::vector<std::string> feature_names;  // Length num_features, or empty.
};

/// Reads the bytes of a model.ubj (UBJSON), as XGBoost 1.6 to 3.x writes it.
/// Throws Error(kInvalidArgument), naming the field, for bytes that are no such file or a tree that
/// could not be walked, and Error(kUnsupported) for boosters other than gbtree, objectives that are
/// no regression, several outputs and categorical splits.
/// Source: XGBoost's "Introduction to Model IO" and its model schema, version 3.2.
XgboostForest ParseXgboostFile(std::string_view bytes);

}  // namespace firesteel
