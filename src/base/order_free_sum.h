#pragma once

#include <array>
#include <cstdint>

namespace firesteel {

/// Sums doubles so that the result depends on the multiset of values alone, not on their order: the
/// sum is kept exactly, in a fixed-point number as wide as the range of doubles, and rounded once.
/// NaN, and infinities of both signs, give NaN. Costs a few nanoseconds a value and 1 KB.
///
/// Source: Kulisch, "Computer Arithmetic and Validity", 2008, section 8.4.
class OrderFreeSum {
 public:
  /// Adds `value` as often as `count` says; at most 2^42 values in all.
  void Add(double value, std::int64_t count = 1);
  /// The sum, at most one unit in the last place off.
  double Result() const;

 private:
  // GCC's own type, which ISO C++ has no name for.
  __extension__ typedef __int128 Wide;

  static constexpr int kDigitBits = 32;
  static constexpr int kNumDigits = 66;  // Bits of 2^-1074 to 2^1024, and room for carries.

  // Digit i counts in 2^(32 i - 1074); digits overlap until Result carries.
  std::array<Wide, kNumDigits> digits_ = {};
  double special_ = 0.0;  // The sum of what is not finite.
};

}  // namespace firesteel
