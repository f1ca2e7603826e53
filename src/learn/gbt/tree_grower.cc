#include "learn/gbt/tree_grower.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "learn/gbt/feature_bins.h"
#include "learn/spark_random.h"

namespace firesteel {
namespace {

// A child this pure is a leaf without being searched.
constexpr double kPure = std::numeric_limits<double>::epsilon();
// Below so many additions, waking a thread takes longer than it helps.
constexpr std::size_t kWorkWorthThreads = 100'000;
// Histograms are filled for so many bins at once at most (or for one node).
constexpr std::size_t kMaxHistogramBins = std::size_t{1} << 18;
// Spark's reckoning of what a bin takes: three numbers of eight bytes.
constexpr std::size_t kSparkBytesPerBin = 24;
constexpr std::size_t kCacheLine = 64;

constexpr std::size_t RoundUp(std::size_t number, std::size_t unit) {
  return (number + unit - 1) / unit * unit;
}

}  // namespace

TreeGrower::TreeGrower(const BinnedCells& cells, const std::vector<FeatureBins>& features,
                       const TreeOptions& options, ThreadPool& pool)
    : cells_(cells), features_(features), options_(options), pool_(pool) {
  if (cells.num_groups() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorKind::kUnsupported,
                "gbt: the rows differ in more than 4,294,967,295 ways; lower maxBins or train on "
                "fewer rows");
  }
  for (const FeatureBins& feature : features) {
    all_features_.push_back(all_features_.size());
    first_bin_.push_back(num_bins_);
    num_bins_ += feature.num_bins();
  }
  const std::size_t bytes_of_bins = cells.num_features * sizeof(std::uint16_t);
  record_bytes_ = RoundUp(sizeof(Stats) + bytes_of_bins, kCacheLine / 2);
  records_.resize(cells.num_groups() * record_bytes_ + kCacheLine);
  const auto address = reinterpret_cast<std::uintptr_t>(records_.data());
  first_record_ = records_.data() + (RoundUp(address, kCacheLine) - address);
  for (std::size_t group = 0; group < cells.num_groups(); ++group) {
    std::memcpy(record(group) + sizeof(Stats), cells.group_bins(group).data(), bytes_of_bins);
  }
  order_.resize(cells.num_groups());
  right_groups_.resize(cells.num_groups());
  leaf_predictions_.resize(cells.num_groups());
}

void TreeGrower::SetGroup(std::size_t group, const Stats& stats) {
  std::memcpy(record(group), &stats, sizeof(Stats));
}

Stats TreeGrower::group_stats(std::size_t group) const {
  Stats stats;
  std::memcpy(&stats, record(group), sizeof(Stats));
  return stats;
}

Tree TreeGrower::Grow(bool exact, std::int64_t seed) {
  exact_ = exact;
  std::iota(order_.begin(), order_.end(), 0u);
  nodes_.clear();
  nodes_.emplace_back().end = order_.size();
  if (draws_features()) {
    GrowWithSubsets(seed);
  } else {
    GrowByLevel();
  }
  RecordLeafPredictions();
  Tree tree;
  Emit(0, tree);
  return tree;
}

double TreeGrower::Predict(std::span<const std::uint16_t> bins) const {
  std::size_t position = 0;
  while (nodes_[position].left >= 0) {
    const Node& node = nodes_[position];
    const bool left = GoesLeft(node.split, bins[node.split.feature]);
    position = static_cast<std::size_t>(left ? node.left : node.right);
  }
  return nodes_[position].stats.Mean();
}

void TreeGrower::GrowByLevel() {
  Positions level = {0};
  parent_histograms_.clear();
  while (!level.empty()) {
    const bool kept = FindSplits(level, {});
    level = DivideNodes(level);
    if (exact_ && kept) {
      std::swap(histograms_, parent_histograms_);
    } else {
      parent_histograms_.clear();
    }
  }
}

// Spec A.12: nodes wait on a stack. Those whose histograms fit into Spark's memory together draw
// their features, are divided in that order, and put their children on the stack; the node that no
// longer fits has drawn in vain and draws again.
void TreeGrower::GrowWithSubsets(std::int64_t seed) {
  parent_histograms_.clear();
  JavaRandom random(seed);
  Positions stack = {0};
  while (!stack.empty()) {
    Positions group;
    std::vector<FeatureList> lists;
    std::size_t used = 0;
    while (!stack.empty()) {
      FeatureList list =
          SampleItems(features_.size(), options_.features_per_node, random.NextLong());
      std::size_t needed = 0;
      for (const std::size_t feature : list) {
        needed += kSparkBytesPerBin * ReservedBins(features_[feature], options_.possible_bins);
      }
      if (used > 0 && used + needed > options_.max_memory_bytes) break;
      used += needed;
      group.push_back(stack.back());
      stack.pop_back();
      lists.push_back(std::move(list));
    }
    FindSplits(group, lists);
    const Positions children = DivideNodes(group);
    stack.insert(stack.end(), children.begin(), children.end());
  }
}

bool TreeGrower::FindSplits(const Positions& positions, std::span<const FeatureList> lists) {
  const std::size_t at_once =
      std::max<std::size_t>(1, kMaxHistogramBins / std::max<std::size_t>(1, num_bins_));
  // A child is subtracted from its parent only where its sibling's histogram is at hand.
  if (positions.size() > at_once) parent_histograms_.clear();
  for (std::size_t begin = 0; begin < positions.size(); begin += at_once) {
    const std::size_t count = std::min(at_once, positions.size() - begin);
    FindSplitsOfSome(std::span(positions).subspan(begin, count),
                     lists.empty() ? lists : lists.subspan(begin, count));
  }
  return positions.size() <= at_once;
}

void TreeGrower::FindSplitsOfSome(std::span<const std::int32_t> positions,
                                  std::span<const FeatureList> lists) {
  FillHistograms(positions, lists);
  const auto find = [&](std::size_t i, SplitSearch& search) {
    FindSplit(nodes_[static_cast<std::size_t>(positions[i])],
              lists.empty() ? all_features_ : lists[i], search);
  };
  constexpr std::size_t kAdditionsPerCandidate = 20;
  const std::size_t work = positions.size() * num_bins_ * kAdditionsPerCandidate;
  if (pool_.num_threads() == 1 || work < kWorkWorthThreads) {
    SplitSearch search(options_.limits);
    for (std::size_t i = 0; i < positions.size(); ++i) find(i, search);
  } else {
    pool_.For(positions.size(), [&](std::size_t i) {
      SplitSearch search(options_.limits);
      find(i, search);
    });
  }
}

void TreeGrower::ForSome(std::size_t num_tasks, std::size_t work,
                         const std::function<void(std::size_t)>& task) {
  if (work >= kWorkWorthThreads) {
    pool_.For(num_tasks, task);
  } else {
    for (std::size_t i = 0; i < num_tasks; ++i) task(i);
  }
}

void TreeGrower::FillHistograms(std::span<const std::int32_t> positions,
                                std::span<const FeatureList> lists) {
  histograms_.assign(positions.size() * num_bins_, Stats());
  struct Task {
    const Node* node;
    std::span<const std::size_t> features;
  };
  std::vector<Task> tasks;
  std::vector<const Node*> by_subtraction;
  std::size_t work = 0;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    Node& node = nodes_[static_cast<std::size_t>(positions[i])];
    node.slot = static_cast<std::int32_t>(i);
  }
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Node& node = nodes_[static_cast<std::size_t>(positions[i])];
    if (!parent_histograms_.empty() && node.sibling >= 0) {
      // The larger child, or the second of two equals, is what the other leaves of the parent.
      const Node& sibling = nodes_[static_cast<std::size_t>(node.sibling)];
      const bool is_larger =
          node.num_groups() > sibling.num_groups() ||
          (node.num_groups() == sibling.num_groups() && node.begin > sibling.begin);
      if (is_larger && sibling.slot >= 0) {
        by_subtraction.push_back(&node);
        continue;
      }
    }
    const std::span<const std::size_t> list = lists.empty() ? all_features_ : lists[i];
    const std::size_t node_work = node.num_groups() * list.size();
    work += node_work;
    // A large node is shared out by features; a bin's sum is one thread's all the same.
    const std::size_t parts =
        node_work < kWorkWorthThreads
            ? 1
            : std::min(list.size(), static_cast<std::size_t>(pool_.num_threads()));
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t begin = list.size() * part / parts;
      const std::size_t end = list.size() * (part + 1) / parts;
      tasks.push_back({&node, list.subspan(begin, end - begin)});
    }
  }
  const auto histogram = [&](std::int32_t slot) {
    return histograms_.data() + static_cast<std::size_t>(slot) * num_bins_;
  };
  ForSome(tasks.size(), work, [&](std::size_t i) {
    AddRows(*tasks[i].node, tasks[i].features, histogram(tasks[i].node->slot));
  });
  for (const Node* node : by_subtraction) {
    const Stats* parent =
        parent_histograms_.data() + static_cast<std::size_t>(node->parent_slot) * num_bins_;
    const Stats* sibling = histogram(nodes_[static_cast<std::size_t>(node->sibling)].slot);
    Stats* own = histogram(node->slot);
    for (std::size_t bin = 0; bin < num_bins_; ++bin) own[bin] = parent[bin] - sibling[bin];
  }
}

void TreeGrower::AddRows(const Node& node, std::span<const std::size_t> features,
                         Stats* histogram) const {
  // A node's groups lie apart, so what comes soon is fetched ahead.
  constexpr std::size_t kAhead = 16;
  for (std::size_t i = node.begin; i < node.end; ++i) {
    if (i + kAhead < node.end) __builtin_prefetch(record(order_[i + kAhead]));
    const std::size_t group = order_[i];
    const Stats stats = group_stats(group);
    const std::byte* bins = record(group) + sizeof(Stats);
    for (const std::size_t feature : features) {
      std::uint16_t bin;
      std::memcpy(&bin, bins + feature * sizeof(bin), sizeof(bin));
      histogram[first_bin_[feature] + bin] += stats;
    }
  }
}

void TreeGrower::FindSplit(Node& node, const FeatureList& list, SplitSearch& search) const {
  const auto bins_of = [&](std::size_t feature) {
    return std::span(histograms_)
        .subspan(static_cast<std::size_t>(node.slot) * num_bins_ + first_bin_[feature],
                 features_[feature].num_bins());
  };
  if (node.depth == 0) {
    // A root's statistics come from the first candidate that Spark looks at.
    const auto first = std::find_if(list.begin(), list.end(), [&](std::size_t feature) {
      return ReservedBins(features_[feature], options_.possible_bins) >= 2;
    });
    const std::size_t feature = first == list.end() ? 0 : *first;
    if (first == list.end()) {
      for (std::size_t i = node.begin; i < node.end; ++i) node.stats += group_stats(order_[i]);
    } else {
      node.stats = search.NodeStats(features_[feature], bins_of(feature));
    }
    node.impurity = node.stats.Impurity();
  }
  for (const std::size_t feature : list) {
    if (features_[feature].num_bins() < 2) continue;
    search.Improve(feature, features_[feature], bins_of(feature), node.impurity, node.split);
  }
}

TreeGrower::Positions TreeGrower::DivideNodes(const Positions& positions) {
  Positions divided;
  std::size_t work = 0;
  for (const std::int32_t position : positions) {
    Node& node = nodes_[static_cast<std::size_t>(position)];
    // Its impurity stands for "no split was allowed".
    if (!node.split.is_valid()) node.impurity = -1.0;
    if (node.split.gain <= 0.0 || node.depth == options_.max_depth) continue;
    divided.push_back(position);
    work += node.num_groups();
  }
  std::vector<std::size_t> middles(divided.size());
  ForSome(divided.size(), work * 4, [&](std::size_t i) {
    middles[i] = Partition(nodes_[static_cast<std::size_t>(divided[i])]);
  });
  Positions searched;
  for (std::size_t i = 0; i < divided.size(); ++i) {
    const std::int32_t left =
        AddChild(divided[i], nodes_[static_cast<std::size_t>(divided[i])].split.left);
    const std::int32_t right =
        AddChild(divided[i], nodes_[static_cast<std::size_t>(divided[i])].split.right);
    Node& parent = nodes_[static_cast<std::size_t>(divided[i])];
    Node& left_node = nodes_[static_cast<std::size_t>(left)];
    Node& right_node = nodes_[static_cast<std::size_t>(right)];
    parent.left = left;
    parent.right = right;
    left_node.begin = parent.begin;
    left_node.end = right_node.begin = middles[i];
    right_node.end = parent.end;
    left_node.sibling = right;
    right_node.sibling = left;
    for (const std::int32_t child : {left, right}) {
      Node& node = nodes_[static_cast<std::size_t>(child)];
      if (node.depth == options_.max_depth || std::fabs(node.impurity) < kPure) continue;
      if (node.num_groups() == 1 && !draws_features()) {
        node.impurity = -1.0;  // A search would end like this.
      } else {
        searched.push_back(child);
      }
    }
  }
  return searched;
}

std::int32_t TreeGrower::AddChild(std::int32_t parent, const Stats& stats) {
  Node node;
  node.stats = stats;
  node.impurity = stats.Impurity();
  node.depth = nodes_[static_cast<std::size_t>(parent)].depth + 1;
  node.parent_slot = nodes_[static_cast<std::size_t>(parent)].slot;
  nodes_.push_back(std::move(node));
  return static_cast<std::int32_t>(nodes_.size()) - 1;
}

bool TreeGrower::GoesLeft(const Split& split, std::uint16_t bin) const {
  if (!features_[split.feature].arity) return bin <= split.last_left_bin;
  return std::binary_search(split.left_categories.begin(), split.left_categories.end(),
                            static_cast<std::int32_t>(bin));
}

// Puts the groups that go left first, each side in its old order; returns where the right begins.
std::size_t TreeGrower::Partition(const Node& node) {
  const Split& split = node.split;
  std::vector<std::uint8_t> goes_left(features_[split.feature].num_bins());
  for (std::size_t bin = 0; bin < goes_left.size(); ++bin) {
    goes_left[bin] = GoesLeft(split, static_cast<std::uint16_t>(bin)) ? 1 : 0;
  }
  const std::uint16_t* bins = cells_.bins.data() + split.feature;
  std::size_t left = node.begin;
  std::size_t right = node.begin;
  // Both places are written to and one of them moves on: no branch to mispredict.
  for (std::size_t i = node.begin; i < node.end; ++i) {
    const std::uint32_t group = order_[i];
    const std::size_t is_left = goes_left[bins[group * cells_.num_features]];
    order_[left] = group;
    right_groups_[right] = group;
    left += is_left;
    right += 1 - is_left;
  }
  std::copy(right_groups_.begin() + static_cast<std::ptrdiff_t>(node.begin),
            right_groups_.begin() + static_cast<std::ptrdiff_t>(right),
            order_.begin() + static_cast<std::ptrdiff_t>(left));
  return left;
}

void TreeGrower::RecordLeafPredictions() {
  ForSome(nodes_.size(), order_.size(), [&](std::size_t position) {
    const Node& node = nodes_[position];
    if (node.left >= 0) return;
    const double prediction = node.stats.Mean();
    for (std::size_t i = node.begin; i < node.end; ++i) leaf_predictions_[order_[i]] = prediction;
  });
}

std::int32_t TreeGrower::Emit(std::int32_t position, Tree& tree) const {
  const Node& node = nodes_[static_cast<std::size_t>(position)];
  const auto emitted = tree.nodes.size();
  TreeNode& first = tree.nodes.emplace_back();
  first.prediction = node.stats.Mean();
  first.impurity = node.impurity;
  first.stats = {node.stats.count, node.stats.sum, node.stats.sum_of_squares};
  first.num_rows = static_cast<std::int64_t>(node.stats.rows);
  if (node.left < 0) return static_cast<std::int32_t>(emitted);

  const auto left = static_cast<std::size_t>(Emit(node.left, tree));
  const auto right = static_cast<std::size_t>(Emit(node.right, tree));
  TreeNode& out = tree.nodes[emitted];
  // Spec A.11: leaves that predict the same become one.
  if (tree.nodes[left].is_leaf() && tree.nodes[right].is_leaf() &&
      tree.nodes[left].prediction == tree.nodes[right].prediction) {
    out.prediction = tree.nodes[left].prediction;
    tree.nodes.resize(emitted + 1);
    return static_cast<std::int32_t>(emitted);
  }
  const FeatureBins& feature = features_[node.split.feature];
  out.gain = node.split.gain;
  out.left = static_cast<std::int32_t>(left);
  out.right = static_cast<std::int32_t>(right);
  out.feature = static_cast<std::int32_t>(node.split.feature);
  if (feature.arity) {
    out.arity = *feature.arity;
    out.left_categories = node.split.left_categories;
  } else {
    out.threshold = feature.thresholds[node.split.last_left_bin];
  }
  return static_cast<std::int32_t>(emitted);
}

}  // namespace firesteel
