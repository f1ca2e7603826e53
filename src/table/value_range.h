#pragma once

namespace firesteel {

/// The smallest and the largest of some values, NaN not among them.
struct ValueRange {
  double min = 0.0;
  double max = 0.0;

  bool operator==(const ValueRange&) const = default;
};

}  // namespace firesteel
