#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace firesteel {

/// java.util.Random: the same numbers for the same seed. Source: spec H.1.
class JavaRandom {
 public:
  explicit JavaRandom(std::int64_t seed);

  std::int64_t NextLong();
  /// Uniform in [0, 1), 53 bits.
  double NextDouble();
  /// Normal, with mean 0 and standard deviation 1; to the last bit on any machine.
  double NextGaussian();

 private:
  std::int32_t Next(int bits);

  std::uint64_t state_;
  std::optional<double> spare_;  // Gaussians are made two at a time.
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

/// The rows, ascending, that Spark's sampling without replacement keeps of `num_rows` in one
/// partition, each with probability `fraction` (above 0; from 1 on every row). Source: spec H.3,
/// H.4.
std::vector<std::size_t> SampleRows(std::size_t num_rows, double fraction, std::int64_t seed);

/// Chooses `size` of the items 0 to num_items - 1, each as likely as the others, in an order that
/// matters to Spark. `size` is at most num_items. Source: spec H.5.
std::vector<std::size_t> SampleItems(std::size_t num_items, std::size_t size, std::int64_t seed);

}  // namespace firesteel
