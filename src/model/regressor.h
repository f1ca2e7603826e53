#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "table/matrix_view.h"

namespace firesteel {

/// A fitted model that predicts one number per row. Immutable.
/// Threads: any number at once.
class Regressor {
 public:
  virtual ~Regressor() = default;

  /// d, the number of features of a row.
  virtual std::size_t num_features() const = 0;

  /// Writes one prediction per row of `rows`, shape (n, d), to `out`, shape (n).
  /// Throws Error(kInvalidArgument) if a shape is wrong, before writing anything.
  virtual void Predict(MatrixView<const double> rows, std::span<double> out) const = 0;

 protected:
  /// Throws Error(kInvalidArgument) unless rows and room are as Predict wants them. `name` starts
  /// the message: "tree ensemble".
  void CheckShapes(std::string_view name, MatrixView<const double> rows,
                   std::span<const double> out) const;
};

}  // namespace firesteel
