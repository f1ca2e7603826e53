#include "learn/factorization_machine/moment_groups.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace firesteel {
namespace {

constexpr std::size_t kSampleRows = 8192;
// A feature with more values than this in the sample is free.
constexpr std::size_t kFewValues = 64;
constexpr std::size_t kMaxFree = 4;
constexpr std::size_t kMaxGroups = 65536;
// What the groups may cost once they are multiplied out.
constexpr double kMaxProducts = 1e9;
constexpr std::size_t kFirstSlots = 1024;

bool HasFewValues(std::span<const double> rows, std::size_t stride) {
  std::vector<double> values;
  for (std::size_t i = 0; i < rows.size(); i += stride) {
    if (std::find(values.begin(), values.end(), rows[i]) != values.end()) continue;
    if (values.size() == kFewValues) return false;
    values.push_back(rows[i]);
  }
  return true;
}

// A number near the middle of the values, which are not all equal: a multiple of a power of two no
// less than their range, so that it hardly depends on which of many values are seen.
double RoundMiddle(std::span<const double> rows, std::size_t stride) {
  double low = rows.front();
  double high = rows.front();
  for (std::size_t i = 0; i < rows.size(); i += stride) {
    low = std::min(low, rows[i]);
    high = std::max(high, rows[i]);
  }
  const double range = high / 2.0 - low / 2.0;
  const double grid = std::exp2(std::ceil(std::log2(range)) + 1.0);
  return std::round((low / 2.0 + high / 2.0) / grid) * grid;
}

// Writes the pairs of `values` after one another: 0 and 1, 0 and 2, …
void WritePairs(std::span<const double> values, double* out) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = i + 1; j < values.size(); ++j) *out++ = values[i] * values[j];
  }
}

}  // namespace

MomentGroups::MomentGroups(TrainingSource& source)
    : num_features_(source.attributes().size()), slots_(kFirstSlots, 0) {
  const auto num_terms =
      static_cast<double>(1 + num_features_ + num_features_ * (num_features_ - 1) / 2);
  max_groups_ =
      std::min(kMaxGroups, static_cast<std::size_t>(kMaxProducts / (num_terms * num_terms)));
  source.Scan([this](MatrixView<const double> rows) {
    for (std::size_t i = 0; is_suitable_ && i < rows.num_rows(); ++i) {
      const std::span<const double> row = rows.row(i).first(num_features_ + 1);
      if (is_classified_) {
        Add(row);
        continue;
      }
      sample_.insert(sample_.end(), row.begin(), row.end());
      if (sample_.size() == kSampleRows * (num_features_ + 1)) Classify();
    }
  });
  if (!is_classified_) Classify();
  Sort();
}

void MomentGroups::Classify() {
  is_classified_ = true;
  const std::size_t stride = num_features_ + 1;
  for (std::size_t j = 0; j < num_features_; ++j) {
    if (HasFewValues(std::span(sample_).subspan(j), stride)) {
      coded_.push_back(j);
      continue;
    }
    free_.push_back(j);
    shifts_.push_back(RoundMiddle(std::span(sample_).subspan(j), stride));
  }
  if (free_.size() > kMaxFree) is_suitable_ = false;
  width_ = 2 + free_.size() + free_.size() * (free_.size() - (free_.empty() ? 0 : 1)) / 2;
  key_.resize(coded_.size());
  terms_.resize(width_);
  terms_.front() = 1.0;
  for (std::size_t begin = 0; is_suitable_ && begin < sample_.size(); begin += stride) {
    Add(std::span(sample_).subspan(begin, stride));
  }
  sample_ = {};
}

void MomentGroups::Add(std::span<const double> row) {
  // Adding 0.0 turns -0.0 into 0.0.
  for (std::size_t i = 0; i < coded_.size(); ++i) key_[i] = row[coded_[i]] + 0.0;
  const std::size_t group = FindGroup();
  if (!is_suitable_) return;
  const std::size_t c = free_.size();
  for (std::size_t i = 0; i < c; ++i) terms_[1 + i] = row[free_[i]] - shifts_[i];
  WritePairs(std::span(terms_).subspan(1, c), terms_.data() + 1 + c);
  terms_[width_ - 1] = row[num_features_];
  double* sum = sums_.data() + group * num_sums();
  double* rest = rests_.data() + group * num_sums();
  for (std::size_t a = 0; a < width_; ++a) {
    for (std::size_t b = a; b < width_; ++b, ++sum, ++rest) {
      // Knuth's sum of two numbers and what rounding took from it.
      const double value = terms_[a] * terms_[b];
      const double total = *sum + value;
      const double part = total - *sum;
      *rest += (*sum - (total - part)) + (value - part);
      *sum = total;
    }
  }
}

std::size_t MomentGroups::FindGroup() {
  std::uint64_t hash = 0;
  for (const double value : key_) {
    hash = (hash ^ std::bit_cast<std::uint64_t>(value)) * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
  }
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const std::size_t group = slots_[slot] - 1;
    if (std::equal(key_.begin(), key_.end(),
                   keys_.begin() + static_cast<std::ptrdiff_t>(group * key_.size()))) {
      return group;
    }
  }
  const std::size_t group = order_.size();
  if (group == max_groups_) {
    is_suitable_ = false;
    return 0;
  }
  slots_[slot] = static_cast<std::uint32_t>(group + 1);
  order_.push_back(hash);
  keys_.insert(keys_.end(), key_.begin(), key_.end());
  sums_.resize(sums_.size() + num_sums(), 0.0);
  rests_.resize(rests_.size() + num_sums(), 0.0);
  if (2 * order_.size() > slots_.size()) Grow();
  return group;
}

void MomentGroups::Grow() {
  slots_.assign(2 * slots_.size(), 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t group = 0; group < order_.size(); ++group) {
    std::size_t slot = order_[group] & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<std::uint32_t>(group + 1);
  }
}

void MomentGroups::Sort() {
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  const auto key = [this](std::size_t group) {
    return std::span(keys_).subspan(group * coded_.size(), coded_.size());
  };
  std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
    return std::ranges::lexicographical_compare(key(a), key(b));
  });
}

double MomentGroups::Sum(std::size_t group, std::size_t a, std::size_t b) const {
  const std::size_t place = group * num_sums() + a * width_ - a * (a + 1) / 2 + b;
  return sums_[place] + rests_[place];
}

FeatureScaling MomentGroups::MeasureScaling() const {
  FeatureScaling scaling = {std::vector<double>(num_features_, 0.0),
                            std::vector<double>(num_features_, 0.0)};
  double num_rows = 0.0;
  for (const std::size_t group : order_) num_rows += Sum(group, 0, 0);
  const auto set = [&](std::size_t feature, double mean, double squares) {
    scaling.means[feature] = mean;
    scaling.factors[feature] = ScalingFactor(mean, squares, num_rows);
  };
  for (std::size_t i = 0; i < coded_.size(); ++i) {
    const auto value = [&](std::size_t group) { return keys_[group * coded_.size() + i]; };
    double mean = 0.0;
    for (const std::size_t group : order_) mean += Sum(group, 0, 0) * value(group);
    mean /= num_rows;
    double squares = 0.0;
    for (const std::size_t group : order_) {
      const double difference = value(group) - mean;
      squares += Sum(group, 0, 0) * (difference * difference);
    }
    set(coded_[i], mean, squares);
  }
  for (std::size_t i = 0; i < free_.size(); ++i) {
    double sum = 0.0;
    double squares = 0.0;
    for (const std::size_t group : order_) {
      sum += Sum(group, 0, 1 + i);
      squares += Sum(group, 1 + i, 1 + i);
    }
    set(free_[i], shifts_[i] + sum / num_rows, std::max(0.0, squares - sum * sum / num_rows));
  }
  return scaling;
}

void MomentGroups::AddTo(std::span<double> sums, const FeatureScaling* scaling) const {
  const std::size_t d = num_features_;
  const std::size_t c = free_.size();
  const std::size_t width = 2 + d + d * (d - 1) / 2;
  // A term is a free term, by its place in (1, u, u u, y), times values of coded features.
  const auto free_pair = [c](std::size_t i, std::size_t j) {
    return 1 + c + i * (2 * c - i - 1) / 2 + (j - i - 1);
  };
  std::vector<std::size_t> place_of(d, 0);  // 1 + its number if free, else 0.
  for (std::size_t i = 0; i < c; ++i) place_of[free_[i]] = 1 + i;
  std::vector<std::size_t> places = {0};
  for (std::size_t j = 0; j < d; ++j) places.push_back(place_of[j]);
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = i + 1; j < d; ++j) {
      const bool both = place_of[i] != 0 && place_of[j] != 0;
      places.push_back(both ? free_pair(place_of[i] - 1, place_of[j] - 1)
                            : place_of[i] + place_of[j]);
    }
  }
  places.push_back(width_ - 1);

  // What makes the free terms that are wanted of those that were summed, about the shifts: w =
  // factor u + offset, and pairs of these.
  std::vector<double> factors(c, 1.0);
  std::vector<double> offsets(shifts_);
  for (std::size_t i = 0; scaling != nullptr && i < c; ++i) {
    factors[i] = scaling->factors[free_[i]];
    offsets[i] = (shifts_[i] - scaling->means[free_[i]]) * factors[i];
  }
  std::vector<double> wanted(width_ * width_, 0.0);  // Row by row: a wanted term by those summed.
  wanted.front() = wanted.back() = 1.0;
  for (std::size_t i = 0; i < c; ++i) {
    wanted[(1 + i) * width_] = offsets[i];
    wanted[(1 + i) * width_ + 1 + i] = factors[i];
    for (std::size_t j = i + 1; j < c; ++j) {
      double* const pair = wanted.data() + free_pair(i, j) * width_;
      pair[0] = offsets[i] * offsets[j];
      pair[1 + i] = factors[i] * offsets[j];
      pair[1 + j] = offsets[i] * factors[j];
      pair[free_pair(i, j)] = factors[i] * factors[j];
    }
  }

  std::vector<double> half(width_ * width_);
  std::vector<double> of_group(width_ * width_);
  std::vector<double> values(d, 1.0);  // 1 for free features.
  std::vector<double> multipliers(width, 1.0);
  for (const std::size_t group : order_) {
    std::fill(half.begin(), half.end(), 0.0);
    std::fill(of_group.begin(), of_group.end(), 0.0);
    for (std::size_t a = 0; a < width_; ++a) {
      for (std::size_t k = 0; k < width_; ++k) {
        const double of_term = wanted[a * width_ + k];
        if (of_term == 0.0) continue;
        for (std::size_t b = 0; b < width_; ++b) {
          half[a * width_ + b] += of_term * Sum(group, std::min(k, b), std::max(k, b));
        }
      }
    }
    for (std::size_t b = 0; b < width_; ++b) {
      for (std::size_t k = 0; k < width_; ++k) {
        const double of_term = wanted[b * width_ + k];
        if (of_term == 0.0) continue;
        for (std::size_t a = 0; a < width_; ++a) {
          of_group[a * width_ + b] += half[a * width_ + k] * of_term;
        }
      }
    }
    for (std::size_t i = 0; i < coded_.size(); ++i) {
      const std::size_t j = coded_[i];
      values[j] = keys_[group * coded_.size() + i];
      if (scaling != nullptr) values[j] = (values[j] - scaling->means[j]) * scaling->factors[j];
    }
    std::copy(values.begin(), values.end(), multipliers.begin() + 1);
    WritePairs(values, multipliers.data() + 1 + d);
    for (std::size_t a = 0; a < width; ++a) {
      if (multipliers[a] == 0.0) continue;
      const double* const from = of_group.data() + places[a] * width_;
      double* const to = sums.data() + a * width;
      for (std::size_t b = a; b < width; ++b) {
        to[b] += multipliers[a] * multipliers[b] * from[places[b]];
      }
    }
  }
}

}  // namespace firesteel
