#include "model/regressor.h"

#include <fmt/format.h>

#include "base/error.h"

namespace firesteel {

void Regressor::CheckShapes(std::string_view name, MatrixView<const double> rows,
                            std::span<const double> out) const {
  if (rows.num_rows() != out.size()) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{}: {} rows to predict but room for {} predictions", name,
                            rows.num_rows(), out.size()));
  }
  if (rows.num_rows() > 0 && rows.num_cols() != num_features()) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{}: rows have {} features, but the model was trained on {}", name,
                            rows.num_cols(), num_features()));
  }
}

}  // namespace firesteel
