#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace firesteel {

/// The entries of one row that are not zero, in the order of their positions.
struct SparseRow {
  std::span<const std::uint32_t> positions;
  std::span<const double> values;  // As many as positions.

  std::size_t size() const { return positions.size(); }
};

/// Spark's rule for which form of a vector takes less room; VectorAssembler stores that one.
/// Source: Spark 4.3.0's Vector.compressed.
inline bool SparseIsSmaller(std::size_t num_nonzeros, std::size_t length) {
  return 1.5 * static_cast<double>(num_nonzeros) + 2.0 < static_cast<double>(length);
}

}  // namespace firesteel
