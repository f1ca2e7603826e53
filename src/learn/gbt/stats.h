#pragma once

#include <cstdint>

namespace firesteel {

/// What a set of rows amounts to in variance trees. Every operation is Spark's, term by term and in
/// its order: another order would round differently and sooner or later choose another split.
/// Source: spec A.8.
struct Stats {
  double count = 0.0;  // Sum of the weights.
  double sum = 0.0;    // Of the targets, weighted.
  double sum_of_squares = 0.0;
  double rows = 0.0;  // A whole number.

  /// Adds `num_rows` rows of the same target and weight.
  void Add(double target, double row_weight, double num_rows) {
    const double weight = row_weight * num_rows;
    count += weight;
    sum += weight * target;
    sum_of_squares += (weight * target) * target;
    rows += num_rows;
  }

  Stats& operator+=(const Stats& other) {
    count += other.count;
    sum += other.sum;
    sum_of_squares += other.sum_of_squares;
    rows += other.rows;
    return *this;
  }

  Stats& operator-=(const Stats& other) {
    count -= other.count;
    sum -= other.sum;
    sum_of_squares -= other.sum_of_squares;
    rows -= other.rows;
    return *this;
  }

  double Mean() const { return count == 0.0 ? 0.0 : sum / count; }

  /// The variance; slightly negative when rounding has it so.
  double Impurity() const {
    return count == 0.0 ? 0.0 : (sum_of_squares - (sum * sum) / count) / count;
  }
};

inline Stats operator+(Stats a, const Stats& b) { return a += b; }
inline Stats operator-(Stats a, const Stats& b) { return a -= b; }

}  // namespace firesteel
