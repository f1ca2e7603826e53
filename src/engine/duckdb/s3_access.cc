#include "engine/duckdb/s3_access.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "engine/duckdb/extension.h"
#include "storage/location.h"

namespace firesteel::duckdb {
namespace {

constexpr std::string_view kScheme = "s3://";

// The seconds are for a whole request. Waits are 0.2, 0.4, 0.8 and 1.6 s.
constexpr const char* kOptions[] = {
    "SET http_timeout = 60",
    "SET http_retries = 4",
    "SET http_retry_wait_ms = 200",
    "SET http_retry_backoff = 2",
    // A key may hold *, ? and the like.
    "SET s3_url_compatibility_mode = true",
    // An object is asked for its size and ETag once, and for each of its bytes once while memory
    // lasts, whatever number of statements read it; if its ETag is another one later, reading
    // fails. Pieces of local files are kept, too: those that a command writes have names of their
    // own.
    "SET enable_http_metadata_cache = true",
    "SET parquet_metadata_cache = true",
    "SET enable_external_file_cache = true",
    // What is not a range of the object is an error, not a reason to download it into memory.
    "SET auto_fallback_to_full_download = false",
};

std::string BucketOf(std::string_view path) {
  path.remove_prefix(kScheme.size());
  return std::string(path.substr(0, path.find('/')));
}

// Host and port, as httpfs takes them.
std::string HostOf(const S3Settings& settings) {
  if (settings.endpoint_url.empty()) {
    // Those of China are not httpfs's.
    if (!settings.region.starts_with("cn-")) return "s3.amazonaws.com";
    return fmt::format("s3.{}.amazonaws.com.cn", settings.region);
  }
  const std::size_t scheme = settings.endpoint_url.find("://");
  return settings.endpoint_url.substr(scheme == std::string::npos ? 0 : scheme + 3);
}

// What stands in the first quotes, as a URL of S3 if it can be told, else as it is.
std::string ObjectOf(std::string_view message) {
  for (const char quote : {'\'', '"'}) {
    const std::size_t begin = message.find(quote);
    const std::size_t end = begin == message.npos ? begin : message.find(quote, begin + 1);
    if (end == message.npos) continue;
    const std::string_view url = message.substr(begin + 1, end - begin - 1);
    if (url.find("://") != url.npos) return std::string(url);
  }
  return "S3";
}

// The NNN of "HTTP NNN"; 0 if there was no answer.
int StatusOf(std::string_view message) {
  constexpr std::string_view kMark = "HTTP ";
  for (std::size_t at = message.find(kMark); at != message.npos; at = message.find(kMark, at + 1)) {
    const std::string_view rest = message.substr(at + kMark.size(), 3);
    int status = 0;
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), status);
    if (error == std::errc() && status >= 100 && stop == rest.data() + 3) return status;
  }
  return 0;
}

bool IsWorthRetrying(int status) {
  constexpr int kTimeout = 408, kTooMany = 429, kServer = 500;
  return status == 0 || status == kTimeout || status == kTooMany || status >= kServer;
}

}  // namespace

bool IsS3Error(std::string_view message) {
  return message.starts_with("HTTP Error") || message.find(" error for HTTP ") != message.npos;
}

Error S3Error(std::string_view message) {
  constexpr int kBadRequest = 400, kForbidden = 403, kNotFound = 404;
  const std::string object = ObjectOf(message);
  const int status = StatusOf(message);
  // Advice about DuckDB's own settings follows in paragraphs of its own.
  const std::string text = CleanMessage(message.substr(0, message.find("\n\n")));
  if (message.find("ExpiredToken") != message.npos) {
    return Error(
        ErrorKind::kDenied,
        fmt::format("the credentials for {} have expired; get new ones and run again", object));
  }
  if (status == kForbidden) {
    return Error(ErrorKind::kDenied,
                 fmt::format("access to {} is denied (HTTP 403); the credentials must be valid and "
                             "have the permission s3:GetObject",
                             object));
  }
  if (status == kNotFound) {
    return Error(ErrorKind::kNotFound, fmt::format("there is no object {}", object));
  }
  if (status == kBadRequest || (status >= 300 && status < kBadRequest)) {
    return Error(ErrorKind::kIo, fmt::format("{}; check --s3-region and --s3-endpoint-url", text));
  }
  if (message.find("ETag on reading file") != message.npos) {
    return Error(
        ErrorKind::kIo,
        fmt::format("{} was replaced while it was read (its ETag changed); run again", object));
  }
  return Error(IsWorthRetrying(status) ? ErrorKind::kUnavailable : ErrorKind::kIo, text);
}

void S3Access::Reach(std::span<const std::string> files) {
  for (const std::string& file : files) {
    if (!IsRemotePath(file)) continue;
    const std::string bucket = BucketOf(file);
    if (buckets_.contains(bucket)) continue;
    if (!find_settings_) {
      throw Error(
          ErrorKind::kUnsupported,
          fmt::format("{}: objects of S3 are not reached here; copy it to a local folder", file));
    }
    Open();
    CreateSecret(bucket);
  }
}

void S3Access::Open() {
  if (is_open_) return;
  settings_ = find_settings_();
  FindCredentials();
  LoadExtension(connection_, "httpfs");
  for (const char* option : kOptions) connection_->Run(option);
  if (!settings_.ca_file.empty()) {
    connection_->Run("SET ca_cert_file = " + QuoteText(settings_.ca_file));
  }
  is_open_ = true;
}

void S3Access::FindCredentials() {
  if (settings_.credentials) credentials_ = settings_.credentials();
  found_ = std::chrono::steady_clock::now();
}

void S3Access::Refresh() {
  if (!is_open_ || credentials_.session_token.empty()) return;
  // Not every source tells when its credentials end. All give new ones minutes before.
  constexpr auto kAge = std::chrono::minutes(10), kRest = std::chrono::minutes(5);
  const bool ends_soon = credentials_.expires
                             ? *credentials_.expires - std::chrono::system_clock::now() < kRest
                             : std::chrono::steady_clock::now() - found_ > kAge;
  if (!ends_soon) return;
  FindCredentials();
  for (const std::string& bucket : buckets_) CreateSecret(bucket);
}

void S3Access::CreateSecret(const std::string& bucket) {
  // Each value is given, even if it is empty: else the extension takes it of the environment.
  const std::string statement = fmt::format(
      "CREATE OR REPLACE TEMPORARY SECRET {} (TYPE s3, PROVIDER config, SCOPE {}, KEY_ID {}, "
      "SECRET "
      "{}, SESSION_TOKEN {}, REGION {}, ENDPOINT {}, URL_STYLE '{}', USE_SSL {}, REQUESTER_PAYS "
      "{}, "
      "KMS_KEY_ID '')",
      QuoteName("fs_s3_" + bucket), QuoteText(fmt::format("{}{}/", kScheme, bucket)),
      QuoteText(credentials_.access_key_id), QuoteText(credentials_.secret_access_key),
      QuoteText(credentials_.session_token), QuoteText(settings_.region),
      QuoteText(HostOf(settings_)), settings_.IsPathStyle(bucket) ? "path" : "vhost",
      !AsciiLower(settings_.endpoint_url).starts_with("http://"), settings_.requester_pays);
  try {
    connection_->Run(statement);
  } catch (const Error& error) {
    // The message may repeat the statement.
    if (error.kind() == ErrorKind::kInterrupted) throw;
    throw Error(ErrorKind::kInternal,
                fmt::format("DuckDB did not accept the settings for bucket '{}'", bucket));
  }
  buckets_.insert(bucket);
}

}  // namespace firesteel::duckdb
