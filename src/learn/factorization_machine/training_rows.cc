#include "learn/factorization_machine/training_rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "learn/binned_cells.h"

namespace firesteel {
namespace {

constexpr std::size_t kGroupsPerBlock = 1024;
constexpr std::size_t kBlocksPerVisit = 16;
// What an entry and a row take in a block.
constexpr std::size_t kEntryBytes = sizeof(std::uint32_t) + sizeof(double);
constexpr std::size_t kRowBytes = sizeof(std::size_t) + 2 * sizeof(double);

void ScaleRow(const FeatureScaling& scaling, std::span<double> features) {
  for (std::size_t j = 0; j < features.size(); ++j) {
    features[j] = (features[j] - scaling.means[j]) * scaling.factors[j];
  }
}

// Fills blocks of equal size, one after another.
class BlockWriter {
 public:
  explicit BlockWriter(std::vector<RowBlock>* blocks) : blocks_(*blocks) {}

  void Add(std::span<const double> features, double count, double label) {
    if (blocks_.empty() || blocks_.back().size() == kGroupsPerBlock) {
      blocks_.emplace_back().first_row = num_groups_;
    }
    blocks_.back().Add(features, count, label);
    ++num_groups_;
  }

 private:
  std::vector<RowBlock>& blocks_;
  std::size_t num_groups_ = 0;
};

// Rows or groups that lie in memory.
class KeptRows : public TrainingRows {
 public:
  KeptRows(std::vector<RowBlock> blocks, const TrainingSource& source, double label_spread)
      : blocks_(std::move(blocks)) {
    num_features_ = source.attributes().size();
    num_rows_ = source.num_rows();
    label_spread_ = label_spread;
    for (const RowBlock& block : blocks_) {
      num_groups_ += static_cast<std::int64_t>(block.size());
      num_entries_ += static_cast<double>(block.values.size());
    }
  }

  void Visit(const Visitor& visitor) override {
    for (std::size_t begin = 0; begin < blocks_.size(); begin += kBlocksPerVisit) {
      const std::size_t end = std::min(begin + kBlocksPerVisit, blocks_.size());
      visitor(std::span(blocks_).subspan(begin, end - begin));
    }
  }

  void Scale(FeatureScaling scaling) override {
    std::vector<double> features(num_features_);
    num_entries_ = 0.0;
    for (RowBlock& block : blocks_) {
      RowBlock scaled;
      scaled.first_row = block.first_row;
      for (std::size_t i = 0; i < block.size(); ++i) {
        std::fill(features.begin(), features.end(), 0.0);
        const SparseRow row = block.row(i);
        for (std::size_t e = 0; e < row.size(); ++e) features[row.positions[e]] = row.values[e];
        ScaleRow(scaling, features);
        scaled.Add(features, block.counts[i], block.labels[i]);
      }
      num_entries_ += static_cast<double>(scaled.values.size());
      block = std::move(scaled);
    }
  }

 private:
  std::vector<RowBlock> blocks_;
};

// Rows that are too many for memory.
class ScannedRows : public TrainingRows {
 public:
  explicit ScannedRows(TrainingSource& source) : source_(source) {
    num_features_ = source.attributes().size();
    num_rows_ = num_groups_ = source.num_rows();
    num_entries_ = static_cast<double>(num_rows_) * static_cast<double>(num_features_);
  }

  void Visit(const Visitor& visitor) override {
    std::vector<RowBlock> blocks;
    std::vector<double> features(num_features_);
    BlockWriter writer(&blocks);
    source_.Scan([&](MatrixView<const double> rows) {
      for (std::size_t i = 0; i < rows.num_rows(); ++i) {
        if (blocks.size() == kBlocksPerVisit && blocks.back().size() == kGroupsPerBlock) {
          visitor(blocks);
          blocks.clear();
        }
        const std::span<const double> row = rows.row(i);
        std::copy_n(row.begin(), num_features_, features.begin());
        if (scaling_) ScaleRow(*scaling_, features);
        writer.Add(features, 1.0, row[num_features_]);
      }
    });
    if (!blocks.empty()) visitor(blocks);
  }

  void Scale(FeatureScaling scaling) override { scaling_ = std::move(scaling); }

 private:
  TrainingSource& source_;
  std::optional<FeatureScaling> scaling_;
};

}  // namespace

double ScalingFactor(double mean, double sum_of_squares, double num_rows) {
  const double deviation = std::sqrt(sum_of_squares / (num_rows - 1.0));
  // The mean of equal values may be off by rounding.
  return deviation > 1e-12 * std::fabs(mean) ? 1.0 / deviation : 0.0;
}

void RowBlock::Add(std::span<const double> features, double count, double label) {
  for (std::size_t j = 0; j < features.size(); ++j) {
    if (features[j] == 0.0) continue;
    positions.push_back(static_cast<std::uint32_t>(j));
    values.push_back(features[j]);
  }
  begins.push_back(values.size());
  counts.push_back(count);
  labels.push_back(label);
}

std::unique_ptr<TrainingRows> GatherGroups(TrainingSource& source) {
  const std::size_t d = source.attributes().size();
  std::vector<std::size_t> all(d);
  std::iota(all.begin(), all.end(), std::size_t{0});
  const std::vector<std::vector<WeightedValue>> values = source.DistinctValues(all);
  std::vector<FeatureBins> bins(d);
  for (std::size_t j = 0; j < d; ++j) {
    if (values[j].size() > kMaxCellBins) return nullptr;
    // Each value is the upper end of its own bin; the last bin has no end.
    for (std::size_t i = 0; i + 1 < values[j].size(); ++i) {
      bins[j].thresholds.push_back(values[j][i].value);
    }
  }
  const BinnedCells groups = GroupCells(source.MakeCells(bins));

  std::vector<RowBlock> blocks;
  BlockWriter writer(&blocks);
  double spread = 0.0;
  std::vector<double> features(d);
  for (std::size_t group = 0; group < groups.num_groups(); ++group) {
    const std::size_t begin = groups.first_cell[group], end = groups.first_cell[group + 1];
    double count = 0.0;
    double sum = 0.0;
    for (std::size_t cell = begin; cell < end; ++cell) {
      count += groups.counts[cell];
      sum += groups.counts[cell] * groups.labels[cell];
    }
    const double mean = sum / count;
    for (std::size_t cell = begin; cell < end; ++cell) {
      const double difference = groups.labels[cell] - mean;
      spread += groups.counts[cell] * (difference * difference);
    }
    for (std::size_t j = 0; j < d; ++j) features[j] = values[j][groups.group_bins(group)[j]].value;
    writer.Add(features, count, mean);
  }
  return std::make_unique<KeptRows>(std::move(blocks), source, spread);
}

std::unique_ptr<TrainingRows> GatherRows(TrainingSource& source, std::size_t max_bytes) {
  const std::size_t d = source.attributes().size();
  // Zeros are not kept, but nobody knows yet how many there are.
  const double bytes =
      static_cast<double>(source.num_rows()) * static_cast<double>(d * kEntryBytes + kRowBytes);
  if (bytes > static_cast<double>(max_bytes)) return std::make_unique<ScannedRows>(source);
  std::vector<RowBlock> blocks;
  BlockWriter writer(&blocks);
  source.Scan([&](MatrixView<const double> rows) {
    for (std::size_t i = 0; i < rows.num_rows(); ++i) {
      writer.Add(rows.row(i).first(d), 1.0, rows(i, d));
    }
  });
  return std::make_unique<KeptRows>(std::move(blocks), source, 0.0);
}

FeatureScaling MeasureScaling(TrainingRows& rows) {
  const std::size_t d = rows.num_features();
  const auto num_rows = static_cast<double>(rows.num_rows());
  FeatureScaling scaling = {std::vector<double>(d, 0.0), std::vector<double>(d, 0.0)};
  std::vector<double> num_nonzero(d, 0.0);
  const auto for_each_entry = [&rows](const auto& visit) {
    rows.Visit([&](std::span<const RowBlock> blocks) {
      for (const RowBlock& block : blocks) {
        for (std::size_t i = 0; i < block.size(); ++i) {
          const SparseRow row = block.row(i);
          for (std::size_t e = 0; e < row.size(); ++e) {
            visit(row.positions[e], row.values[e], block.counts[i]);
          }
        }
      }
    });
  };
  for_each_entry([&](std::size_t j, double value, double count) {
    scaling.means[j] += count * value;
    num_nonzero[j] += count;
  });
  for (double& mean : scaling.means) mean /= num_rows;
  std::vector<double>& squares = scaling.factors;
  for (std::size_t j = 0; j < d; ++j) {
    squares[j] = (num_rows - num_nonzero[j]) * (scaling.means[j] * scaling.means[j]);
  }
  for_each_entry([&](std::size_t j, double value, double count) {
    const double difference = value - scaling.means[j];
    squares[j] += count * (difference * difference);
  });
  for (std::size_t j = 0; j < d; ++j) {
    scaling.factors[j] = ScalingFactor(scaling.means[j], squares[j], num_rows);
  }
  return scaling;
}

}  // namespace firesteel
