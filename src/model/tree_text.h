#pragma once

#include <span>
#include <string>

#include "model/tree_ensemble.h"
#include "table/attribute.h"

namespace firesteel {

/// A tree in words, one line per node, two blanks per level:
///   if days <= 12.5: (9,005 rows, mean 14.43, gain 5.395)
///     predict 11.2 (4,000 rows)
///   else:
///     …
/// Numbers are shortened to six digits, categories have their labels. `features` has length d.
std::string TreeToText(const Tree& tree, std::span<const Attribute> features);

/// What a split asks of a row, in words: "days <= 12.5", "colour in {red, blue}".
std::string SplitToText(const TreeNode& node, std::span<const Attribute> features);

}  // namespace firesteel
