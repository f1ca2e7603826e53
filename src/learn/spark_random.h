#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace firesteel {

/// java.util.Random: the same numbers for the same seed. Source: spec H.1.
class JavaRandom {
 public:
  explicit JavaRandom(std::int64_t seed);

  std::int64_t NextLong();

 private:
  std::int32_t Next(int bits);

  std::uint64_t state_;
};

/// Spark's XOR-shift generator: the same numbers for the same seed. Source: spec H.2.
class XorShiftRandom {
 public:
  explicit XorShiftRandom(std::int64_t seed);

  std::int32_t NextInt() { return Next(32); }
  /// Uniform in [0, 1), 53 bits.
  double NextDouble();

 private:
  std::int32_t Next(int bits);

  std::uint64_t state_;
};

/// Chooses `size` of the items 0 to num_items - 1, each as likely as the others, in an order that
/// matters to Spark. `size` is at most num_items. Source: spec H.5.
std::vector<std::size_t> SampleItems(std::size_t num_items, std::size_t size, std::int64_t seed);

}  // namespace firesteel
