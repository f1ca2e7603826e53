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
  values_.push_back({is_exact_ ? value + 0.0 : MiddleOfBucket(value), count});
  if (values_.size() >= 2 * kMaxValues && values_.size() >= 2 * num_sorted_) Compact();
}

double QuantileCounter::Quantile(double probability) const {
  if (num_values_ == 0 || has_nan_) return std::numeric_limits<double>::quiet_NaN();
  Compact();
  const double position = static_cast<double>(num_values_ - 1) * probability;
  const auto low = static_cast<std::int64_t>(position);
  std::int64_t num_before = 0;
  std::size_t i = 0;
  while (num_before + values_[i].count <= low) num_before += values_[i++].count;
  const double fraction = position - static_cast<double>(low);
  const bool is_last = low + 1 < num_before + values_[i].count || i + 1 == values_.size();
  const double next = is_last ? values_[i].value : values_[i + 1].value;
  if (fraction == 0.0 || next == values_[i].value) return values_[i].value;
  return values_[i].value + fraction * (next - values_[i].value);
}

bool QuantileCounter::is_exact() const {
  Compact();
  return is_exact_;
}

void QuantileCounter::Compact() const {
  const auto merge = [this] {
    std::sort(values_.begin(), values_.end(),
              [](const Counted& left, const Counted& right) { return left.value < right.value; });
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
  };
  if (num_sorted_ == values_.size()) return;
  merge();
  if (!is_exact_ || values_.size() <= kMaxValues) return;
  is_exact_ = false;
  for (Counted& counted : values_) counted.value = MiddleOfBucket(counted.value);
  merge();
}

}  // namespace firesteel
