#include "learn/factorization_machine/solver.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace firesteel {

Solver::Solver(const FactorizationMachineParameters& parameters, std::size_t num_coefficients)
    : parameters_(parameters), previous_(num_coefficients) {
  if (parameters.solver == FactorizationMachineSolver::kAdamW) {
    mean_.assign(num_coefficients, 0.0);
    mean_square_.assign(num_coefficients, 0.0);
  }
}

void Solver::Update(int iteration, std::span<const double> gradient,
                    std::span<double> coefficients) {
  std::copy(coefficients.begin(), coefficients.end(), previous_.begin());
  if (parameters_.solver == FactorizationMachineSolver::kAdamW) {
    UpdateAdamW(gradient, coefficients);
  } else {
    UpdateGd(iteration, gradient, coefficients);
  }
  ++num_updates_;
}

void Solver::UpdateAdamW(std::span<const double> gradient, std::span<double> coefficients) {
  constexpr double kBeta1 = 0.9;
  constexpr double kBeta2 = 0.999;
  constexpr double kEpsilon = 1e-8;
  mean_weight_ *= kBeta1;
  mean_square_weight_ *= kBeta2;
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    const double g = gradient[i];
    mean_[i] = mean_[i] * kBeta1 + (1.0 - kBeta1) * g;
    mean_square_[i] = mean_square_[i] * kBeta2 + (1.0 - kBeta2) * (g * g);
    const double mean = mean_[i] / (1.0 - mean_weight_);
    const double mean_square = mean_square_[i] / (1.0 - mean_square_weight_);
    coefficients[i] -= (parameters_.step_size * mean) / (std::sqrt(mean_square) + kEpsilon) +
                       parameters_.reg_param * coefficients[i];
  }
}

void Solver::UpdateGd(int iteration, std::span<const double> gradient,
                      std::span<double> coefficients) {
  const double step = parameters_.step_size / std::sqrt(static_cast<double>(iteration));
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    coefficients[i] = coefficients[i] * (1.0 - step * parameters_.reg_param) + -step * gradient[i];
  }
}

bool Solver::HasConverged(std::span<const double> coefficients) const {
  if (num_updates_ < 2) return false;
  double moved = 0.0;
  double norm = 0.0;
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    const double difference = previous_[i] - coefficients[i];
    moved += difference * difference;
    norm += coefficients[i] * coefficients[i];
  }
  return std::sqrt(moved) < parameters_.tol * std::max(std::sqrt(norm), 1.0);
}

void Solver::Save(StateWriter* writer) const {
  writer->Add(num_updates_);
  writer->Add(previous_);
  writer->Add(mean_);
  writer->Add(mean_square_);
  writer->Add(mean_weight_);
  writer->Add(mean_square_weight_);
}

bool Solver::Restore(StateReader* reader) {
  Solver restored(parameters_, previous_.size());
  reader->Read(restored.num_updates_);
  reader->Read(restored.previous_);
  reader->Read(restored.mean_);
  reader->Read(restored.mean_square_);
  reader->Read(restored.mean_weight_);
  reader->Read(restored.mean_square_weight_);
  if (!reader->is_done() || restored.previous_.size() != previous_.size() ||
      restored.mean_.size() != mean_.size() ||
      restored.mean_square_.size() != mean_square_.size()) {
    return false;
  }
  num_updates_ = restored.num_updates_;
  previous_ = std::move(restored.previous_);
  mean_ = std::move(restored.mean_);
  mean_square_ = std::move(restored.mean_square_);
  mean_weight_ = restored.mean_weight_;
  mean_square_weight_ = restored.mean_square_weight_;
  return true;
}

}  // namespace firesteel
