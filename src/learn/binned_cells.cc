#include "learn/binned_cells.h"

#include <algorithm>
#include <utility>

namespace firesteel {

BinnedCells GroupCells(Cells cells) {
  BinnedCells grouped;
  const std::size_t d = cells.num_features;
  grouped.num_features = d;
  grouped.bins = std::move(cells.bins);
  std::size_t num_groups = 0;
  // Bins that begin a group move forward over those that repeat.
  auto& bins = grouped.bins;
  for (std::size_t cell = 0; cell < cells.labels.size(); ++cell) {
    const auto of_cell = bins.begin() + static_cast<std::ptrdiff_t>(cell * d);
    const auto of_group = bins.begin() + static_cast<std::ptrdiff_t>(num_groups * d);
    const auto width = static_cast<std::ptrdiff_t>(d);
    if (num_groups > 0 && std::equal(of_cell, of_cell + width, of_group - width)) continue;
    if (of_group != of_cell) std::copy(of_cell, of_cell + width, of_group);
    grouped.first_cell.push_back(cell);
    ++num_groups;
  }
  grouped.first_cell.push_back(cells.labels.size());
  bins.resize(num_groups * d);
  bins.shrink_to_fit();
  grouped.labels = std::move(cells.labels);
  grouped.weights = std::move(cells.weights);
  grouped.counts.assign(cells.counts.begin(), cells.counts.end());
  return grouped;
}

}  // namespace firesteel
