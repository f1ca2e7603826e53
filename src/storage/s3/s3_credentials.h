#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "storage/s3_settings.h"

namespace firesteel {

/// Keeps the credentials that S3Settings::credentials gave, and asks for new ones when it is time.
/// Threads: any; only one asks, the others wait for it.
class S3CredentialsKeeper {
 public:
  /// Null: requests are not signed.
  explicit S3CredentialsKeeper(std::function<S3Credentials()> make) : make_(std::move(make)) {}

  /// Asked for by the first call, and again from a minute before they expire, then at most every
  /// half minute, should their source give none that last longer. Throws what the source throws.
  S3Credentials Get();
  /// Asks for others than those which a store refused, unless another thread has done so. Whether
  /// there are others now. Throws what the source throws.
  bool Renew(const S3Credentials& refused);

 private:
  void Make();

  std::function<S3Credentials()> make_;
  std::mutex mutex_;
  std::optional<S3Credentials> current_;
  std::chrono::system_clock::time_point asked_;
};

/// Hides what a message must not show, should a store have repeated it.
void HideCredentials(std::string& text, const S3Credentials& credentials);

}  // namespace firesteel
