#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "learn/factorization_machine/factorization_machine_parameters.h"
#include "learn/training_state.h"

namespace firesteel {

/// Moves coefficients against their gradient, as Spark's two solvers do, element by element and in
/// its order of operations. Source: spec B.5; Loshchilov, Hutter, "Decoupled Weight Decay
/// Regularization", ICLR 2019 (adamW).
class Solver {
 public:
  /// `parameters` must outlive this.
  Solver(const FactorizationMachineParameters& parameters, std::size_t num_coefficients);

  /// One update. `iteration` counts from 1, iterations without an update included; `gradient` is
  /// the mean over the rows.
  void Update(int iteration, std::span<const double> gradient, std::span<double> coefficients);

  /// Whether the last update moved the coefficients, now as given, by less than tol asks; never
  /// after the first update.
  bool HasConverged(std::span<const double> coefficients) const;

  int num_updates() const { return num_updates_; }

  /// Writes what the updates so far have left, and takes it up again in a solver of the same
  /// parameters and size. It must be the last thing that the reader has. Returns false, and leaves
  /// the solver as it was, for a state of another shape.
  void Save(StateWriter* writer) const;
  bool Restore(StateReader* reader);

 private:
  void UpdateAdamW(std::span<const double> gradient, std::span<double> coefficients);
  void UpdateGd(int iteration, std::span<const double> gradient, std::span<double> coefficients);

  const FactorizationMachineParameters& parameters_;
  int num_updates_ = 0;
  std::vector<double> previous_;     // The coefficients before the last update.
  std::vector<double> mean_;         // adamW: of the gradients, fading.
  std::vector<double> mean_square_;  // The same of their squares.
  double mean_weight_ = 1.0;         // What the fading means lack of their full weight.
  double mean_square_weight_ = 1.0;
};

}  // namespace firesteel
