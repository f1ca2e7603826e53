#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "learn/training_source.h"
#include "table/sparse_row.h"

namespace firesteel {

/// What is subtracted from each feature, and what it is then multiplied by.
struct FeatureScaling {
  std::vector<double> means;    // Shape (d).
  std::vector<double> factors;  // Shape (d): 1 / standard deviation; 0 for a constant feature.
};

/// 1 / (sample) standard deviation of a feature, given the sum of the squared differences from its
/// mean; 0 if they are but rounding.
double ScalingFactor(double mean, double sum_of_squares, double num_rows);

/// Rows of equal features, or single ones, without their zeros: one entry per such group.
struct RowBlock {
  std::size_t first_row = 0;              // Of the source; of no meaning for groups.
  std::vector<std::size_t> begins = {0};  // Shape (n + 1): where the entries of a group begin.
  std::vector<std::uint32_t> positions;
  std::vector<double> values;
  std::vector<double> counts;  // Shape (n): rows.
  std::vector<double> labels;  // Shape (n): the mean of the rows' labels.

  std::size_t size() const { return counts.size(); }
  SparseRow row(std::size_t i) const {
    const std::size_t num_entries = begins[i + 1] - begins[i];
    return {std::span(positions).subspan(begins[i], num_entries),
            std::span(values).subspan(begins[i], num_entries)};
  }
  void Add(std::span<const double> features, double count, double label);
};

/// The rows that a factorization machine learns from, in the form that its iterations go over.
/// Threads: one caller at a time.
class TrainingRows {
 public:
  using Visitor = std::function<void(std::span<const RowBlock> blocks)>;

  virtual ~TrainingRows() = default;

  /// Hands out all groups in their order, several blocks at a time. What goes into a block, and
  /// which blocks come together, depends on the rows alone.
  virtual void Visit(const Visitor& visitor) = 0;
  /// From now on features are scaled. To be called once at most.
  virtual void Scale(FeatureScaling scaling) = 0;

  std::size_t num_features() const { return num_features_; }
  std::int64_t num_rows() const { return num_rows_; }
  /// Groups, or rows if they are not grouped.
  std::int64_t num_groups() const { return num_groups_; }
  /// Entries that are not zero, about.
  double num_entries() const { return num_entries_; }
  /// What the labels of one group differ from their mean, squared and added up over all rows.
  double label_spread() const { return label_spread_; }

 protected:
  std::size_t num_features_ = 0;
  std::int64_t num_rows_ = 0;
  std::int64_t num_groups_ = 0;
  double num_entries_ = 0.0;
  double label_spread_ = 0.0;
};

/// Groups the rows by their features inside the source, in two passes: values, then cells with a
/// bin for each value. Groups are sorted, so they depend on the multiset of rows alone. Null if a
/// feature has more values than cells have bins.
std::unique_ptr<TrainingRows> GatherGroups(TrainingSource& source);

/// The rows as they are, in their order: in memory if they take no more than `max_bytes`, else
/// scanned by each visit.
std::unique_ptr<TrainingRows> GatherRows(TrainingSource& source, std::size_t max_bytes);

/// Mean and (sample) standard deviation of each feature, as a scaling.
FeatureScaling MeasureScaling(TrainingRows& rows);

}  // namespace firesteel
