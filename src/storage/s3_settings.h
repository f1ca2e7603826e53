#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace firesteel {

/// What requests to S3 are signed with. Never logged, and part of no message.
struct S3Credentials {
  std::string access_key_id;  // Empty: requests are not signed, for public buckets.
  std::string secret_access_key;
  std::string session_token;  // Empty: none.
  std::optional<std::chrono::system_clock::time_point> expires = {};
};

/// How S3, or what speaks its protocol, is reached. Shared by the object store and the engine.
struct S3Settings {
  enum class UrlStyle {
    kAuto,     // kPath with an endpoint of one's own or a bucket's name with dots, else kVirtual.
    kPath,     // https://endpoint/bucket/key
    kVirtual,  // https://bucket.endpoint/key
  };

  std::string region;        // Empty: found out from the store, us-east-1 to begin with.
  std::string endpoint_url;  // "http://127.0.0.1:9000"; empty: AWS's own for the region.
  UrlStyle url_style = UrlStyle::kAuto;
  bool requester_pays = false;
  std::string kms_key_id;  // Objects are encrypted with this key of KMS; empty: as the bucket says.
  std::string ca_file;     // Certificates that are trusted, PEM; empty: the system's.
  /// Gives credentials; called again when those it gave have expired or are refused as expired. Any
  /// thread.
  std::function<S3Credentials()> credentials;

  /// Whether a bucket stands in the path of its URLs.
  bool IsPathStyle(std::string_view bucket) const {
    if (url_style != UrlStyle::kAuto) return url_style == UrlStyle::kPath;
    // A certificate for *.s3.amazonaws.com is none for a name with more dots.
    return !endpoint_url.empty() || bucket.find('.') != bucket.npos;
  }
};

}  // namespace firesteel
