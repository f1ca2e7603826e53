#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "table/cells.h"

namespace firesteel {

/// Cells by what a tree can tell apart. Cells with the same bins are a *group*: they reach the same
/// leaf of every tree, whatever their labels, so a tree is grown on the groups' sums, of which
/// there are fewer. Cells of a group are neighbours, as cells are sorted.
struct BinnedCells {
  std::size_t num_features = 0;         // d
  std::vector<std::uint16_t> bins;      // Shape (groups, d), row-major.
  std::vector<std::size_t> first_cell;  // Shape (groups + 1).
  std::vector<double> labels;           // Shape (cells), as are these:
  std::vector<double> weights;
  std::vector<double> counts;  // Rows, whole numbers.

  std::size_t num_groups() const { return first_cell.size() - 1; }
  std::size_t num_cells() const { return labels.size(); }
  std::span<const std::uint16_t> group_bins(std::size_t group) const {
    return std::span(bins).subspan(group * num_features, num_features);
  }
};

BinnedCells GroupCells(Cells cells);

}  // namespace firesteel
