#include "storage/s3/s3_urls.h"

#include <fmt/format.h>

#include <charconv>
#include <cstddef>

#include "base/error.h"
#include "base/text.h"

namespace firesteel {

std::string PercentEncode(std::string_view text, bool keep_slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || (keep_slash && c == '/');
    if (plain) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

std::string PercentDecode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      unsigned value = 0;
      const char* begin = text.data() + i + 1;
      if (std::from_chars(begin, begin + 2, value, 16).ptr == begin + 2) {
        decoded += static_cast<char>(static_cast<unsigned char>(value));
        i += 2;
        continue;
      }
    }
    decoded += text[i] == '+' ? ' ' : text[i];
  }
  return decoded;
}

S3Endpoint ParseEndpoint(const std::string& url) {
  if (url.empty()) return {};
  const std::size_t colon = url.find("://");
  S3Endpoint endpoint;
  endpoint.scheme = AsciiLower(url.substr(0, colon == std::string::npos ? 0 : colon));
  if (colon != std::string::npos) endpoint.host = url.substr(colon + 3);
  while (endpoint.host.ends_with('/')) endpoint.host.pop_back();
  if ((endpoint.scheme != "http" && endpoint.scheme != "https") || endpoint.host.empty() ||
      endpoint.host.find_first_of("/?#@ ") != std::string::npos) {
    // What stands before an @ may be a password.
    throw Error(ErrorKind::kUsage,
                fmt::format("the endpoint '{}' is no URL such as https://host or "
                            "http://127.0.0.1:9000",
                            url.find('@') == std::string::npos ? url : "***"));
  }
  return endpoint;
}

S3Address AddressOf(const S3Endpoint& endpoint, bool path_style, const std::string& bucket,
                    const std::string& region) {
  S3Address address;
  address.scheme = endpoint.host.empty() ? "https" : endpoint.scheme;
  address.host = endpoint.host.empty() ? fmt::format("s3.{}.amazonaws.com{}", region,
                                                     region.starts_with("cn-") ? ".cn" : "")
                                       : endpoint.host;
  if (path_style) {
    address.path = "/" + PercentEncode(bucket, false);
  } else {
    address.host = bucket + "." + address.host;
  }
  address.path += "/";
  return address;
}

}  // namespace firesteel
