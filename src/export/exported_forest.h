#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sparkml/model_directory.h"
#include "sparkml/model_verification.h"
#include "table/attribute.h"

namespace firesteel {

/// One node of a tree, the same for all kinds of trees: a test that a row passes or not, or a leaf.
struct ExportedNode {
  enum class Test : std::uint8_t {
    kLeaf,
    kAtMost,  // value <= threshold
    kBelow,   // value < threshold
    kMember,  // The value is one of `categories`; NaN and fractions never are.
  };

  Test test = Test::kLeaf;
  bool missing_passes = false;  // Where NaN, and in tables NULL, goes.
  std::int32_t yes = -1;        // Positions in ExportedTree::nodes; -1 for a leaf.
  std::int32_t no = -1;
  std::int32_t feature = -1;                  // -1 for a leaf.
  double threshold = 0.0;                     // kAtMost, kBelow.
  float cut = 0.0F;                           // kBelow: the same test of values rounded to 32 bits.
  std::vector<std::int32_t> categories = {};  // kMember: ascending.
  double leaf = 0.0;                          // What a leaf adds to the sum.

  bool operator==(const ExportedNode&) const = default;
};

/// The root first, every child after its parent.
struct ExportedTree {
  std::vector<ExportedNode> nodes;

  bool operator==(const ExportedTree&) const = default;
};

/// What the exported files say of a model that is a sum of trees: `base`, and to that the leaf of
/// each tree, in order, rounded to 32 bits after each addition if `sums_floats`, then the link.
struct ExportedForest {
  enum class Link : std::uint8_t { kIdentity, kExp };

  std::string kind;  // "gbt"
  std::string label;
  std::string prediction;           // How the model calls its answer.
  std::vector<Attribute> features;  // Length d; each has a name.
  bool sums_floats = false;
  double base = 0.0;
  Link link = Link::kIdentity;
  std::vector<ExportedTree> trees;

  bool operator==(const ExportedForest&) const = default;
};

/// Brings a model into this form: weights multiplied into leaves, the branches of a categorical
/// split swapped where that keeps categories that training never saw out of the set.
/// Throws Error(kUnsupported) for a kind that is no sum of trees.
ExportedForest MakeExportedForest(const SavedModel& saved);

/// Throws Error(kInvalidArgument), naming tree and node, for a forest that could not be walked: a
/// tree without nodes, a child that does not come after its parent, a feature out of range.
void CheckForest(const ExportedForest& forest);

/// One prediction per row of `rows`, which have d features each, by the forest alone.
std::vector<double> PredictForest(const ExportedForest& forest, const VerificationRows& rows);

/// Rows to try an exported model with, and the predictions of the model itself: those that a saved
/// model is verified with, and the same with features missing and exactly at thresholds.
VerificationRows MakeReplayRows(const SavedModel& saved, const ExportedForest& forest);

/// Throws Error(kInternal), naming row and both numbers, if predictions are not the model's: the
/// same bits for sums of doubles, within `tolerance` (relative where they are above 1) otherwise.
void CheckReplay(const ExportedForest& forest, const VerificationRows& rows,
                 std::span<const double> predictions, double tolerance);

/// The least double that is not below `cut` once it is rounded to 32 bits, so that
/// value < LeastDoubleAtCut(cut) says of doubles what float(value) < cut says.
double LeastDoubleAtCut(float cut);

}  // namespace firesteel
