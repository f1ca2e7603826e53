#include "oracle/plain_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"

namespace firesteel {
namespace {

// The gain of a split that may not be made: worse than any that may.
constexpr double kNoGain = std::numeric_limits<double>::lowest();
// A child this pure is a leaf without being searched.
constexpr double kPure = std::numeric_limits<double>::epsilon();

// What a set of rows amounts to. Every operation below is Spark's, term by term and in its order:
// another order would round differently and sooner or later choose another split. (Spec A.8.)
struct PlainStats {
  double count = 0.0;  // Sum of the weights.
  double sum = 0.0;
  double sum_of_squares = 0.0;
  double rows = 0.0;

  void Add(double target, double weight) {
    count += weight;
    sum += weight * target;
    sum_of_squares += (weight * target) * target;
    rows += 1.0;
  }

  double Mean() const { return count == 0.0 ? 0.0 : sum / count; }

  // Slightly negative when rounding has it so.
  double Impurity() const {
    return count == 0.0 ? 0.0 : (sum_of_squares - (sum * sum) / count) / count;
  }
};

PlainStats operator+(const PlainStats& a, const PlainStats& b) {
  return {a.count + b.count, a.sum + b.sum, a.sum_of_squares + b.sum_of_squares, a.rows + b.rows};
}

PlainStats operator-(const PlainStats& a, const PlainStats& b) {
  return {a.count - b.count, a.sum - b.sum, a.sum_of_squares - b.sum_of_squares, a.rows - b.rows};
}

struct Feature {
  bool is_categorical = false;
  std::size_t arity = 0;           // Of a categorical feature.
  std::vector<double> thresholds;  // Of a continuous one.
  std::size_t num_bins = 0;
  std::size_t first_bin = 0;  // Where its bins begin in a histogram.
};

// The rows as a tree sees them.
struct PlainRows {
  std::vector<Feature> features;
  std::size_t num_rows = 0;
  std::size_t num_bins = 0;  // Of all features.
  std::vector<double> weights;
  // Shape (n, d): the bin of each feature, counted from the first bin of the first feature.
  std::vector<std::uint32_t> bins;

  std::span<const std::uint32_t> row(std::size_t row) const {
    return std::span(bins).subspan(row * features.size(), features.size());
  }
};

std::string Describe(const MemoryRows& data, std::size_t feature) {
  const std::optional<std::string>& name = data.attributes[feature].name;
  return name ? fmt::format("feature {} ('{}')", feature, *name)
              : fmt::format("feature {}", feature);
}

[[noreturn]] void Refuse(const std::string& what) {
  throw Error(ErrorKind::kInvalidArgument, "gbt: " + what);
}

// Spec A.3 and A.4. The thresholds, and with them the bins, of continuous features come later.
Feature DescribeFeature(const MemoryRows& data, std::size_t col, std::size_t possible_bins) {
  const Attribute& attribute = data.attributes[col];
  Feature feature;
  if (attribute.kind == Attribute::Kind::kNumeric) return feature;
  const std::optional<std::size_t> arity = attribute.Arity();
  if (!arity) {
    Refuse(Describe(data, col) +
           " is nominal, but its attribute does not say how many categories it has");
  }
  if (*arity > possible_bins) {
    Refuse(
        fmt::format("{} has {} categories, but there are {} bins (the smaller of maxBins and the "
                    "number of rows); raise maxBins, add rows or leave the feature out",
                    Describe(data, col), *arity, possible_bins));
  }
  feature.is_categorical = true;
  feature.arity = *arity;
  // Spark leaves a feature of one category all its bins; they are empty, and it never splits.
  feature.num_bins = *arity >= 2 ? *arity : possible_bins;
  return feature;
}

std::size_t BinOf(const MemoryRows& data, const Feature& feature, std::size_t row,
                  std::size_t col) {
  const double value = data.features[row * data.attributes.size() + col];
  if (!feature.is_categorical) {
    const auto& thresholds = feature.thresholds;
    return static_cast<std::size_t>(std::lower_bound(thresholds.begin(), thresholds.end(), value) -
                                    thresholds.begin());
  }
  // The value counts whole, so 2.5 is category 2.
  if (!(value >= 0.0 && value < static_cast<double>(feature.arity))) {
    Refuse(
        fmt::format("{} has {} categories, but row {} (counted from 0) holds {}, which is none of "
                    "them",
                    Describe(data, col), feature.arity, row, value));
  }
  return static_cast<std::size_t>(value);
}

PlainRows BinRows(const MemoryRows& data, int max_bins) {
  PlainRows rows;
  rows.num_rows = data.labels.size();
  rows.weights = data.weights;
  if (rows.weights.empty()) rows.weights.assign(rows.num_rows, 1.0);
  const std::size_t possible_bins = std::min(static_cast<std::size_t>(max_bins), rows.num_rows);
  for (std::size_t col = 0; col < data.attributes.size(); ++col) {
    rows.features.push_back(DescribeFeature(data, col, possible_bins));
  }
  std::vector<double> column(rows.num_rows);
  for (std::size_t col = 0; col < rows.features.size(); ++col) {
    Feature& feature = rows.features[col];
    if (!feature.is_categorical) {
      for (std::size_t row = 0; row < rows.num_rows; ++row)
        column[row] = data.features[row * data.attributes.size() + col];
      feature.thresholds = FindThresholdsPlainly(column, rows.weights, possible_bins);
      feature.num_bins = feature.thresholds.size() + 1;
    }
    feature.first_bin = rows.num_bins;
    rows.num_bins += feature.num_bins;
  }
  rows.bins.reserve(rows.num_rows * rows.features.size());
  for (std::size_t row = 0; row < rows.num_rows; ++row) {
    for (std::size_t col = 0; col < rows.features.size(); ++col) {
      const Feature& feature = rows.features[col];
      rows.bins.push_back(
          static_cast<std::uint32_t>(feature.first_bin + BinOf(data, feature, row, col)));
    }
  }
  return rows;
}

// The best split found at a node.
struct PlainSplit {
  double gain = kNoGain;
  std::size_t feature = 0;
  std::vector<std::size_t> left_bins;  // Counted from the feature's own first bin.
  PlainStats left;
  PlainStats right;

  bool is_valid() const { return gain > kNoGain; }
};

// Grows one tree on given targets.
class PlainGrower {
 public:
  PlainGrower(const PlainRows& data, const GbtParameters& parameters)
      : data_(data),
        parameters_(parameters),
        histogram_(data.num_bins),
        rows_(data.num_rows),
        leaf_predictions_(data.num_rows),
        min_weight_(parameters.min_weight_fraction_per_node *
                    std::accumulate(data.weights.begin(), data.weights.end(), 0.0)) {}

  Tree Grow(std::span<const double> targets) {
    targets_ = targets;
    tree_ = Tree();
    std::iota(rows_.begin(), rows_.end(), std::size_t{0});
    GrowNode(rows_, std::nullopt, 0);
    return std::move(tree_);
  }

  // What the last tree predicts for each row that it was grown on.
  std::span<const double> leaf_predictions() const { return leaf_predictions_; }

 private:
  // Appends the node of `rows` (ascending) and all below it. The root has no `stats` yet: they
  // come from the first split that is looked at. (Spec A.8 and A.11.)
  void GrowNode(std::span<std::size_t> rows, std::optional<PlainStats> stats, int depth) {
    const PlainSplit split = FindSplit(rows, stats);
    const std::size_t node = AddLeaf(rows, *stats);
    if (!split.is_valid()) tree_.nodes[node].impurity = -1.0;
    if (split.gain <= 0.0 || depth == parameters_.max_depth) return;

    const auto [left_rows, right_rows] = Partition(rows, split);
    const auto left = static_cast<std::int32_t>(tree_.nodes.size());
    GrowChild(left_rows, split.left, depth + 1);
    const auto right = static_cast<std::int32_t>(tree_.nodes.size());
    GrowChild(right_rows, split.right, depth + 1);

    const TreeNode& left_node = tree_.nodes[static_cast<std::size_t>(left)];
    const TreeNode& right_node = tree_.nodes[static_cast<std::size_t>(right)];
    if (left_node.is_leaf() && right_node.is_leaf() &&
        left_node.prediction == right_node.prediction) {
      tree_.nodes[node].prediction = left_node.prediction;
      tree_.nodes.resize(node + 1);
      return;
    }
    SetSplit(tree_.nodes[node], split, left, right);
  }

  void GrowChild(std::span<std::size_t> rows, const PlainStats& stats, int depth) {
    if (depth == parameters_.max_depth || std::fabs(stats.Impurity()) < kPure) {
      AddLeaf(rows, stats);
    } else {
      GrowNode(rows, stats, depth);
    }
  }

  std::size_t AddLeaf(std::span<const std::size_t> rows, const PlainStats& stats) {
    TreeNode node;
    node.prediction = stats.Mean();
    node.impurity = stats.Impurity();
    node.stats = {stats.count, stats.sum, stats.sum_of_squares};
    node.num_rows = static_cast<std::int64_t>(rows.size());
    for (const std::size_t row : rows) leaf_predictions_[row] = node.prediction;
    tree_.nodes.push_back(std::move(node));
    return tree_.nodes.size() - 1;
  }

  void SetSplit(TreeNode& node, const PlainSplit& split, std::int32_t left,
                std::int32_t right) const {
    const Feature& feature = data_.features[split.feature];
    node.gain = split.gain;
    node.left = left;
    node.right = right;
    node.feature = static_cast<std::int32_t>(split.feature);
    if (feature.is_categorical) {
      node.arity = static_cast<std::int32_t>(feature.arity);
      node.left_categories.assign(split.left_bins.begin(), split.left_bins.end());
      std::sort(node.left_categories.begin(), node.left_categories.end());
    } else {
      node.threshold = feature.thresholds[split.left_bins.back()];
    }
  }

  void FillHistogram(std::span<const std::size_t> rows) {
    std::fill(histogram_.begin(), histogram_.end(), PlainStats());
    for (const std::size_t row : rows) {
      const double target = targets_[row];
      for (const std::uint32_t bin : data_.row(row))
        histogram_[bin].Add(target, data_.weights[row]);
    }
  }

  // Spec A.9: the first of the best, features and candidates taken in ascending order.
  PlainSplit FindSplit(std::span<const std::size_t> rows, std::optional<PlainStats>& stats) {
    FillHistogram(rows);
    PlainSplit best;
    for (std::size_t f = 0; f < data_.features.size(); ++f) {
      const Feature& feature = data_.features[f];
      if (feature.num_bins < 2) continue;
      const std::span<const PlainStats> bins =
          std::span(histogram_).subspan(feature.first_bin, feature.num_bins);
      const std::vector<std::size_t> order = CandidateOrder(feature, bins);
      std::vector<PlainStats> totals = {bins[order[0]]};
      for (std::size_t i = 1; i < order.size(); ++i) {
        totals.push_back(bins[order[i]] + totals[i - 1]);
      }
      for (std::size_t i = 0; i + 1 < order.size(); ++i) {
        const PlainStats& left = totals[i];
        const PlainStats right = totals.back() - left;
        if (!stats) stats = left + right;
        const double gain = Gain(stats->Impurity(), left, right);
        if (gain <= best.gain) continue;
        best.gain = gain;
        best.feature = f;
        best.left = left;
        best.right = right;
        best.left_bins.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    }
    if (!stats) {
      stats.emplace();
      for (const std::size_t row : rows) stats->Add(targets_[row], data_.weights[row]);
    }
    return best;
  }

  // Bins as they come; categories by ascending mean, those without rows last.
  static std::vector<std::size_t> CandidateOrder(const Feature& feature,
                                                 std::span<const PlainStats> bins) {
    std::vector<std::size_t> order(bins.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (!feature.is_categorical) return order;
    const auto key = [&](std::size_t bin) {
      return bins[bin].count == 0.0 ? std::numeric_limits<double>::max() : bins[bin].Mean();
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
    return order;
  }

  double Gain(double impurity, const PlainStats& left, const PlainStats& right) const {
    if (left.rows < parameters_.min_instances_per_node ||
        right.rows < parameters_.min_instances_per_node || left.count < min_weight_ ||
        right.count < min_weight_) {
      return kNoGain;
    }
    const double total = left.count + right.count;
    const double gain = (impurity - (left.count / total) * left.Impurity()) -
                        (right.count / total) * right.Impurity();
    return gain < parameters_.min_info_gain ? kNoGain : gain;
  }

  // Reorders `rows` so that those of the left child come first, each side in its old order.
  std::pair<std::span<std::size_t>, std::span<std::size_t>> Partition(
      std::span<std::size_t> rows, const PlainSplit& split) const {
    const Feature& feature = data_.features[split.feature];
    std::vector<char> goes_left(feature.num_bins, 0);
    for (const std::size_t bin : split.left_bins) goes_left[bin] = 1;
    const auto middle = std::stable_partition(rows.begin(), rows.end(), [&](std::size_t row) {
      return goes_left[data_.row(row)[split.feature] - feature.first_bin] != 0;
    });
    const auto num_left = static_cast<std::size_t>(middle - rows.begin());
    return {rows.first(num_left), rows.subspan(num_left)};
  }

  const PlainRows& data_;
  const GbtParameters& parameters_;
  std::span<const double> targets_;
  std::vector<PlainStats> histogram_;
  std::vector<std::size_t> rows_;
  std::vector<double> leaf_predictions_;
  double min_weight_;
  Tree tree_;
};

void CheckData(const MemoryRows& data) {
  if (data.labels.empty()) {
    Refuse("there is no row to learn from; check that the training set is not empty");
  }
  if (data.attributes.empty()) Refuse("there is no feature to learn from");
}

}  // namespace

std::vector<double> FindThresholdsPlainly(std::span<const double> values,
                                          std::span<const double> weights, std::size_t max_bins) {
  // -0.0 and 0.0 are equal, so they count as one value.
  std::map<double, double> weight_of;
  double total = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    weight_of[values[i]] += weights[i];
    total += weights[i];
  }
  // Spark does not collect zeros: they weigh what the others leave.
  if (const auto zero = weight_of.find(0.0); zero != weight_of.end() && zero->second == 0.0) {
    weight_of.erase(zero);
  }
  std::vector<double> distinct;
  std::vector<double> counts;
  for (const auto& [value, weight] : weight_of) {
    distinct.push_back(value);
    counts.push_back(weight);
  }

  std::vector<double> thresholds;
  const auto midpoint_before = [&](std::size_t i) { return (distinct[i - 1] + distinct[i]) / 2; };
  if (distinct.size() <= max_bins) {
    for (std::size_t i = 1; i < distinct.size(); ++i) thresholds.push_back(midpoint_before(i));
    return thresholds;
  }
  // Each threshold is where the number of values below comes nearest to the next multiple of
  // stride.
  const double stride = total / static_cast<double>(max_bins);
  double target = stride;
  double below = counts[0];
  for (std::size_t i = 1; i < distinct.size(); ++i) {
    const double before = below;
    below += counts[i];
    if (std::fabs(before - target) < std::fabs(below - target)) {
      thresholds.push_back(midpoint_before(i));
      target += stride;
    }
  }
  return thresholds;
}

TreeEnsemble TrainGbtPlain(const MemoryRows& data, const GbtParameters& parameters) {
  CheckData(data);
  const PlainRows rows = BinRows(data, parameters.max_bins);
  PlainGrower grower(rows, parameters);
  std::vector<Tree> trees;
  std::vector<double> weights;
  std::vector<double> predictions(rows.num_rows, 0.0);
  std::vector<double> targets(data.labels.begin(), data.labels.end());
  for (int m = 0; m < parameters.max_iter; ++m) {
    // The first tree learns the labels themselves and counts in full. (Spec A.14.)
    const double weight = m == 0 ? 1.0 : parameters.step_size;
    trees.push_back(grower.Grow(targets));
    weights.push_back(weight);
    for (std::size_t row = 0; row < rows.num_rows; ++row) {
      predictions[row] += grower.leaf_predictions()[row] * weight;
      const double residual = data.labels[row] - predictions[row];
      if (parameters.loss == Loss::kSquared) targets[row] = 2.0 * residual;
      if (parameters.loss == Loss::kAbsolute) targets[row] = residual < 0.0 ? -1.0 : 1.0;
    }
  }
  return TreeEnsemble(std::move(trees), std::move(weights), rows.features.size());
}

}  // namespace firesteel
