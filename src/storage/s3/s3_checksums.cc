#include "storage/s3/s3_checksums.h"

#include <aws/checksums/crc.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/error.h"

namespace firesteel {
namespace {

constexpr std::array<std::pair<std::string_view, S3Algorithm>, 5> kHeaders = {{
    {"x-amz-checksum-crc64nvme", S3Algorithm::kCrc64Nvme},
    {"x-amz-checksum-crc32c", S3Algorithm::kCrc32c},
    {"x-amz-checksum-crc32", S3Algorithm::kCrc32},
    {"x-amz-checksum-sha256", S3Algorithm::kSha256},
    {"x-amz-checksum-sha1", S3Algorithm::kSha1},
}};

std::string BigEndian(std::uint64_t value, int num_bytes) {
  std::string bytes;
  for (int i = num_bytes - 1; i >= 0; --i) {
    bytes += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  }
  return bytes;
}

// 12 of "text-12" and of "\"text-12\"", the ETag of an object that went up in 12 parts; else 0.
std::int64_t CountAfterHyphen(std::string_view text) {
  const std::size_t hyphen = text.find('-');
  if (hyphen == std::string_view::npos) return 0;
  std::int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + hyphen + 1, end, count);
  const bool whole = stop == end || (stop + 1 == end && *stop == '"');
  return error == std::errc() && whole && count > 0 ? count : 0;
}

std::string Digest(const EVP_MD* type, std::string_view bytes) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                 type, nullptr) != 1) {
    throw Error(ErrorKind::kInternal, "libcrypto can't make a checksum");
  }
  digest.resize(size);
  return digest;
}

}  // namespace

struct S3ChecksumSum::State {
  S3Algorithm algorithm;
  std::uint64_t crc = 0;
  EVP_MD_CTX* digest = nullptr;
};

S3ChecksumSum::S3ChecksumSum(S3Algorithm algorithm) : state_(std::make_unique<State>()) {
  state_->algorithm = algorithm;
  if (algorithm != S3Algorithm::kSha1 && algorithm != S3Algorithm::kSha256) return;
  state_->digest = EVP_MD_CTX_new();
  const EVP_MD* type = algorithm == S3Algorithm::kSha1 ? EVP_sha1() : EVP_sha256();
  if (EVP_DigestInit_ex(state_->digest, type, nullptr) != 1) {
    throw Error(ErrorKind::kInternal, "libcrypto can't make a checksum");
  }
}

S3ChecksumSum::~S3ChecksumSum() {
  if (state_ != nullptr) EVP_MD_CTX_free(state_->digest);
}

S3ChecksumSum::S3ChecksumSum(S3ChecksumSum&&) noexcept = default;

S3ChecksumSum& S3ChecksumSum::operator=(S3ChecksumSum&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

void S3ChecksumSum::Add(std::string_view bytes) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  switch (state_->algorithm) {
    case S3Algorithm::kCrc32:
      state_->crc =
          aws_checksums_crc32_ex(data, bytes.size(), static_cast<std::uint32_t>(state_->crc));
      break;
    case S3Algorithm::kCrc32c:
      state_->crc =
          aws_checksums_crc32c_ex(data, bytes.size(), static_cast<std::uint32_t>(state_->crc));
      break;
    case S3Algorithm::kCrc64Nvme:
      state_->crc = aws_checksums_crc64nvme_ex(data, bytes.size(), state_->crc);
      break;
    case S3Algorithm::kSha1:
    case S3Algorithm::kSha256:
      EVP_DigestUpdate(state_->digest, data, bytes.size());
      break;
  }
}

std::string S3ChecksumSum::Finish() {
  switch (state_->algorithm) {
    case S3Algorithm::kCrc32:
    case S3Algorithm::kCrc32c:
      return BigEndian(state_->crc, 4);
    case S3Algorithm::kCrc64Nvme:
      return BigEndian(state_->crc, 8);
    case S3Algorithm::kSha1:
    case S3Algorithm::kSha256:
      break;
  }
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  EVP_DigestFinal_ex(state_->digest, reinterpret_cast<unsigned char*>(digest.data()), &size);
  digest.resize(size);
  return digest;
}

std::optional<S3Checksum> ChecksumOf(const S3Response& response) {
  for (const auto& [header, algorithm] : kHeaders) {
    const std::string_view value = response.Header(header);
    if (value.empty()) continue;
    // Base64 has no hyphen: what follows one is the number of parts.
    S3Checksum checksum{algorithm, std::string(value.substr(0, value.find('-')))};
    const std::string_view type = response.Header("x-amz-checksum-type");
    if (value.find('-') != std::string_view::npos) {
      checksum.num_parts = CountAfterHyphen(value);
    } else if (type != "FULL_OBJECT") {
      checksum.num_parts = CountAfterHyphen(response.Header("etag"));
      checksum.maybe_whole = type.empty();
      if (checksum.num_parts == 0 && !type.empty()) continue;
    }
    return checksum;
  }
  return std::nullopt;
}

std::string Base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string Base64Md5(std::string_view bytes) { return Base64(Digest(EVP_md5(), bytes)); }

std::string Sha256HexOf(std::string_view base64) {
  constexpr std::size_t kLength = 44;  // Of 32 bytes, the last character of it padding.
  if (base64.size() != kLength || !base64.ends_with('=')) return "";
  std::array<unsigned char, 33> bytes{};
  if (EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(base64.data()),
                      static_cast<int>(kLength)) != static_cast<int>(bytes.size())) {
    return "";
  }
  std::string hex;
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) hex += fmt::format("{:02x}", bytes[i]);
  return hex;
}

std::string BytesOfHex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned value = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    bytes += static_cast<char>(static_cast<unsigned char>(value));
  }
  return bytes;
}

bool HasChecksum(std::string_view bytes, const S3Checksum& checksum) {
  S3ChecksumSum sum(checksum.algorithm);
  sum.Add(bytes);
  return Base64(sum.Finish()) == checksum.value;
}

}  // namespace firesteel
