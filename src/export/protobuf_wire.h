#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace firesteel {

// Protocol Buffers' wire format, as far as ONNX needs it. Of a library we would use a few hundred
// lines, for a code generator in every build and a few milliseconds in every start.
// Source: protobuf.dev/programming-guides/encoding.

/// A message that is being written. Fields are by their numbers.
class WireMessage {
 public:
  void AddInteger(int field, std::uint64_t value);
  void AddBytes(int field, std::string_view bytes);
  void AddMessage(int field, const WireMessage& message) { AddBytes(field, message.bytes()); }
  /// Packed.
  void AddIntegers(int field, std::span<const std::int64_t> values);

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// A field of a message that was read: `bytes` of a text, a message or a packed list, which are
/// valid as long as what they were read from; else `integer`.
struct WireField {
  int number = 0;
  std::uint64_t integer = 0;
  std::string_view bytes = {};
};

/// The fields of a message in their order. Throws Error(kInvalidArgument) for bytes that are none,
/// and for fields of a fixed width.
std::vector<WireField> ReadWireMessage(std::string_view bytes);

/// The numbers of a packed list. Throws Error(kInvalidArgument).
std::vector<std::int64_t> ReadWireIntegers(std::string_view bytes);

}  // namespace firesteel
