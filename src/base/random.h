#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace firesteel {

/// SplitMix64: a small generator whose n-th number can be had directly, so that rows can be made on
/// any thread. Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA
/// 2014.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next();
  /// Uniform in [0, 1), 53 bits.
  double NextDouble();
  /// Uniform in [0, bound), bound at least 1.
  std::uint64_t NextBelow(std::uint64_t bound);

 private:
  std::uint64_t state_;
};

/// A random version 4 UUID from getrandom(2).
std::string RandomUuid();
/// A UUID that depends on `text` alone (from its SHA-256), for file names that must repeat.
std::string UuidOf(std::string_view text);
/// `<prefix>_<12 hex digits of the SHA-256 of text>`: the form of Spark ML's uids.
std::string UidOf(std::string_view prefix, std::string_view text);

}  // namespace firesteel
