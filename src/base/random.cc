#include "base/random.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/hash.h"

namespace firesteel {
namespace {

// Sets version and variant of 32 hexadecimal digits (RFC 9562) and puts the dashes in.
std::string FormatUuid(std::string hex, char version) {
  constexpr std::string_view kVariants = "89ab";
  hex[12] = version;
  hex[16] = kVariants[static_cast<unsigned char>(hex[16]) % 4];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20, 12);
}

}  // namespace

std::uint64_t SplitMix64::Next() {
  state_ += 0x9E3779B97F4A7C15u;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  return mixed ^ (mixed >> 31);
}

double SplitMix64::NextDouble() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

std::uint64_t SplitMix64::NextBelow(std::uint64_t bound) {
  // The upper half of a 128-bit product: biased by less than bound / 2^64.
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(Next()) * bound) >> 64);
}

std::string RandomUuid() {
  std::array<unsigned char, 16> bytes;
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t count = ::getrandom(bytes.data() + filled, bytes.size() - filled, 0);
    if (count < 0 && errno != EINTR) {
      throw Error(ErrorKind::kIo, std::string("getrandom: ") + std::strerror(errno));
    }
    if (count > 0) filled += static_cast<std::size_t>(count);
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return FormatUuid(std::move(hex), '4');
}

std::string UuidOf(std::string_view text) { return FormatUuid(Sha256(text).substr(0, 32), '8'); }

std::string UidOf(std::string_view prefix, std::string_view text) {
  return std::string(prefix) + "_" + Sha256(text).substr(0, 12);
}

}  // namespace firesteel
