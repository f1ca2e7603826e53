#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "learn/memory_source.h"

namespace firesteel {

/// Rows like those that the shipping workflow trains on: one-hot carrier, origin and priority, an
/// indexed order size, the distance, the promised days that follow from them, and a label of whole
/// days near the promise. As there, rows collapse into few cells. The same for the same `num_rows`.
inline MemoryRows MakeShippingRows(std::size_t num_rows) {
  SplitMix64 random(7);
  Attribute binary;
  binary.kind = Attribute::Kind::kBinary;
  MemoryRows rows = {.attributes = std::vector<Attribute>(8, binary), .features = {}, .labels = {}};
  rows.attributes.resize(10);
  rows.features.reserve(num_rows * rows.attributes.size());
  rows.labels.reserve(num_rows);
  for (std::size_t row = 0; row < num_rows; ++row) {
    const std::uint64_t carrier = random.NextBelow(2);
    const std::uint64_t origin = random.NextBelow(4);
    const std::uint64_t priority = random.NextBelow(4);
    const std::uint64_t is_bulk = random.NextBelow(2);
    const double distance = 40.0 + 400.0 * random.NextDouble() * random.NextDouble();
    const auto promised = static_cast<double>(static_cast<int>(
        2.0 + 2.5 * static_cast<double>(priority) + static_cast<double>(origin + carrier) +
        2.0 * static_cast<double>(is_bulk) + distance / 60.0));
    rows.features.push_back(static_cast<double>(carrier));
    for (std::uint64_t slot = 0; slot < 3; ++slot) rows.features.push_back(origin == slot ? 1 : 0);
    for (std::uint64_t slot = 0; slot < 3; ++slot) {
      rows.features.push_back(priority == slot ? 1 : 0);
    }
    rows.features.push_back(static_cast<double>(is_bulk));
    rows.features.push_back(distance);
    rows.features.push_back(promised);
    rows.labels.push_back(promised + static_cast<double>(random.NextBelow(2)) +
                          static_cast<double>(origin % 2));
  }
  return rows;
}

}  // namespace firesteel
