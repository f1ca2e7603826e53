#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "model/regressor.h"

namespace firesteel {

/// Predicts with a fitted factorization machine of degree two. For a row x of d features, k factors
/// per feature and s[f] = sum_j v[j,f] x[j], the prediction is
///   y(x) = bias + sum_j w[j] x[j] + 1/2 sum_f (s[f]^2 - sum_j (v[j,f] x[j])^2)
/// which takes O(d k) per row, where summing over pairs of features would take O(d^2 k).
///
/// Source: Rendle, "Factorization Machines", ICDM 2010, Lemma 3.1; Spark's FMRegressionModel, spec
/// B.6, in its order of additions. Differs: sum_j w[j] x[j] runs over the features in order,
/// without the lanes of a BLAS, so the last digit may be another than Spark's on a given machine.
class FactorizationMachine : public Regressor {
 public:
  struct Parameters {
    double bias = 0.0;            // In the unit of the label.
    std::vector<double> linear;   // w, shape (d).
    std::vector<double> factors;  // v, shape (d, k), row-major: one feature's factors are adjacent.
    std::size_t factor_size = 8;  // k, at least 1.
  };

  /// Numbers need not be finite: training with a large step diverges, in Spark as here, and the
  /// model it ends with can be saved and loaded. Throws Error(kInvalidArgument), naming the field,
  /// if shapes disagree or there is no factor.
  explicit FactorizationMachine(Parameters parameters);

  const Parameters& parameters() const { return parameters_; }
  /// Whether every bias, linear term and factor is.
  bool is_finite() const { return is_finite_; }

  std::size_t num_features() const override { return parameters_.linear.size(); }
  /// A NaN feature makes its own row's prediction NaN and no other. Zeros are left out, whatever
  /// they are multiplied by, but for linear terms where Spark stores the row dense: 0 times an
  /// infinite term is NaN there.
  void Predict(MatrixView<const double> rows, std::span<double> out) const override;

 private:
  Parameters parameters_;
  bool is_finite_ = true;
};

}  // namespace firesteel
