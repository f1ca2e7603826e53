#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "storage/s3/s3_transport.h"

namespace firesteel {

/// What a request was about, for messages.
struct S3Subject {
  std::string operation;   // "GetObject".
  std::string permission;  // "s3:GetObject": what it takes.
  std::string bucket;
  std::string key;  // Empty: the bucket itself.

  std::string Url() const;
};

/// Why a request was not answered as it should be: S3's own code and words, or the failure of the
/// connection.
struct S3Problem {
  int status = 0;
  std::string code;     // "NoSuchKey"; empty if the answer has none, as to HEAD.
  std::string message;  // S3's own words.
  std::string region;   // Of the bucket, where the store names it.
  std::string request_time;
  std::string server_time;
  S3Response::Failure failure = S3Response::Failure::kNone;
  std::string reason;

  bool ok() const { return code.empty() && status >= 200 && status < 300; }
};

enum class S3Remedy {
  kNone,
  kTryAgain,
  kSlowDown,          // The same, later.
  kRenewCredentials,  // Those in use have expired.
};

/// Reads an answer. `is_xml`: the body is S3's own, so that an <Error> in it is one whatever the
/// status says.
S3Problem ReadProblem(const S3Response& response, bool is_xml);
S3Remedy RemedyFor(const S3Problem& problem);
/// "the server asked to slow down (503 SlowDown)", for the log and for messages.
std::string DescribeProblem(const S3Problem& problem);
/// The error of a problem that has no remedy, or whose remedies are used up.
Error ErrorFor(const S3Problem& problem, const S3Subject& subject);

}  // namespace firesteel
