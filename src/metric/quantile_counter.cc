#include "metric/quantile_counter.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace firesteel {
namespace {

constexpr std::size_t kMaxValues = 65536;

// The middle of the value's bucket, of which there are 1,024 between powers of two.
double MiddleOfBucket(double value) {
  if (!std::isfinite(value) || value == 0.0) return value;
  constexpr std::uint64_t kLow = (std::uint64_t{1} << 42) - 1;
  return std::bit_cast<double>((std::bit_cast<std::uint64_t>(value) & ~kLow) | (kLow / 2 + 1));
}

}  // namespace

void QuantileCounter::Add(double value, std::int64_t count) {
  if (count == 0) return;
  num_values_ += count;
  if (std::isnan(value)) {
    has_nan_ = true;
    return;
  }
  if (!is_exact_) {
    buckets_[std::bit_cast<std::uint64_t>(MiddleOfBucket(value + 0.0))] += count;
    return;
  }
  values_.push_back({value + 0.0, count});
  if (values_.size() >= 2 * kMaxValues) Compact();
}

double QuantileCounter::Quantile(double probability) const {
  if (num_values_ == 0 || has_nan_) return std::numeric_limits<double>::quiet_NaN();
  const std::vector<Counted> values = Sorted();
  const double position = static_cast<double>(num_values_ - 1) * probability;
  const auto low = static_cast<std::int64_t>(position);
  std::int64_t num_before = 0;
  std::size_t i = 0;
  while (num_before + values[i].count <= low) num_before += values[i++].count;
  const double fraction = position - static_cast<double>(low);
  const bool is_last = low + 1 < num_before + values[i].count || i + 1 == values.size();
  const double next = is_last ? values[i].value : values[i + 1].value;
  if (fraction == 0.0 || next == values[i].value) return values[i].value;
  return values[i].value + fraction * (next - values[i].value);
}

bool QuantileCounter::is_exact() const {
  Compact();
  return is_exact_;
}

std::vector<QuantileCounter::Counted> QuantileCounter::Sorted() const {
  Compact();
  if (is_exact_) return values_;
  std::vector<Counted> sorted;
  sorted.reserve(buckets_.size());
  for (const auto& [bits, count] : buckets_) sorted.push_back({std::bit_cast<double>(bits), count});
  std::sort(sorted.begin(), sorted.end(), IsLess);
  return sorted;
}

void QuantileCounter::Compact() const {
  if (num_sorted_ == values_.size()) return;
  std::sort(values_.begin(), values_.end(), IsLess);
  std::size_t size = 0;
  for (const Counted& counted : values_) {
    if (size > 0 && values_[size - 1].value == counted.value) {
      values_[size - 1].count += counted.count;
    } else {
      values_[size++] = counted;
    }
  }
  values_.resize(size);
  num_sorted_ = size;
  if (size <= kMaxValues) return;
  is_exact_ = false;
  for (const Counted& counted : values_) {
    buckets_[std::bit_cast<std::uint64_t>(MiddleOfBucket(counted.value))] += counted.count;
  }
  values_ = {};
  num_sorted_ = 0;
}

}  // namespace firesteel
