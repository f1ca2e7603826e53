#include "model/factorization_machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "base/error.h"
#include "model/pair_terms.h"
#include "table/sparse_row.h"

namespace firesteel {
namespace {

[[noreturn]] void Refuse(const std::string& problem) {
  throw Error(ErrorKind::kInvalidArgument, "factorization machine: " + problem);
}

bool AllFinite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(),
                     [](double value) { return std::isfinite(value); });
}

}  // namespace

FactorizationMachine::FactorizationMachine(Parameters parameters)
    : parameters_(std::move(parameters)) {
  if (parameters_.factor_size == 0) Refuse("factor_size is 0; at least 1 is needed");
  const std::size_t expected = parameters_.linear.size() * parameters_.factor_size;
  if (parameters_.factors.size() != expected) {
    Refuse(fmt::format("there are {} factors, but {} features of {} factors each need {}",
                       parameters_.factors.size(), parameters_.linear.size(),
                       parameters_.factor_size, expected));
  }
  is_finite_ = std::isfinite(parameters_.bias) && AllFinite(parameters_.linear) &&
               AllFinite(parameters_.factors);
}

void FactorizationMachine::Predict(MatrixView<const double> rows, std::span<double> out) const {
  CheckShapes("factorization machine", rows, out);
  const std::vector<double>& linear = parameters_.linear;
  PairTerms pairs(parameters_.factor_size);
  std::vector<std::uint32_t> positions(linear.size());
  std::vector<double> values(linear.size());
  for (std::size_t row = 0; row < out.size(); ++row) {
    const std::span<const double> features = rows.row(row);
    std::size_t size = 0;
    double dot = 0.0;
    for (std::size_t j = 0; j < features.size(); ++j) {
      if (features[j] == 0.0) continue;
      positions[size] = static_cast<std::uint32_t>(j);
      values[size++] = features[j];
      dot += features[j] * linear[j];
    }
    if (!is_finite_ && !SparseIsSmaller(size, features.size())) {
      for (std::size_t j = 0; j < features.size(); ++j) {
        if (features[j] == 0.0) dot += 0.0 * linear[j];
      }
    }
    out[row] = pairs.AddTo(parameters_.bias + dot,
                           {std::span(positions).first(size), std::span(values).first(size)},
                           parameters_.factors);
  }
}

}  // namespace firesteel
