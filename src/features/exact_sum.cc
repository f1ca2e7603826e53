#include "features/exact_sum.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace firesteel {

void ExactSum::Pair::Add(double value) {
  const double sum = high + value;
  const double part = sum - high;
  low += (high - (sum - part)) + (value - part);
  high = sum;
}

void ExactSum::Add(double value) {
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  ++count_;
  plain_ += value;
  sum_.Add(value);
  const double square = value * value;
  squares_.Add(square);
  squares_.low += std::fma(value, value, -square);
}

double ExactSum::Mean() const {
  if (count_ == 0) return std::numeric_limits<double>::quiet_NaN();
  const auto n = static_cast<double>(count_);
  if (!std::isfinite(plain_)) return plain_ / n;
  // What the division leaves over is divided too, so that the mean of equal values is that value.
  const double quotient = sum_.high / n;
  return quotient + (std::fma(-quotient, n, sum_.high) + sum_.low) / n;
}

double ExactSum::StandardDeviation() const {
  if (!std::isfinite(plain_)) return std::numeric_limits<double>::quiet_NaN();
  // Equal values must give 0 exactly: a scaler divides by what is not 0.
  if (count_ < 2 || min_ == max_) return 0.0;
  const auto n = static_cast<double>(count_);
  // sum^2 / n as a pair, so that its difference from the sum of squares keeps its digits.
  const double total = sum_.high + sum_.low;
  const double rest = (sum_.high - total) + sum_.low;
  const double square = total * total;
  const double square_rest = std::fma(total, total, -square) + 2.0 * total * rest;
  const double quotient = square / n;
  const double quotient_rest = (std::fma(-quotient, n, square) + square_rest) / n;
  const double deviations = (squares_.high - quotient) + (squares_.low - quotient_rest);
  return std::sqrt(std::max(deviations, 0.0) / (n - 1.0));
}

}  // namespace firesteel
