#include "learn/spark_random.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>

namespace firesteel {
namespace {

constexpr std::uint64_t kJavaMultiplier = 0x5DEECE66Du;
constexpr std::uint64_t kJavaMask = (std::uint64_t{1} << 48) - 1;

// MurmurHash3 (x86, 32 bits) of the eight bytes of `value`, most significant first.
std::uint32_t MurmurOfBigEndian(std::uint64_t value, std::uint32_t seed) {
  std::uint32_t hash = seed;
  const std::array<std::uint32_t, 2> words = {static_cast<std::uint32_t>(value >> 32),
                                              static_cast<std::uint32_t>(value)};
  for (const std::uint32_t big_endian : words) {
    std::uint32_t word = __builtin_bswap32(big_endian);
    word = std::rotl(word * 0xcc9e2d51u, 15) * 0x1b873593u;
    hash = std::rotl(hash ^ word, 13) * 5 + 0xe6546b64u;
  }
  hash ^= 8;  // The number of bytes.
  hash = (hash ^ (hash >> 16)) * 0x85ebca6bu;
  hash = (hash ^ (hash >> 13)) * 0xc2b2ae35u;
  return hash ^ (hash >> 16);
}

// What java.util.Random makes of 26 and 27 random bits.
double ToDouble(std::int32_t high, std::int32_t low) {
  return static_cast<double>((static_cast<std::int64_t>(high) << 27) + low) * 0x1.0p-53;
}

// The natural logarithm of a normal number, as the JVM defines it: the C library's may differ in
// the last bit. Source: fdlibm 5.3, e_log.c; spec H.1.
double FdlibmLog(double x) {
  constexpr double kLn2High = 6.93147180369123816490e-01;
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  constexpr std::array<double, 8> kL = {0.0,
                                        6.666666666666735130e-01,
                                        3.999999999940941908e-01,
                                        2.857142874366239149e-01,
                                        2.222219843214978396e-01,
                                        1.818357216161805012e-01,
                                        1.531383769920937332e-01,
                                        1.479819860511658591e-01};
  // x is 2^exponent (1 + f), with 1 + f between sqrt(1/2) and sqrt(2).
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto high = static_cast<std::int32_t>(bits >> 32);
  const std::int32_t mantissa = high & 0xfffff;
  const std::int32_t shift = (mantissa + 0x95f64) & 0x100000;
  const double exponent = (high >> 20) - 1023 + (shift >> 20);
  const auto normalized = static_cast<std::uint32_t>(mantissa | (shift ^ 0x3ff00000));
  const double f =
      std::bit_cast<double>((static_cast<std::uint64_t>(normalized) << 32) | (bits & 0xffffffffu)) -
      1.0;
  if (((mantissa + 2) & 0xfffff) < 3) {  // |f| < 2^-20
    if (f == 0.0) return exponent * kLn2High + exponent * kLn2Low;
    const double rest = f * f * (0.5 - 0.33333333333333333 * f);
    if (exponent == 0.0) return f - rest;
    return exponent * kLn2High - ((rest - exponent * kLn2Low) - f);
  }
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double w = z * z;
  const double even = w * (kL[2] + w * (kL[4] + w * kL[6]));
  const double odd = z * (kL[1] + w * (kL[3] + w * (kL[5] + w * kL[7])));
  const double rest = odd + even;
  if (((mantissa - 0x6147a) | (0x6b851 - mantissa)) > 0) {
    const double half = 0.5 * f * f;
    if (exponent == 0.0) return f - (half - s * (half + rest));
    return exponent * kLn2High - ((half - (s * (half + rest) + exponent * kLn2Low)) - f);
  }
  if (exponent == 0.0) return f - s * (f - rest);
  return exponent * kLn2High - ((s * (f - rest) - exponent * kLn2Low) - f);
}

}  // namespace

JavaRandom::JavaRandom(std::int64_t seed)
    : state_((static_cast<std::uint64_t>(seed) ^ kJavaMultiplier) & kJavaMask) {}

std::int32_t JavaRandom::Next(int bits) {
  state_ = (state_ * kJavaMultiplier + 0xB) & kJavaMask;
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(state_ >> (48 - bits)));
}

std::int64_t JavaRandom::NextLong() {
  const auto high = static_cast<std::uint64_t>(static_cast<std::int64_t>(Next(32))) << 32;
  const auto low = static_cast<std::uint64_t>(static_cast<std::int64_t>(Next(32)));
  return static_cast<std::int64_t>(high + low);
}

double JavaRandom::NextDouble() {
  const std::int32_t high = Next(26);
  return ToDouble(high, Next(27));
}

double JavaRandom::NextGaussian() {
  if (spare_) {
    const double spare = *spare_;
    spare_.reset();
    return spare;
  }
  double a = 0.0;
  double b = 0.0;
  double square = 0.0;
  do {
    a = 2.0 * NextDouble() - 1.0;
    b = 2.0 * NextDouble() - 1.0;
    square = a * a + b * b;
  } while (square >= 1.0 || square == 0.0);
  const double scale = std::sqrt(-2.0 * FdlibmLog(square) / square);
  spare_ = b * scale;
  return a * scale;
}

XorShiftRandom::XorShiftRandom(std::int64_t seed) {
  const auto value = static_cast<std::uint64_t>(seed);
  const std::uint32_t low = MurmurOfBigEndian(value, 0x3c074a61u);
  const std::uint32_t high = MurmurOfBigEndian(value, low);
  state_ = (static_cast<std::uint64_t>(high) << 32) + low;
}

std::int32_t XorShiftRandom::Next(int bits) {
  state_ ^= state_ << 21;
  state_ ^= state_ >> 35;
  state_ ^= state_ << 4;
  const std::uint64_t low = state_ & ((std::uint64_t{1} << bits) - 1);
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(low));
}

double XorShiftRandom::NextDouble() {
  const std::int32_t high = Next(26);
  return ToDouble(high, Next(27));
}

std::vector<std::size_t> SampleRows(std::size_t num_rows, double fraction, std::int64_t seed) {
  std::vector<std::size_t> kept;
  if (fraction >= 1.0) {
    kept.resize(num_rows);
    std::iota(kept.begin(), kept.end(), std::size_t{0});
    return kept;
  }
  XorShiftRandom random(JavaRandom(seed).NextLong());
  if (fraction > 0.4) {
    for (std::size_t row = 0; row < num_rows; ++row) {
      if (random.NextDouble() <= fraction) kept.push_back(row);
    }
    return kept;
  }
  // Spark draws the gaps between the rows that it keeps, as these are few.
  const double log_of_dropping = std::log1p(-fraction);
  const auto gap = [&] {
    const double rows = std::log(std::max(random.NextDouble(), 5e-11)) / log_of_dropping;
    return rows < static_cast<double>(num_rows) ? static_cast<std::size_t>(rows) : num_rows;
  };
  for (std::size_t row = gap(); row < num_rows; row += 1 + gap()) kept.push_back(row);
  return kept;
}

std::vector<std::size_t> SampleItems(std::size_t num_items, std::size_t size, std::int64_t seed) {
  std::vector<std::size_t> chosen(size);
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  XorShiftRandom random(seed);
  for (std::size_t item = size; item < num_items; ++item) {
    const auto place =
        static_cast<std::size_t>(random.NextDouble() * static_cast<double>(item + 1));
    if (place < size) chosen[place] = item;
  }
  return chosen;
}

}  // namespace firesteel
