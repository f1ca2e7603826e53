#pragma once

#include <string>
#include <string_view>

#include "storage/s3_settings.h"

namespace firesteel {

/// With all but ASCII letters, digits and "-_.~" as %XX, which is how signatures count them. A
/// slash stays in a path (`keep_slash`), not in a query.
std::string PercentEncode(std::string_view text, bool keep_slash);
/// Undoes what encoding-type=url did to a key. Stores write a blank as "+" or as "%20", and "+" as
/// "%2B". What is no %XX stays as it is.
std::string PercentDecode(std::string_view text);

/// The server that S3Settings::endpoint_url names.
struct S3Endpoint {
  std::string scheme;  // "http" or "https".
  std::string host;  // With a port if there is one. Empty: AWS's own, which depends on the region.
};

/// Throws Error(kUsage) for what is no http:// or https:// URL of a host alone. Empty: AWS's.
S3Endpoint ParseEndpoint(const std::string& url);

/// Where a bucket is reached.
struct S3Address {
  std::string scheme;
  std::string host;
  std::string path;  // Begins and ends with a slash; a key, encoded, goes behind it.
};

/// `region` matters for AWS's own servers only.
S3Address AddressOf(const S3Endpoint& endpoint, bool path_style, const std::string& bucket,
                    const std::string& region);

}  // namespace firesteel
