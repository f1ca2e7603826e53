#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/parallel.h"
#include "learn/factorization_machine/coefficients.h"
#include "learn/factorization_machine/moment_groups.h"
#include "learn/factorization_machine/training_rows.h"

namespace firesteel {

/// All that the squared loss of a factorization machine depends on. The prediction is linear in
///   z(x) = (1, x_0, …, x_{d-1}, x_0 x_1, x_0 x_2, …, x_{d-2} x_{d-1}),
/// so with t made of the intercept, the linear terms and the <v_i, v_j>, the loss is a quadratic
/// form in t: sum (z t - y)^2 = t' (sum z z') t - 2 t' (sum z y) + sum y^2. These sums are of
/// products of up to four features. They are taken once; then an iteration costs O(m^2 + d^2 k)
/// with m = 1 + d + d (d - 1) / 2, however many rows there are.
class Moments {
 public:
  /// m for d features.
  static std::size_t NumTerms(std::size_t num_features) {
    return 1 + num_features + num_features * (num_features - 1) / 2;
  }

  /// Of what `groups` gathered, scaled if `scaling` is not null: O(groups * m^2 / 2).
  Moments(const MomentGroups& groups, std::size_t num_features, std::int64_t num_rows,
          const FeatureScaling* scaling);
  /// Goes over the rows once: O(groups * m^2 / 2), on all threads of `pool`, and takes m^2 doubles.
  Moments(TrainingRows& rows, ThreadPool& pool);

  /// As RowLoss does for all rows, but for rounding and for what is not finite.
  double Loss(const CoefficientLayout& layout, std::span<const double> coefficients,
              std::span<double> gradient) const;

 private:
  void Mirror();

  std::size_t num_features_;
  std::size_t num_terms_;  // m
  double num_rows_;
  double label_spread_;
  /// Of (z, y), symmetric, shape (m + 1, m + 1).
  std::vector<double> sums_;
};

}  // namespace firesteel
