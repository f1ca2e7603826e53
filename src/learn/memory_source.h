#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "learn/training_source.h"

namespace firesteel {

/// Rows that lie in memory, for a MemorySource.
struct MemoryRows {
  std::vector<Attribute> attributes;  // Length d.
  std::vector<double> features;       // Shape (n, d), row-major.
  std::vector<double> labels;         // Shape (n).
  std::vector<double> weights = {};   // Shape (n), or empty: every weight is 1.
  std::vector<bool> held_out = {};    // Shape (n), or empty: no row is held out.
};

/// A TrainingSource over rows in memory: groups by sorting, on one thread. For rows that a program
/// made itself; what lies in an engine is better grouped there.
class MemorySource : public TrainingSource {
 public:
  /// Throws Error(kInvalidArgument) if shapes disagree, if there is no row to train on, and, as
  /// `held_out` is given, if no row is held out; and for unusable values, which are looked for
  /// here.
  explicit MemorySource(MemoryRows rows);

  std::int64_t num_rows() const override { return static_cast<std::int64_t>(rows_.labels.size()); }
  const std::vector<Attribute>& attributes() const override { return rows_.attributes; }
  std::vector<std::vector<WeightedValue>> DistinctValues(
      std::span<const std::size_t> features) override;
  Cells MakeCells(std::span<const FeatureBins> bins) override;
  void Scan(const std::function<void(MatrixView<const double> rows)>& visitor) override;
  TrainingSource* held_out() override { return held_out_.get(); }

 private:
  double weight(std::size_t row) const { return rows_.weights.empty() ? 1.0 : rows_.weights[row]; }

  MemoryRows rows_;  // Those to train on.
  std::unique_ptr<MemorySource> held_out_;
};

}  // namespace firesteel
