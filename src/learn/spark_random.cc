#include "learn/spark_random.h"

#include <array>
#include <bit>
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
