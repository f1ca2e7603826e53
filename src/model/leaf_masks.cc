#include "model/leaf_masks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "model/categories.h"

namespace firesteel {
namespace {

template <typename Word>
constexpr std::size_t kMaxLeaves = sizeof(Word) * 8;
constexpr std::size_t kWordsPerChunk = 16;  // Trees whose words are held in registers at once.
constexpr std::size_t kRows = 64;           // That go through all tables together.
constexpr std::size_t kLanes = 4;           // Rows whose leaves are added side by side.
constexpr std::size_t kMaxCombinations = 64;
constexpr std::size_t kMaxTableBytes = std::size_t{1} << 20;  // Of all tables.

// The leaves below each node, as bits counted from the left.
template <typename Word>
struct Leaves {
  std::vector<Word> below;     // By node.
  std::vector<double> values;  // From left to right.
};

// Nothing if there are too many.
template <typename Word>
std::optional<Leaves<Word>> LeavesOf(const Tree& tree) {
  Leaves<Word> leaves;
  leaves.below.resize(tree.nodes.size(), 0);
  std::vector<std::size_t> pending = {0};
  std::size_t num_visited = 0;
  while (!pending.empty()) {
    const std::size_t position = pending.back();
    pending.pop_back();
    const TreeNode& node = tree.nodes[position];
    // A node with two parents would have two places among the leaves.
    if (++num_visited > tree.nodes.size()) return std::nullopt;
    if (!node.is_leaf()) {
      pending.push_back(static_cast<std::size_t>(node.right));
      pending.push_back(static_cast<std::size_t>(node.left));
      continue;
    }
    if (leaves.values.size() == kMaxLeaves<Word> || leaves.below[position] != 0)
      return std::nullopt;
    leaves.below[position] = Word{1} << leaves.values.size();
    leaves.values.push_back(node.prediction);
  }
  // Children come after their parent.
  for (std::size_t i = tree.nodes.size(); i-- > 0;) {
    const TreeNode& node = tree.nodes[i];
    if (node.is_leaf()) continue;
    leaves.below[i] = leaves.below[static_cast<std::size_t>(node.left)] |
                      leaves.below[static_cast<std::size_t>(node.right)];
  }
  return leaves;
}

// How many of the ascending thresholds the value is not at or below; NaN is above all.
std::uint32_t BinOf(double value, const std::vector<double>& thresholds) {
  const double* base = thresholds.data();
  std::size_t size = thresholds.size();
  while (size > 1) {
    const std::size_t half = size / 2;
    base = !(value <= base[half - 1]) ? base + half : base;
    size -= half;
  }
  return static_cast<std::uint32_t>(base - thresholds.data()) + (!(value <= *base) ? 1U : 0U);
}

int FirstBit(std::uint32_t word) { return __builtin_ctz(word); }
int FirstBit(std::uint64_t word) { return __builtin_ctzll(word); }

// Adds the leaves of `num_trees` trees to the sums of neighbouring rows.
template <std::size_t kNumRows, typename Word, typename Sum>
void AddLeaves(const Word* words, const Sum* leaves, std::size_t num_trees, Sum* sums) {
  std::array<Sum, kNumRows> sum;
  std::copy(sums, sums + kNumRows, sum.begin());
  for (std::size_t t = 0; t < num_trees; ++t) {
    for (std::size_t row = 0; row < kNumRows; ++row) {
      // One leaf is always left, so this needs no answer for zero.
      const auto leaf = static_cast<std::size_t>(FirstBit(words[row * kWordsPerChunk + t]));
      sum[row] += leaves[t * kMaxLeaves<Word> + leaf];
    }
  }
  std::copy(sum.begin(), sum.end(), sums);
}

}  // namespace

template <typename Word, typename Sum>
std::optional<LeafMasksOf<Word, Sum>> LeafMasksOf<Word, Sum>::Make(std::span<const Tree> trees,
                                                                   std::span<const double> weights,
                                                                   Sum start) {
  constexpr std::size_t kMaxTableWords = kMaxTableBytes / sizeof(Word);
  LeafMasksOf masks;
  masks.start_ = start;
  masks.num_trees_ = trees.size();
  masks.num_words_ = (trees.size() + kWordsPerChunk - 1) / kWordsPerChunk * kWordsPerChunk;
  masks.leaves_.resize(trees.size() * kMaxLeaves<Word>, 0);
  std::map<std::int32_t, std::vector<Split>> splits;
  for (std::size_t t = 0; t < trees.size(); ++t) {
    const std::optional<Leaves<Word>> leaves = LeavesOf<Word>(trees[t]);
    if (!leaves) return std::nullopt;
    for (std::size_t i = 0; i < leaves->values.size(); ++i) {
      masks.leaves_[t * kMaxLeaves<Word> + i] = static_cast<Sum>(leaves->values[i] * weights[t]);
    }
    for (const TreeNode& node : trees[t].nodes) {
      if (node.is_leaf()) continue;
      splits[node.feature].push_back(
          {&node, t, leaves->below[static_cast<std::size_t>(node.left)]});
    }
  }
  for (const auto& [column, own] : splits) {
    std::optional<Feature> feature = MakeFeature(static_cast<std::size_t>(column), own);
    if (!feature || feature->num_bins() > kMaxTableWords / masks.num_words_) return std::nullopt;
    std::vector<Word> words = masks.Tabulate(*feature, own);
    masks.AddTable(std::move(*feature), std::move(words));
    std::size_t num_words = 0;
    for (const Table& table : masks.tables_) num_words += table.words.size();
    if (num_words > kMaxTableWords) return std::nullopt;
  }
  return masks;
}

template <typename Word, typename Sum>
auto LeafMasksOf<Word, Sum>::MakeFeature(std::size_t column, std::span<const Split> splits)
    -> std::optional<Feature> {
  Feature feature;
  feature.column = column;
  feature.arity = splits.front().node->arity;
  std::vector<double>& thresholds = feature.thresholds;
  for (const Split& split : splits) {
    if (split.node->arity != feature.arity) return std::nullopt;
    if (feature.arity >= 0) continue;
    if (std::isnan(split.node->threshold)) return std::nullopt;  // It has no place in the order.
    thresholds.push_back(split.node->threshold);
    feature.has_nan_bin = feature.has_nan_bin || split.node->nan_goes_left;
  }
  std::sort(thresholds.begin(), thresholds.end());
  thresholds.erase(std::unique(thresholds.begin(), thresholds.end()), thresholds.end());
  return feature;
}

template <typename Word, typename Sum>
bool LeafMasksOf<Word, Sum>::GoesLeft(const Feature& feature, const TreeNode& node,
                                      std::size_t bin) {
  // A bin lies at or below a threshold if it is no later than the bin that ends there.
  if (feature.arity < 0) {
    if (bin == feature.thresholds.size() + 1) return node.nan_goes_left;
    return bin == 0 || feature.thresholds[bin - 1] < node.threshold;
  }
  if (bin == static_cast<std::size_t>(feature.arity)) return UnknownGoesLeft(node);
  return std::binary_search(node.left_categories.begin(), node.left_categories.end(),
                            static_cast<std::int32_t>(bin));
}

template <typename Word, typename Sum>
std::vector<Word> LeafMasksOf<Word, Sum>::Tabulate(const Feature& feature,
                                                   std::span<const Split> splits) const {
  std::vector<Word> words(feature.num_bins() * num_words_, ~Word{0});
  for (const Split& split : splits) {
    for (std::size_t bin = 0; bin < feature.num_bins(); ++bin) {
      if (!GoesLeft(feature, *split.node, bin)) {
        words[bin * num_words_ + split.tree] &= ~split.left_leaves;
      }
    }
  }
  return words;
}

template <typename Word, typename Sum>
void LeafMasksOf<Word, Sum>::AddTable(Feature feature, std::vector<Word> words) {
  const std::size_t num_bins = feature.num_bins();
  Table* last = tables_.empty() ? nullptr : &tables_.back();
  const std::size_t num_last = last == nullptr ? 0 : last->words.size() / num_words_;
  if (last == nullptr || num_last * num_bins > kMaxCombinations) {
    tables_.push_back({{std::move(feature)}, std::move(words)});
    return;
  }
  feature.stride = static_cast<std::uint32_t>(num_last);
  std::vector<Word> both(num_last * num_bins * num_words_);
  for (std::size_t bin = 0; bin < num_bins; ++bin) {
    for (std::size_t row = 0; row < num_last; ++row) {
      for (std::size_t t = 0; t < num_words_; ++t) {
        both[(bin * num_last + row) * num_words_ + t] =
            words[bin * num_words_ + t] & last->words[row * num_words_ + t];
      }
    }
  }
  last->words = std::move(both);
  last->features.push_back(std::move(feature));
}

template <typename Word, typename Sum>
void LeafMasksOf<Word, Sum>::Predict(MatrixView<const double> rows, std::span<double> out) const {
  std::vector<std::uint32_t> bins(tables_.size() * kRows);
  std::array<Word, kRows * kWordsPerChunk> words;
  std::array<Sum, kRows> sums;
  for (std::size_t begin = 0; begin < out.size(); begin += kRows) {
    const std::size_t num_rows = std::min(kRows, out.size() - begin);
    std::fill(bins.begin(), bins.end(), 0);
    for (std::size_t i = 0; i < tables_.size(); ++i) {
      std::uint32_t* own = &bins[i * kRows];
      for (const Feature& feature : tables_[i].features) {
        const double* value = &rows(begin, feature.column);
        const std::size_t step = rows.num_cols();
        if (feature.arity >= 0) {
          for (std::size_t row = 0; row < num_rows; ++row, value += step) {
            own[row] +=
                feature.stride * static_cast<std::uint32_t>(CategoryOf(*value, feature.arity));
          }
        } else if (feature.has_nan_bin) {
          const auto nan_bin = static_cast<std::uint32_t>(feature.thresholds.size() + 1);
          for (std::size_t row = 0; row < num_rows; ++row, value += step) {
            own[row] +=
                feature.stride * (std::isnan(*value) ? nan_bin : BinOf(*value, feature.thresholds));
          }
        } else if (feature.thresholds.size() == 1) {
          const double threshold = feature.thresholds.front();
          for (std::size_t row = 0; row < num_rows; ++row, value += step) {
            own[row] += !(*value <= threshold) ? feature.stride : 0U;
          }
        } else {
          for (std::size_t row = 0; row < num_rows; ++row, value += step) {
            own[row] += feature.stride * BinOf(*value, feature.thresholds);
          }
        }
      }
    }
    sums.fill(start_);
    for (std::size_t first = 0; first < num_trees_; first += kWordsPerChunk) {
      for (std::size_t row = 0; row < num_rows; ++row) {
        std::array<Word, kWordsPerChunk> left;
        left.fill(~Word{0});
        for (std::size_t i = 0; i < tables_.size(); ++i) {
          const Word* own = tables_[i].words.data() + bins[i * kRows + row] * num_words_ + first;
          for (std::size_t t = 0; t < kWordsPerChunk; ++t) left[t] &= own[t];
        }
        std::copy(left.begin(), left.end(),
                  words.begin() + static_cast<std::ptrdiff_t>(row * kWordsPerChunk));
      }
      const std::size_t num_here = std::min(kWordsPerChunk, num_trees_ - first);
      const Sum* leaves = leaves_.data() + first * kMaxLeaves<Word>;
      // Several rows side by side, as each waits for its last addition.
      std::size_t row = 0;
      for (; row + kLanes <= num_rows; row += kLanes) {
        AddLeaves<kLanes>(&words[row * kWordsPerChunk], leaves, num_here, &sums[row]);
      }
      for (; row < num_rows; ++row) {
        AddLeaves<1>(&words[row * kWordsPerChunk], leaves, num_here, &sums[row]);
      }
    }
    std::copy_n(sums.begin(), num_rows, out.begin() + static_cast<std::ptrdiff_t>(begin));
  }
}

template class LeafMasksOf<std::uint32_t, double>;
template class LeafMasksOf<std::uint32_t, float>;
template class LeafMasksOf<std::uint64_t, float>;

}  // namespace firesteel
