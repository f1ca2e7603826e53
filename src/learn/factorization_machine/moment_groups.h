#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "learn/factorization_machine/training_rows.h"
#include "learn/training_source.h"

namespace firesteel {

/// Rows by their features of few values: those with equal values are one group. Of the other
/// features, called free, and the label a group keeps sums alone: of all products of two of
///   (1, u_0, …, u_{c-1}, u_0 u_1, …, u_{c-2} u_{c-1}, y),
/// which is all that a squared loss asks of them, since no term has a feature twice. So rows
/// collapse even where one feature is different in each.
/// Sums are kept in twice the digits and groups are sorted, so what comes out is the same in any
/// order of the rows, as a rule to the last bit; the first few thousand rows decide what is free.
class MomentGroups {
 public:
  /// Reads the rows, in one pass. The first few thousand decide which features have few values.
  explicit MomentGroups(TrainingSource& source);

  /// False if there are more free features, or more groups, than this is for; then there is nothing
  /// else to ask.
  bool is_suitable() const { return is_suitable_; }
  std::size_t num_groups() const { return order_.size(); }

  /// Mean and (sample) standard deviation of each feature, as a scaling.
  FeatureScaling MeasureScaling() const;

  /// Adds the sums of z z' over all rows to `sums`, symmetric, shape (m + 1, m + 1), of which only
  /// the upper triangle is touched. z = (1, x_0, …, x_0 x_1, …, y) as Moments has it, and m + 1 its
  /// length. With `scaling`, of the scaled features.
  void AddTo(std::span<double> sums, const FeatureScaling* scaling) const;

 private:
  void Classify();
  void Add(std::span<const double> row);
  std::size_t FindGroup();
  void Grow();
  void Sort();
  std::size_t num_sums() const { return width_ * (width_ + 1) / 2; }
  double Sum(std::size_t group, std::size_t a, std::size_t b) const;

  std::size_t num_features_;
  bool is_suitable_ = true;
  bool is_classified_ = false;
  std::size_t max_groups_;
  std::vector<double> sample_;        // The rows that were read before it is decided.
  std::vector<std::size_t> coded_;    // Features of few values.
  std::vector<std::size_t> free_;     // The others.
  std::vector<double> shifts_;        // Shape (c): about which the free features are summed.
  std::size_t width_ = 0;             // Length of the vector above, y included.
  std::vector<double> key_;           // Of the row at hand.
  std::vector<double> terms_;         // The vector above, of the row at hand.
  std::vector<double> keys_;          // Shape (groups, coded).
  std::vector<double> sums_;          // Shape (groups, num_sums()): upper triangles, row-major.
  std::vector<double> rests_;         // What is missing in each sum.
  std::vector<std::uint32_t> slots_;  // Hash table of groups + 1; 0 is empty.
  std::vector<std::size_t> order_;    // Groups, sorted by their values.
};

}  // namespace firesteel
