#include "learn/factorization_machine/moments.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace firesteel {
namespace {

// Groups whose terms are laid out at a time; they stay in the cache while they are multiplied.
constexpr std::size_t kGroupsAtOnce = 32;
// Groups that are multiplied in one go, so that a sum is loaded and stored once for all of them.
constexpr std::size_t kStep = 4;
// Below this many products it does not pay to wake threads.
constexpr double kProductsForThreads = 2e7;
constexpr std::size_t kTiles = 8;

// The terms z of a group, and then its label.
void WriteTerms(const RowBlock& block, std::size_t group, std::size_t num_features,
                std::span<double> terms) {
  std::fill(terms.begin(), terms.end(), 0.0);
  terms.front() = 1.0;
  terms.back() = block.labels[group];
  const SparseRow row = block.row(group);
  const std::span<double> pairs = terms.subspan(1 + num_features);
  for (std::size_t e = 0; e < row.size(); ++e) {
    const std::size_t i = row.positions[e];
    terms[1 + i] = row.values[e];
    // Pairs that begin with feature i begin here; the first is (i, i + 1).
    double* const of_i = pairs.data() + i * (2 * num_features - i - 1) / 2;
    for (std::size_t other = e + 1; other < row.size(); ++other) {
      of_i[row.positions[other] - i - 1] = row.values[e] * row.values[other];
    }
  }
}

// Some rows of the matrix of sums: those of one task.
class Tile {
 public:
  Tile(std::size_t begin, std::size_t end, std::size_t width)
      : begin_(begin), end_(end), width_(width), block_sums_((end - begin) * width, 0.0) {}

  // Adds a block to rows `begin` to `end` of `sums`, from the diagonal on.
  void Add(const RowBlock& block, std::size_t num_features, std::span<double> sums) {
    std::fill(block_sums_.begin(), block_sums_.end(), 0.0);
    for (std::size_t first = 0; first < block.size(); first += kGroupsAtOnce) {
      const std::size_t size = std::min(kGroupsAtOnce, block.size() - first);
      const std::size_t padded = (size + kStep - 1) / kStep * kStep;
      terms_.assign(padded * width_, 0.0);
      counts_.assign(padded, 0.0);
      for (std::size_t i = 0; i < size; ++i) {
        WriteTerms(block, first + i, num_features, std::span(terms_).subspan(i * width_, width_));
        counts_[i] = block.counts[first + i];
      }
      for (std::size_t i = 0; i < padded; i += kStep) AddStep(i);
    }
    // Sums of blocks are added up, which keeps rounding errors as small as those of a block.
    for (std::size_t a = begin_; a < end_; ++a) {
      const double* const from = block_sums_.data() + (a - begin_) * width_;
      double* const to = sums.data() + a * width_;
      for (std::size_t b = a; b < width_; ++b) to[b] += from[b];
    }
  }

 private:
  void AddStep(std::size_t i) {
    const double* const z0 = terms_.data() + i * width_;
    const double* const z1 = z0 + width_;
    const double* const z2 = z1 + width_;
    const double* const z3 = z2 + width_;
    for (std::size_t a = begin_; a < end_; ++a) {
      const double c0 = counts_[i] * z0[a];
      const double c1 = counts_[i + 1] * z1[a];
      const double c2 = counts_[i + 2] * z2[a];
      const double c3 = counts_[i + 3] * z3[a];
      // Most pairs of indicators are 0.
      if (c0 == 0.0 && c1 == 0.0 && c2 == 0.0 && c3 == 0.0) continue;
      double* const to = block_sums_.data() + (a - begin_) * width_;
      for (std::size_t b = a; b < width_; ++b) {
        to[b] += (c0 * z0[b] + c1 * z1[b]) + (c2 * z2[b] + c3 * z3[b]);
      }
    }
  }

  std::size_t begin_;
  std::size_t end_;
  std::size_t width_;
  std::vector<double> block_sums_;  // Shape (end - begin, width).
  std::vector<double> terms_;       // Shape (groups at once, width).
  std::vector<double> counts_;
};

// Tiles of about equal area of the upper triangle.
std::vector<Tile> MakeTiles(std::size_t width, std::size_t num_tiles) {
  std::vector<Tile> tiles;
  std::size_t begin = 0;
  for (std::size_t t = 1; t <= num_tiles; ++t) {
    const double share = static_cast<double>(num_tiles - t) / static_cast<double>(num_tiles);
    const std::size_t end =
        width - static_cast<std::size_t>(static_cast<double>(width) * std::sqrt(share));
    if (end > begin) tiles.emplace_back(begin, end, width);
    begin = end;
  }
  return tiles;
}

}  // namespace

Moments::Moments(TrainingRows& rows, ThreadPool& pool)
    : num_features_(rows.num_features()),
      num_terms_(NumTerms(num_features_)),
      num_rows_(static_cast<double>(rows.num_rows())),
      label_spread_(rows.label_spread()) {
  const std::size_t width = num_terms_ + 1;
  sums_.assign(width * width, 0.0);
  const double num_products = static_cast<double>(rows.num_groups()) * static_cast<double>(width) *
                              static_cast<double>(width);
  std::vector<Tile> tiles = MakeTiles(width, num_products < kProductsForThreads ? 1 : kTiles);
  rows.Visit([&](std::span<const RowBlock> blocks) {
    pool.For(tiles.size(), [&](std::size_t t) {
      for (const RowBlock& block : blocks) tiles[t].Add(block, num_features_, sums_);
    });
  });
  Mirror();
}

Moments::Moments(const MomentGroups& groups, std::size_t num_features, std::int64_t num_rows,
                 const FeatureScaling* scaling)
    : num_features_(num_features),
      num_terms_(NumTerms(num_features)),
      num_rows_(static_cast<double>(num_rows)),
      label_spread_(0.0) {
  sums_.assign((num_terms_ + 1) * (num_terms_ + 1), 0.0);
  groups.AddTo(sums_, scaling);
  Mirror();
}

void Moments::Mirror() {
  const std::size_t width = num_terms_ + 1;
  for (std::size_t a = 0; a < width; ++a) {
    for (std::size_t b = 0; b < a; ++b) sums_[a * width + b] = sums_[b * width + a];
  }
}

double Moments::Loss(const CoefficientLayout& layout, std::span<const double> coefficients,
                     std::span<double> gradient) const {
  const std::size_t d = num_features_;
  const std::size_t k = layout.factor_size;
  const std::size_t width = num_terms_ + 1;
  const auto factors_of = [&](std::size_t i) { return coefficients.data() + i * k; };

  // t, and -1 for the label.
  std::vector<double> t(width, 0.0);
  t.back() = -1.0;
  if (layout.has_intercept) t.front() = coefficients[layout.intercept()];
  for (std::size_t i = 0; layout.has_linear && i < d; ++i) {
    t[1 + i] = coefficients[layout.linear() + i];
  }
  std::size_t pair = 1 + d;
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = i + 1; j < d; ++j, ++pair) {
      for (std::size_t f = 0; f < k; ++f) t[pair] += factors_of(i)[f] * factors_of(j)[f];
    }
  }
  // Half the gradient by t; the last element is half of the loss's by the label.
  std::vector<double> half(width, 0.0);
  for (std::size_t a = 0; a < width; ++a) {
    if (t[a] == 0.0) continue;
    const double* const from = sums_.data() + a * width;
    for (std::size_t b = 0; b < width; ++b) half[b] += t[a] * from[b];
  }
  double loss = label_spread_;
  for (std::size_t a = 0; a < width; ++a) loss += t[a] * half[a];

  std::fill(gradient.begin(), gradient.end(), 0.0);
  pair = 1 + d;
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = i + 1; j < d; ++j, ++pair) {
      const double slope = 2.0 * half[pair] / num_rows_;
      for (std::size_t f = 0; f < k; ++f) {
        gradient[i * k + f] += slope * factors_of(j)[f];
        gradient[j * k + f] += slope * factors_of(i)[f];
      }
    }
  }
  for (std::size_t i = 0; layout.has_linear && i < d; ++i) {
    gradient[layout.linear() + i] = 2.0 * half[1 + i] / num_rows_;
  }
  if (layout.has_intercept) gradient[layout.intercept()] = 2.0 * half[0] / num_rows_;
  return loss / num_rows_;
}

}  // namespace firesteel
