#include "learn/factorization_machine/coefficients.h"

#include <algorithm>

#include "learn/spark_random.h"

namespace firesteel {

std::vector<double> InitialCoefficients(const CoefficientLayout& layout, double init_std,
                                        std::int64_t seed) {
  std::vector<double> coefficients(layout.size(), 0.0);
  JavaRandom random(seed);
  for (std::size_t i = 0; i < layout.num_factors(); ++i) {
    coefficients[i] = random.NextGaussian() * init_std;
  }
  return coefficients;
}

FactorizationMachine::Parameters ToMachine(const CoefficientLayout& layout,
                                           std::span<const double> coefficients) {
  const std::span<const double> factors = coefficients.first(layout.num_factors());
  FactorizationMachine::Parameters machine;
  machine.factors.assign(factors.begin(), factors.end());
  machine.factor_size = layout.factor_size;
  machine.linear.assign(layout.num_features, 0.0);
  if (layout.has_linear) {
    std::copy_n(coefficients.begin() + static_cast<std::ptrdiff_t>(layout.linear()),
                layout.num_features, machine.linear.begin());
  }
  if (layout.has_intercept) machine.bias = coefficients[layout.intercept()];
  return machine;
}

}  // namespace firesteel
