#pragma once

#include <cstddef>
#include <cstdint>

#include "model/tree_ensemble.h"

namespace firesteel {

// How values meet the categorical splits of a tree. Source: spec A.15.

/// Where an unknown category goes: Spark tests membership in the smaller side of the split, so a
/// value on neither side falls to the larger one.
inline bool UnknownGoesLeft(const TreeNode& node) {
  return node.left_categories.size() > static_cast<std::size_t>(node.arity) / 2;
}

/// The category a value stands for, or `arity` if it stands for none.
inline std::int32_t CategoryOf(double value, std::int32_t arity) {
  if (!(value >= 0.0 && value < arity)) return arity;
  const auto category = static_cast<std::int32_t>(value);
  return category == value ? category : arity;
}

}  // namespace firesteel
