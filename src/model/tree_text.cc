#include "model/tree_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/text.h"

namespace firesteel {
namespace {

std::string NameOf(std::int32_t feature, std::span<const Attribute> features) {
  const auto position = static_cast<std::size_t>(feature);
  if (position < features.size() && features[position].name) return *features[position].name;
  return fmt::format("f{}", feature);
}

std::string Number(double value) { return fmt::format("{:.6g}", value); }

std::string Rows(const TreeNode& node) {
  return fmt::format("{} row{}", WithThousands(node.num_rows), node.num_rows == 1 ? "" : "s");
}

}  // namespace

std::string SplitToText(const TreeNode& node, std::span<const Attribute> features) {
  const std::string name = NameOf(node.feature, features);
  // Six digits may round a threshold to a value on its other side, so it is written whole.
  if (node.arity < 0) return fmt::format("{} <= {}", name, node.threshold);
  const auto position = static_cast<std::size_t>(node.feature);
  std::vector<std::string> labels;
  for (const std::int32_t category : node.left_categories) {
    const bool has_label = position < features.size() &&
                           static_cast<std::size_t>(category) < features[position].values.size();
    labels.push_back(has_label ? features[position].values[static_cast<std::size_t>(category)]
                               : std::to_string(category));
  }
  return fmt::format("{} in {{{}}}", name, Join(labels, ", "));
}

std::string TreeToText(const Tree& tree, std::span<const Attribute> features) {
  struct Pending {
    std::size_t node;
    std::size_t depth;
    bool is_else;
  };
  // A stack of our own: a tree from a file may be deeper than the machine's.
  std::vector<Pending> pending = {{0, 0, false}};
  std::string text;
  while (!pending.empty()) {
    const Pending next = pending.back();
    pending.pop_back();
    const TreeNode& node = tree.nodes[next.node];
    if (next.is_else) text += std::string(2 * (next.depth - 1), ' ') + "else:\n";
    text += std::string(2 * next.depth, ' ');
    if (node.is_leaf()) {
      text += fmt::format("predict {} ({})\n", Number(node.prediction), Rows(node));
      continue;
    }
    text += fmt::format("if {}: ({}, mean {}, gain {})\n", SplitToText(node, features), Rows(node),
                        Number(node.prediction), Number(node.gain));
    pending.push_back({static_cast<std::size_t>(node.right), next.depth + 1, true});
    pending.push_back({static_cast<std::size_t>(node.left), next.depth + 1, false});
  }
  return text;
}

}  // namespace firesteel
