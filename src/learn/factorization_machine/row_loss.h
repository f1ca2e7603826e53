#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "base/parallel.h"
#include "learn/factorization_machine/coefficients.h"
#include "learn/factorization_machine/training_rows.h"

namespace firesteel {

/// Computes the mean squared error over `rows` and writes its gradient by the coefficients to
/// `gradient`; both are as long as the layout says. With a `batch` (rows by their number,
/// ascending, at least one), over these rows alone; groups have no such numbers.
/// Sums run over the rows of a block and then over the blocks, so they do not depend on the number
/// of threads. What is not finite is where Spark has it.
/// Source: spec B.4. Costs O(entries * k).
double RowLoss(TrainingRows& rows, const CoefficientLayout& layout,
               std::span<const double> coefficients,
               std::optional<std::span<const std::size_t>> batch, ThreadPool& pool,
               std::span<double> gradient);

}  // namespace firesteel
