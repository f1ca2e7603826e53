#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/s3/s3_transport.h"

namespace firesteel {

enum class S3Algorithm { kCrc32, kCrc32c, kCrc64Nvme, kSha1, kSha256 };

/// What a store knows of an object's content.
struct S3Checksum {
  S3Algorithm algorithm = S3Algorithm::kSha256;
  std::string value;  // Base64, without the number of parts.
  /// 0: of the whole content. Else of the checksums of that many parts, one after the other.
  std::int64_t num_parts = 0;
  /// With parts: the store does not say which of the two it is.
  bool maybe_whole = false;
};

/// The checksum in an answer's headers that can be verified here, if there is one.
std::optional<S3Checksum> ChecksumOf(const S3Response& response);

/// Adds up the checksum of bytes that come piece by piece.
class S3ChecksumSum {
 public:
  explicit S3ChecksumSum(S3Algorithm algorithm);
  ~S3ChecksumSum();
  S3ChecksumSum(S3ChecksumSum&&) noexcept;
  S3ChecksumSum& operator=(S3ChecksumSum&&) noexcept;

  void Add(std::string_view bytes);
  /// The checksum's own bytes, not Base64. No Add afterwards.
  std::string Finish();

 private:
  struct State;

  std::unique_ptr<State> state_;
};

std::string Base64(std::string_view bytes);
std::string Base64Md5(std::string_view bytes);
/// A SHA-256 in Base64 as lower-case hex; nothing in it if it is none, or one of parts.
std::string Sha256HexOf(std::string_view base64);
/// The bytes that pairs of hexadecimal digits stand for.
std::string BytesOfHex(std::string_view hex);
/// Whether the bytes have the checksum, which is of the whole content.
bool HasChecksum(std::string_view bytes, const S3Checksum& checksum);

}  // namespace firesteel
