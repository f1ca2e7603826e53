#include "learn/factorization_machine/row_loss.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <vector>

#include "model/pair_terms.h"

namespace firesteel {
namespace {

// Loss and gradient of one block, not divided by anything.
class BlockLoss {
 public:
  BlockLoss(const CoefficientLayout& layout, std::span<const double> coefficients)
      : layout_(layout),
        coefficients_(coefficients),
        gradient_(layout.size(), 0.0),
        pairs_(layout.factor_size) {}

  void AddRow(SparseRow row, double count, double label) {
    const double* const linear = coefficients_.data() + layout_.linear();
    double prediction = layout_.has_intercept ? 0.0 + coefficients_[layout_.intercept()] : 0.0;
    if (layout_.has_linear) {
      for (std::size_t e = 0; e < row.size(); ++e) {
        prediction += linear[row.positions[e]] * row.values[e];
      }
    }
    prediction = pairs_.AddTo(prediction, row, coefficients_.first(layout_.num_factors()));
    const double error = prediction - label;
    loss_ += count * (error * error);
    const double multiplier = count * (2.0 * error);
    AddPairs(row, multiplier);
    if (layout_.has_linear) {
      for (std::size_t e = 0; e < row.size(); ++e) {
        gradient_[layout_.linear() + row.positions[e]] += multiplier * row.values[e];
      }
    }
    if (layout_.has_intercept) gradient_[layout_.intercept()] += multiplier;
    if (!std::isfinite(multiplier) && !SparseIsSmaller(row.size(), layout_.num_features)) {
      AddToZeros(row, multiplier);
    }
  }

  double loss() const { return loss_; }
  std::span<const double> gradient() const { return gradient_; }

 private:
  void AddPairs(SparseRow row, double multiplier) {
    const std::size_t k = layout_.factor_size;
    const double* const sums = pairs_.sums().data();
    for (std::size_t e = 0; e < row.size(); ++e) {
      const double value = row.values[e];
      const double* const factors = coefficients_.data() + row.positions[e] * k;
      double* const gradient = gradient_.data() + row.positions[e] * k;
      for (std::size_t f = 0; f < k; ++f) {
        gradient[f] += multiplier * (value * sums[f] - (factors[f] * value) * value);
      }
    }
  }

  // Spark adds the gradient of a row that is stored dense as a whole, its zeros times the
  // multiplier too.
  void AddToZeros(SparseRow row, double multiplier) {
    std::size_t e = 0;
    for (std::size_t j = 0; j < layout_.num_features; ++j) {
      if (e < row.size() && row.positions[e] == j) {
        ++e;
        continue;
      }
      for (std::size_t f = 0; f < layout_.factor_size; ++f) {
        gradient_[j * layout_.factor_size + f] += multiplier * 0.0;
      }
      if (layout_.has_linear) gradient_[layout_.linear() + j] += multiplier * 0.0;
    }
  }

  const CoefficientLayout& layout_;
  std::span<const double> coefficients_;
  std::vector<double> gradient_;
  PairTerms pairs_;
  double loss_ = 0.0;
};

}  // namespace

double RowLoss(TrainingRows& rows, const CoefficientLayout& layout,
               std::span<const double> coefficients,
               std::optional<std::span<const std::size_t>> batch, ThreadPool& pool,
               std::span<double> gradient) {
  std::fill(gradient.begin(), gradient.end(), 0.0);
  double loss = !batch ? rows.label_spread() : 0.0;
  rows.Visit([&](std::span<const RowBlock> blocks) {
    std::vector<BlockLoss> losses(blocks.size(), BlockLoss(layout, coefficients));
    pool.For(blocks.size(), [&](std::size_t b) {
      const RowBlock& block = blocks[b];
      const auto add = [&](std::size_t i) {
        losses[b].AddRow(block.row(i), block.counts[i], block.labels[i]);
      };
      if (!batch) {
        for (std::size_t i = 0; i < block.size(); ++i) add(i);
        return;
      }
      const std::size_t first = block.first_row;
      for (auto row = std::lower_bound(batch->begin(), batch->end(), first);
           row != batch->end() && *row < first + block.size(); ++row) {
        add(*row - first);
      }
    });
    for (const BlockLoss& of_block : losses) {
      loss += of_block.loss();
      for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += of_block.gradient()[i];
    }
  });
  const double num_rows =
      !batch ? static_cast<double>(rows.num_rows()) : static_cast<double>(batch->size());
  for (double& element : gradient) element /= num_rows;
  return loss / num_rows;
}

}  // namespace firesteel
