#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include "table/sparse_row.h"

namespace firesteel {

/// The terms of a factorization machine that pair features, of one row after another. With k
/// factors per feature and s[f] = sum_j v[j,f] x[j], these are
///   1/2 sum_f (s[f]^2 - sum_j (v[j,f] x[j])^2).
/// Source: Rendle, "Factorization Machines", ICDM 2010, Lemma 3.1; order of additions: spec B.4.
/// Threads: one caller at a time.
class PairTerms {
 public:
  explicit PairTerms(std::size_t factor_size) : sums_(factor_size), squares_(factor_size) {}

  /// Adds the terms of `row` to `prediction`, factor after factor, and returns the result.
  /// `factors`, shape (d, k), row-major, are the machine's.
  double AddTo(double prediction, SparseRow row, std::span<const double> factors) {
    // The usual size is known when this is compiled, so that its sums stay in registers.
    if (sums_.size() == kUsualSize) {
      return Add(prediction, row, factors.data(),
                 std::integral_constant<std::size_t, kUsualSize>());
    }
    return Add(prediction, row, factors.data(), sums_.size());
  }

  /// s[f] of the row that was added last, length k.
  std::span<const double> sums() const { return sums_; }

 private:
  static constexpr std::size_t kUsualSize = 8;

  template <typename Size>
  double Add(double prediction, SparseRow row, const double* factors, Size size) {
    std::fill(sums_.begin(), sums_.end(), 0.0);
    std::fill(squares_.begin(), squares_.end(), 0.0);
    AddEntries(row, factors, size);
    for (std::size_t f = 0; f < size; ++f) {
      prediction += 0.5 * (sums_[f] * sums_[f] - squares_[f]);
    }
    return prediction;
  }

  template <std::size_t kSize>
  void AddEntries(SparseRow row, const double* factors,
                  std::integral_constant<std::size_t, kSize>) {
    std::array<double, kSize> sums = {};
    std::array<double, kSize> squares = {};
    AddEntries(row, factors, kSize, sums.data(), squares.data());
    std::copy(sums.begin(), sums.end(), sums_.begin());
    std::copy(squares.begin(), squares.end(), squares_.begin());
  }
  void AddEntries(SparseRow row, const double* factors, std::size_t size) {
    AddEntries(row, factors, size, sums_.data(), squares_.data());
  }
  static inline void AddEntries(SparseRow row, const double* factors, std::size_t size,
                                double* sums, double* squares) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const double value = row.values[i];
      const double* const of_feature = factors + row.positions[i] * size;
      for (std::size_t f = 0; f < size; ++f) {
        const double term = of_feature[f] * value;
        squares[f] += term * term;
        sums[f] += term;
      }
    }
  }

  std::vector<double> sums_;
  std::vector<double> squares_;
};

}  // namespace firesteel
