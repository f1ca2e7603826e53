#pragma once

#include <cmath>

namespace firesteel {

/// The losses that boosting minimises. Source: spec A.14.
enum class Loss { kSquared, kAbsolute };

/// What the next tree learns of a row: minus the loss's gradient.
inline double Target(Loss loss, double label, double prediction) {
  const double residual = label - prediction;
  if (loss == Loss::kSquared) return 2.0 * residual;
  return residual < 0.0 ? -1.0 : 1.0;
}

/// The error of one prediction.
inline double ErrorOf(Loss loss, double label, double prediction) {
  const double residual = label - prediction;
  return loss == Loss::kSquared ? residual * residual : std::fabs(residual);
}

}  // namespace firesteel
