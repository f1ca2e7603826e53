#include "learn/gbt/row_sampling.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "learn/spark_random.h"

namespace firesteel {
namespace {

void BinRow(std::span<const FeatureBins> features, std::span<const double> row,
            std::span<std::uint16_t> bins) {
  for (std::size_t feature = 0; feature < features.size(); ++feature) {
    bins[feature] = features[feature].BinOf(row[feature]);
  }
}

// The cell with these bins, label and weight; the number of cells if there is none.
std::size_t FindCell(const BinnedCells& cells, std::span<const std::uint16_t> bins, double label,
                     double weight) {
  std::size_t begin = 0;
  std::size_t end = cells.num_groups();
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    const auto of_group = cells.group_bins(middle);
    if (std::lexicographical_compare(of_group.begin(), of_group.end(), bins.begin(), bins.end())) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  if (begin == cells.num_groups() || !std::ranges::equal(cells.group_bins(begin), bins)) {
    return cells.num_cells();
  }
  std::size_t first = cells.first_cell[begin];
  std::size_t last = cells.first_cell[begin + 1];
  while (first < last) {
    const std::size_t middle = first + (last - first) / 2;
    if (std::pair(cells.labels[middle], cells.weights[middle]) < std::pair(label, weight)) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  const bool found = first < cells.first_cell[begin + 1] && cells.labels[first] == label &&
                     cells.weights[first] == weight;
  return found ? first : cells.num_cells();
}

}  // namespace

RowSampling::RowSampling(TrainingSource& source, std::span<const FeatureBins> features,
                         const BinnedCells& cells) {
  if (cells.num_cells() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(ErrorKind::kUnsupported,
                "gbt: subsamplingRate works with up to 4,294,967,295 different rows; leave it at "
                "1.0 or train on fewer rows");
  }
  cell_of_row_.reserve(static_cast<std::size_t>(source.num_rows()));
  std::vector<std::uint16_t> bins(features.size());
  source.Scan([&](MatrixView<const double> rows) {
    for (std::size_t i = 0; i < rows.num_rows(); ++i) {
      const std::span<const double> row = rows.row(i);
      BinRow(features, row.first(features.size()), bins);
      const std::size_t cell =
          FindCell(cells, bins, row[features.size()], row[features.size() + 1]);
      if (cell == cells.num_cells()) {
        throw Error(ErrorKind::kInvalidArgument,
                    "gbt: the training rows changed while they were read; try again");
      }
      cell_of_row_.push_back(static_cast<std::uint32_t>(cell));
    }
  });
}

void RowSampling::Draw(double rate, std::int64_t tree_seed, std::span<double> counts) const {
  std::fill(counts.begin(), counts.end(), 0.0);
  // Partition p takes the seed tree_seed + p + 1, with wrap-around.
  XorShiftRandom random(static_cast<std::int64_t>(static_cast<std::uint64_t>(tree_seed) + 1));
  for (const std::uint32_t cell : cell_of_row_) {
    if (random.NextDouble() < rate) counts[cell] += 1.0;
  }
}

}  // namespace firesteel
