#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/s3/s3_store.h"
#include "storage/s3_settings.h"

namespace firesteel {

using S3Headers = std::vector<std::pair<std::string, std::string>>;

struct S3Request {
  std::string operation;  // S3's name of it: "GetObject".
  std::string method;
  std::string scheme;                       // "http" or "https".
  std::string host;                         // With a port if it is not the scheme's own.
  std::string target;                       // Path and query, encoded.
  S3Headers headers;                        // Without Host, Content-Length and what signing adds.
  std::shared_ptr<const std::string> body;  // Null: none.
  std::string body_sha256;  // Lower-case hexadecimal; empty: the body is not signed.
  std::string region;       // That the signature is for.
  S3Credentials credentials;
  std::chrono::milliseconds deadline{0};  // After that, the attempt is given up.
  std::chrono::milliseconds grace{0};     // How long an interrupt leaves it to end.
};

struct S3Response {
  enum class Failure { kNone, kConnection, kTimeout, kTrust };

  int status = 0;  // 0: no whole answer came; `failure` and `reason` say why.
  S3Headers headers;
  std::string body;
  std::string code;  // S3's code of an error whose body the library keeps to itself.
  Failure failure = Failure::kNone;
  std::string reason;

  /// The header's value, empty if there is none. Case does not matter.
  std::string_view Header(std::string_view name) const;
};

/// Signs requests, sends each once, and waits for the answer: the only place that knows the types
/// of aws-c-s3. Threads: any number of calls at once.
class S3Transport {
 public:
  /// Throws as OpenS3 does.
  S3Transport(const S3Settings& settings, const S3Tuning& tuning);
  ~S3Transport();
  S3Transport(const S3Transport&) = delete;
  S3Transport& operator=(const S3Transport&) = delete;

  /// Throws Error(kInterrupted) if Interrupt() comes before the answer (and the request's grace),
  /// unless `even_if_interrupted`, and Error(kInternal) if the library takes no such request.
  S3Response Send(const S3Request& request, bool even_if_interrupted);
  /// Returns when the time is over. Throws Error(kInterrupted) as soon as Interrupt() is called.
  void Wait(std::chrono::milliseconds time);
  void Interrupt();
  bool interrupted() const;

 private:
  struct Client;

  std::shared_ptr<Client> client_;
};

}  // namespace firesteel
