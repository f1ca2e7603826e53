#include "storage/s3/s3_credentials.h"

#include <cstddef>

namespace firesteel {
namespace {

constexpr std::chrono::seconds kRenewBefore{60};

bool Same(const S3Credentials& a, const S3Credentials& b) {
  return a.access_key_id == b.access_key_id && a.secret_access_key == b.secret_access_key &&
         a.session_token == b.session_token;
}

}  // namespace

S3Credentials S3CredentialsKeeper::Get() {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto now = std::chrono::system_clock::now();
  const bool due = current_ && current_->expires && now + kRenewBefore >= *current_->expires &&
                   now >= asked_ + kRenewBefore / 2;
  if (!current_ || due) Make();
  return *current_;
}

bool S3CredentialsKeeper::Renew(const S3Credentials& refused) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (!current_ || Same(*current_, refused)) Make();
  return !Same(*current_, refused);
}

void S3CredentialsKeeper::Make() {
  current_ = make_ ? make_() : S3Credentials{};
  asked_ = std::chrono::system_clock::now();
}

void HideCredentials(std::string& text, const S3Credentials& credentials) {
  for (const std::string* secret :
       {&credentials.secret_access_key, &credentials.session_token, &credentials.access_key_id}) {
    if (secret->empty()) continue;
    for (std::size_t at = text.find(*secret); at != std::string::npos;
         at = text.find(*secret, at)) {
      text.replace(at, secret->size(), "***");
    }
  }
}

}  // namespace firesteel
