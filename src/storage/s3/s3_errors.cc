#include "storage/s3/s3_errors.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <optional>

#include "base/text.h"
#include "storage/object_store.h"
#include "storage/s3/s3_xml.h"

namespace firesteel {
namespace {

template <std::size_t N>
bool OneOf(const std::array<std::string_view, N>& codes, std::string_view code) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

constexpr std::array<std::string_view, 8> kSlowDown = {"SlowDown",
                                                       "SlowDownRead",
                                                       "SlowDownWrite",
                                                       "Throttling",
                                                       "ThrottlingException",
                                                       "TooManyRequests",
                                                       "RequestLimitExceeded",
                                                       "BandwidthLimitExceeded"};
constexpr std::array<std::string_view, 9> kTryAgain = {
    "InternalError",  "InternalFailure",  "ServiceUnavailable",
    "RequestTimeout", "OperationAborted", "RequestTimeoutException",
    "IncompleteBody", "ServerBusy",       "TemporaryRedirect"};
// What the bytes of a request were on arrival: they were damaged on the way.
constexpr std::array<std::string_view, 4> kDamaged = {
    "BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"};
constexpr std::array<std::string_view, 5> kExpired = {"ExpiredToken", "ExpiredTokenException",
                                                      "InvalidToken", "RequestExpired",
                                                      "TokenRefreshRequired"};

// "20260102T030405Z", "2026-01-02T03:04:05Z" or "Fri, 02 Jan 2026 03:04:05 GMT" as seconds.
std::optional<std::time_t> ParseTime(const std::string& text) {
  for (const char* format : {"%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ", "%a, %d %b %Y %H:%M:%S GMT"}) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), format, &parts);
    if (end != nullptr && *end == '\0') return ::timegm(&parts);
  }
  return std::nullopt;
}

// How far this machine's clock is from the server's: "17 minutes fast".
std::string ClockError(const S3Problem& problem) {
  const std::time_t ours = ParseTime(problem.request_time).value_or(::time(nullptr));
  const std::optional<std::time_t> theirs = ParseTime(problem.server_time);
  if (!theirs) return "wrong";
  const double minutes = static_cast<double>(ours - *theirs) / 60.0;
  return fmt::format("{:.0f} minutes {}", std::abs(minutes), minutes > 0 ? "fast" : "slow");
}

std::string StatusText(const S3Problem& problem) {
  if (problem.code.empty()) return std::to_string(problem.status);
  return fmt::format("{} {}", problem.status, problem.code);
}

// What S3 says, unless it only repeats the code.
std::string Words(const S3Problem& problem) {
  if (problem.message.empty() || problem.message == "Access Denied") return "";
  return ": " + problem.message;
}

// The permission of KMS that a message names, or nothing if it is not about KMS.
std::string KmsPermission(const std::string& message) {
  const std::string lower = AsciiLower(message);
  const std::size_t found = lower.find("kms:");
  if (found != std::string::npos && (found == 0 || lower[found - 1] == ' ')) {
    std::size_t end = found + 4;
    while (end < message.size() && std::isalpha(static_cast<unsigned char>(message[end])) != 0)
      ++end;
    if (end > found + 4) return message.substr(found, end - found);
  }
  return lower.find("kms") == std::string::npos ? "" : "kms:GenerateDataKey or kms:Decrypt";
}

}  // namespace

std::string S3Subject::Url() const { return ObjectName{bucket, key}.Url(); }

S3Problem ReadProblem(const S3Response& response, bool is_xml) {
  S3Problem problem;
  problem.status = response.status;
  problem.failure = response.failure;
  problem.reason = response.reason;
  problem.region = response.Header("x-amz-bucket-region");
  problem.server_time = response.Header("date");
  problem.code = response.code;
  const bool good = response.status >= 200 && response.status < 300;
  if (response.status == 0 || (good && !is_xml)) return problem;
  const std::optional<XmlElement> root = ParseXml(response.body);
  if (!root || root->name != "Error") return problem;
  problem.code = root->TextOf("Code");
  if (problem.code.empty()) problem.code = "Error";
  problem.message = root->TextOf("Message");
  if (problem.region.empty()) problem.region = root->TextOf("Region");
  problem.request_time = root->TextOf("RequestTime");
  if (const std::string time = root->TextOf("ServerTime"); !time.empty())
    problem.server_time = time;
  return problem;
}

S3Remedy RemedyFor(const S3Problem& problem) {
  if (problem.failure == S3Response::Failure::kTrust) return S3Remedy::kNone;
  if (problem.status == 0) return S3Remedy::kTryAgain;
  if (OneOf(kExpired, problem.code)) return S3Remedy::kRenewCredentials;
  if (OneOf(kSlowDown, problem.code) || problem.status == 429) return S3Remedy::kSlowDown;
  if (OneOf(kTryAgain, problem.code) || OneOf(kDamaged, problem.code)) return S3Remedy::kTryAgain;
  if (problem.status == 503) return S3Remedy::kSlowDown;
  if (problem.status == 408 || problem.status == 500 || problem.status == 502 ||
      problem.status == 504 || (problem.status > 504 && problem.code.empty())) {
    return S3Remedy::kTryAgain;
  }
  return S3Remedy::kNone;
}

std::string DescribeProblem(const S3Problem& problem) {
  if (problem.status == 0) return problem.reason;
  const std::string status = StatusText(problem);
  if (RemedyFor(problem) == S3Remedy::kSlowDown) {
    return fmt::format("the server asked to slow down ({})", status);
  }
  if (OneOf(kDamaged, problem.code)) {
    return fmt::format("the bytes arrived other than they were sent ({})", status);
  }
  if (RemedyFor(problem) == S3Remedy::kRenewCredentials) {
    return fmt::format("the credentials have expired ({})", status);
  }
  if (problem.code == "RequestTimeout") {
    return fmt::format("the server waited too long for the request ({})", status);
  }
  return fmt::format("the server had an error ({}){}", status, Words(problem));
}

Error ErrorFor(const S3Problem& problem, const S3Subject& subject) {
  const std::string url = subject.Url();
  const std::string status = StatusText(problem);
  if (problem.failure == S3Response::Failure::kTrust) {
    return Error(ErrorKind::kDenied,
                 fmt::format("{}: the server is not to be trusted: {}; if it is, name a file with "
                             "the certificate (PEM) that vouches for it in AWS_CA_BUNDLE",
                             url, problem.reason));
  }
  if (OneOf(kDamaged, problem.code)) {
    return Error(ErrorKind::kIo, fmt::format("{}: {}", url, DescribeProblem(problem)));
  }
  const S3Remedy remedy = RemedyFor(problem);
  if (remedy == S3Remedy::kRenewCredentials) {
    if (problem.code == "InvalidToken") {
      return Error(ErrorKind::kDenied,
                   fmt::format("{}: the session token in use is wrong ({})", url, status));
    }
    return Error(
        ErrorKind::kDenied,
        fmt::format("{}: the credentials in use have expired; renew them ({})", url, status));
  }
  if (remedy != S3Remedy::kNone) {
    return Error(ErrorKind::kUnavailable, fmt::format("{}: {}", url, DescribeProblem(problem)));
  }
  if (problem.code == "NoSuchBucket") {
    return Error(ErrorKind::kNotFound,
                 fmt::format("s3://{}: there is no bucket '{}'", subject.bucket, subject.bucket));
  }
  if (problem.code == "InvalidAccessKeyId") {
    return Error(
        ErrorKind::kDenied,
        fmt::format("{}: the access key in use is unknown to the store ({})", url, status));
  }
  if (problem.code == "SignatureDoesNotMatch") {
    return Error(
        ErrorKind::kDenied,
        fmt::format("{}: the secret key in use does not fit the access key ({})", url, status));
  }
  if (problem.code == "RequestTimeTooSkewed") {
    return Error(ErrorKind::kDenied,
                 fmt::format("{}: the clock of this machine is {}; set it right ({})", url,
                             ClockError(problem), status));
  }
  if (problem.status == 403 || problem.status == 401) {
    const std::string kms = KmsPermission(problem.message);
    return Error(
        ErrorKind::kDenied,
        fmt::format("{}: access denied ({}): the credentials in use lack {} there{}", url,
                    problem.status, kms.empty() ? subject.permission : kms, Words(problem)));
  }
  if (problem.status == 404) {
    return Error(ErrorKind::kNotFound,
                 fmt::format("{}: there is no such object{}", url,
                             problem.code == "NoSuchKey" ? "" : Words(problem)));
  }
  if (problem.status == 501 || problem.code == "NotImplemented") {
    return Error(ErrorKind::kUnsupported, fmt::format("{}: the store can't do {} ({}){}", url,
                                                      subject.operation, status, Words(problem)));
  }
  return Error(ErrorKind::kIo,
               fmt::format("{}: {} failed ({}){}", url, subject.operation, status, Words(problem)));
}

}  // namespace firesteel
