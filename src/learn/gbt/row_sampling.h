#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "learn/binned_cells.h"
#include "learn/training_source.h"

namespace firesteel {

/// Which rows a tree sees, as Spark draws them: row after row, so the rows' order matters.
/// Source: spec A.13, with one partition.
class RowSampling {
 public:
  /// Reads all rows of `source` and finds the cell of each; takes four bytes a row.
  RowSampling(TrainingSource& source, std::span<const FeatureBins> features,
              const BinnedCells& cells);

  /// Draws for one tree: puts the number of rows drawn from each cell into `counts`.
  void Draw(double rate, std::int64_t tree_seed, std::span<double> counts) const;

  /// The cell of each row.
  const std::vector<std::uint32_t>& cell_of_row() const { return cell_of_row_; }

 private:
  std::vector<std::uint32_t> cell_of_row_;
};

}  // namespace firesteel
