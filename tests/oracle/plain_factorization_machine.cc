#include "oracle/plain_factorization_machine.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "learn/spark_random.h"

namespace firesteel {
namespace {

class PlainTrainer {
 public:
  PlainTrainer(const MemoryRows& rows, const FactorizationMachineParameters& parameters)
      : rows_(rows),
        p_(parameters),
        n_(rows.labels.size()),
        d_(rows.attributes.size()),
        k_(static_cast<std::size_t>(parameters.factor_size)) {
    num_coefficients_ = d_ * k_ + (p_.fit_linear ? d_ : 0) + (p_.fit_intercept ? 1 : 0);
    c_.assign(num_coefficients_, 0.0);
    mean_ = square_ = c_;
    JavaRandom random(p_.seed);
    for (std::size_t i = 0; i < d_ * k_; ++i) c_[i] = random.NextGaussian() * p_.init_std;
  }

  FactorizationMachine Train() {
    int num_updates = 0;
    for (int i = 1; i <= p_.max_iter; ++i) {
      const std::vector<std::size_t> batch = SampleRows(n_, p_.mini_batch_fraction, 42 + i);
      if (batch.empty()) continue;
      const std::vector<double> before = c_;
      std::vector<double> gradient(num_coefficients_, 0.0);
      for (const std::size_t row : batch) AddGradient(row, &gradient);
      for (double& g : gradient) g /= static_cast<double>(batch.size());
      ++num_updates;
      p_.solver == FactorizationMachineSolver::kGd ? Gd(i, gradient) : AdamW(num_updates, gradient);
      if (num_updates > 1 && Norm(before, c_) < p_.tol * std::max(Norm(c_, {}), 1.0)) break;
    }
    FactorizationMachine::Parameters machine = {
        .bias = p_.fit_intercept ? c_.back() : 0.0,
        .linear = std::vector<double>(d_, 0.0),
        .factors = {c_.begin(), c_.begin() + static_cast<std::ptrdiff_t>(d_ * k_)},
        .factor_size = k_};
    if (p_.fit_linear) std::copy_n(&c_[d_ * k_], d_, machine.linear.begin());
    return FactorizationMachine(machine);
  }

 private:
  double x(std::size_t row, std::size_t j) const { return rows_.features[row * d_ + j]; }

  void AddGradient(std::size_t row, std::vector<double>* gradient) const {
    double prediction = p_.fit_intercept ? c_.back() : 0.0;
    for (std::size_t j = 0; p_.fit_linear && j < d_; ++j) {
      if (x(row, j) != 0.0) prediction += c_[d_ * k_ + j] * x(row, j);
    }
    std::vector<double> sums(k_, 0.0);
    for (std::size_t f = 0; f < k_; ++f) {
      double square = 0.0;
      for (std::size_t j = 0; j < d_; ++j) {
        if (x(row, j) == 0.0) continue;
        const double term = c_[j * k_ + f] * x(row, j);
        square += term * term;
        sums[f] += term;
      }
      prediction += 0.5 * (sums[f] * sums[f] - square);
    }
    const double multiplier = 2.0 * (prediction - rows_.labels[row]);
    for (std::size_t j = 0; j < d_; ++j) {
      const double value = x(row, j);
      if (value == 0.0) continue;
      for (std::size_t f = 0; f < k_; ++f) {
        (*gradient)[j * k_ + f] +=
            multiplier * (value * sums[f] - (c_[j * k_ + f] * value) * value);
      }
      if (p_.fit_linear) (*gradient)[d_ * k_ + j] += multiplier * value;
    }
    if (p_.fit_intercept) gradient->back() += multiplier;
  }

  void Gd(int iteration, const std::vector<double>& gradient) {
    const double step = p_.step_size / std::sqrt(iteration);
    for (std::size_t i = 0; i < c_.size(); ++i) {
      c_[i] = c_[i] * (1.0 - step * p_.reg_param) - step * gradient[i];
    }
  }

  void AdamW(int num_updates, const std::vector<double>& gradient) {
    for (std::size_t i = 0; i < c_.size(); ++i) {
      mean_[i] = 0.9 * mean_[i] + 0.1 * gradient[i];
      square_[i] = 0.999 * square_[i] + 0.001 * gradient[i] * gradient[i];
      const double mean = mean_[i] / (1.0 - std::pow(0.9, num_updates));
      const double square = square_[i] / (1.0 - std::pow(0.999, num_updates));
      c_[i] -= p_.step_size * mean / (std::sqrt(square) + 1e-8) + p_.reg_param * c_[i];
    }
  }

  // Of a - b, where an empty b is 0.
  static double Norm(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      sum += std::pow(a[i] - (b.empty() ? 0.0 : b[i]), 2.0);
    }
    return std::sqrt(sum);
  }

  const MemoryRows& rows_;
  const FactorizationMachineParameters& p_;
  std::size_t n_;
  std::size_t d_;
  std::size_t k_;
  std::size_t num_coefficients_;
  std::vector<double> c_;  // Factors, linear terms, intercept.
  std::vector<double> mean_;
  std::vector<double> square_;
};

}  // namespace

FactorizationMachine TrainFactorizationMachinePlain(
    const MemoryRows& rows, const FactorizationMachineParameters& parameters) {
  return PlainTrainer(rows, parameters).Train();
}

}  // namespace firesteel
