#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/factorization_machine.h"

namespace firesteel {

/// Where the coefficients of a factorization machine lie in one vector: the factors, one feature's
/// after another's, then the linear terms and the intercept, as far as there are any.
/// Source: spec B.2.
struct CoefficientLayout {
  std::size_t num_features = 0;  // d
  std::size_t factor_size = 0;   // k
  bool has_linear = true;
  bool has_intercept = true;

  std::size_t num_factors() const { return num_features * factor_size; }
  /// Where the linear terms begin.
  std::size_t linear() const { return num_factors(); }
  std::size_t intercept() const { return num_factors() + (has_linear ? num_features : 0); }
  /// D
  std::size_t size() const { return intercept() + (has_intercept ? 1 : 0); }
};

/// Factors drawn as Spark draws them, the rest 0. Source: spec B.3.
std::vector<double> InitialCoefficients(const CoefficientLayout& layout, double init_std,
                                        std::int64_t seed);

/// The machine that `coefficients` make.
FactorizationMachine::Parameters ToMachine(const CoefficientLayout& layout,
                                           std::span<const double> coefficients);

}  // namespace firesteel
