#include "export/protobuf_wire.h"

#include <cstddef>

#include "base/error.h"

namespace firesteel {
namespace {

constexpr unsigned kIntegerType = 0;
constexpr unsigned kBytesType = 2;
constexpr unsigned kTypeBits = 3;
constexpr unsigned kGroupBits = 7;  // Of an integer, in each byte.
constexpr unsigned kMore = 1U << kGroupBits;

void AppendInteger(std::uint64_t value, std::string* bytes) {
  for (; value >= kMore; value >>= kGroupBits) {
    bytes->push_back(static_cast<char>((value & (kMore - 1)) | kMore));
  }
  bytes->push_back(static_cast<char>(value));
}

void AppendTag(int field, unsigned type, std::string* bytes) {
  AppendInteger((static_cast<std::uint64_t>(field) << kTypeBits) | type, bytes);
}

[[noreturn]] void Refuse(const char* problem) {
  throw Error(ErrorKind::kInvalidArgument,
              std::string("protobuf message: ") + problem + "; the file is damaged or none");
}

// Takes an integer from the front of the bytes.
std::uint64_t TakeInteger(std::string_view* bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += kGroupBits) {
    if (bytes->empty()) Refuse("an integer is cut off");
    const auto byte = static_cast<unsigned char>(bytes->front());
    bytes->remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & (kMore - 1)) << shift;
    if (byte < kMore) return value;
  }
  Refuse("an integer is too long");
}

}  // namespace

void WireMessage::AddInteger(int field, std::uint64_t value) {
  AppendTag(field, kIntegerType, &bytes_);
  AppendInteger(value, &bytes_);
}

void WireMessage::AddBytes(int field, std::string_view bytes) {
  AppendTag(field, kBytesType, &bytes_);
  AppendInteger(bytes.size(), &bytes_);
  bytes_ += bytes;
}

void WireMessage::AddIntegers(int field, std::span<const std::int64_t> values) {
  std::string packed;
  for (const std::int64_t value : values) AppendInteger(static_cast<std::uint64_t>(value), &packed);
  AddBytes(field, packed);
}

std::vector<WireField> ReadWireMessage(std::string_view bytes) {
  std::vector<WireField> fields;
  while (!bytes.empty()) {
    const std::uint64_t tag = TakeInteger(&bytes);
    WireField field{.number = static_cast<int>(tag >> kTypeBits)};
    const std::uint64_t value = TakeInteger(&bytes);
    switch (tag & ((1U << kTypeBits) - 1)) {
      case kIntegerType:
        field.integer = value;
        break;
      case kBytesType:
        if (value > bytes.size()) Refuse("a field is cut off");
        field.bytes = bytes.substr(0, value);
        bytes.remove_prefix(value);
        break;
      default:
        Refuse("a field is of a type that is not read here");
    }
    fields.push_back(field);
  }
  return fields;
}

std::vector<std::int64_t> ReadWireIntegers(std::string_view bytes) {
  std::vector<std::int64_t> values;
  while (!bytes.empty()) values.push_back(static_cast<std::int64_t>(TakeInteger(&bytes)));
  return values;
}

}  // namespace firesteel
