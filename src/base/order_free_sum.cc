#include "base/order_free_sum.h"

#include <bit>
#include <cmath>

namespace firesteel {

void OrderFreeSum::Add(double value, std::int64_t count) {
  if (count == 0) return;
  if (!std::isfinite(value)) {
    special_ += value;
    return;
  }
  constexpr int kFractionBits = 52;
  const auto bits = std::bit_cast<std::uint64_t>(value);
  std::uint64_t mantissa = bits & ((std::uint64_t{1} << kFractionBits) - 1);
  int exponent = static_cast<int>((bits >> kFractionBits) & 0x7FF);
  if (exponent == 0) {
    exponent = 1;  // Subnormal: no hidden bit.
  } else {
    mantissa |= std::uint64_t{1} << kFractionBits;
  }
  const int shift = exponent - 1;  // The mantissa counts in 2^(shift - 1074).
  const Wide term = (static_cast<Wide>(mantissa) << (shift % kDigitBits)) * count;
  Wide& digit = digits_[static_cast<std::size_t>(shift / kDigitBits)];
  digit += (bits >> 63) != 0 ? -term : term;
}

double OrderFreeSum::Result() const {
  if (special_ != 0.0 || std::isnan(special_)) return special_;
  std::array<Wide, kNumDigits> digits = digits_;
  constexpr Wide kBase = Wide{1} << kDigitBits;
  // Carried upwards, all digits but the last lie in [0, 2^32); the last has the sign.
  const auto carry = [&digits] {
    for (std::size_t i = 0; i + 1 < kNumDigits; ++i) {
      const Wide over = digits[i] >> kDigitBits;
      digits[i] -= over * kBase;
      digits[i + 1] += over;
    }
  };
  carry();
  const bool is_negative = digits[kNumDigits - 1] < 0;
  if (is_negative) {
    for (Wide& digit : digits) digit = -digit;
    carry();
  }
  int top = kNumDigits - 1;
  while (top > 0 && digits[static_cast<std::size_t>(top)] == 0) --top;
  // Three digits hold at least 65 bits of the sum. What lies below can't move it by a whole unit.
  Wide lead = 0;
  int low = top;
  for (int i = 0; i < 3 && low >= 0; ++i, --low) {
    lead = lead * kBase + digits[static_cast<std::size_t>(low)];
  }
  const double sum = std::ldexp(static_cast<double>(lead), kDigitBits * (low + 1) - 1074);
  return is_negative ? -sum : sum;
}

}  // namespace firesteel
