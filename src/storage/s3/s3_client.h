#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>

#include "storage/object_store.h"
#include "storage/s3/s3_credentials.h"
#include "storage/s3/s3_errors.h"
#include "storage/s3/s3_store.h"
#include "storage/s3/s3_transport.h"
#include "storage/s3/s3_urls.h"
#include "storage/s3_settings.h"

namespace firesteel {

/// How many parts one upload or download moves at once.
inline constexpr int kPartsAtOnce = 4;

/// One thing asked of the store, which may take several requests.
struct S3Call {
  S3Subject subject;
  std::string method = "GET";
  std::string query = {};  // Without the question mark; encoded.
  S3Headers headers = {};  // Of this operation alone; the client adds those that all have.
  std::shared_ptr<const std::string> body = {};
  std::int64_t answer_bytes = 0;  // At most, as far as one can know; an attempt's time grows by it.
  bool writes_object = false;     // So that the key of KMS is to be named.
  bool is_xml = true;             // Whether the answer is S3's own words, not an object.
  /// Whether a good answer is as it should be; what it is not, otherwise, and it is asked for
  /// again.
  std::function<std::optional<std::string>(const S3Response&)> check = {};
  bool last_wish = false;    // Once, even after an interrupt, and not for long.
  bool see_through = false;  // Under way at an interrupt, it is waited for, not for long.
};

struct S3Answer {
  S3Response response;
  S3Problem problem;       // ok(), or what no further attempt would mend.
  bool uncertain = false;  // An attempt before this one may have been carried out.
};

/// Asks a store and gets an answer if there is one to be had: signs with credentials that it
/// renews, finds out regions of buckets, tries again what may pass, and logs it. The verbs of
/// ObjectStore stand on it. Threads: any number of calls at once.
class S3Client {
 public:
  /// Throws as OpenS3 does.
  S3Client(const S3Settings& settings, const S3Tuning& tuning);

  /// Sends a call's request until it is answered, and mends what can be mended. Returns problems
  /// that no attempt would mend, for the caller to judge. Throws the error of the last problem when
  /// time or attempts are over, Error(kInterrupted) after Interrupt(), and what the source of the
  /// credentials throws.
  S3Answer Perform(const S3Call& call);
  /// Whether the object, not the bucket, is missing. Throws Error(kNotFound) if it is the bucket,
  /// which may take a request of its own: an answer to HEAD does not say which of the two it is.
  bool IsMissing(const S3Answer& answer, const S3Call& call);
  /// The answer to HeadObject. Nothing if there is no such object, or if a condition among the
  /// headers does not hold.
  std::optional<S3Response> Head(const ObjectName& name, const std::string& query,
                                 const S3Headers& headers);

  /// How long to wait after that attempt (1, 2, …): random, up to a bound that doubles each time.
  /// `slow`: the store asked to slow down.
  std::chrono::milliseconds DrawWait(int attempt, bool slow);
  /// Returns when the time is over. Throws Error(kInterrupted) as soon as Interrupt() is called.
  void Wait(std::chrono::milliseconds time) { transport_.Wait(time); }
  /// Throws Error(kInterrupted) after Interrupt(). Cheap.
  void ThrowIfInterrupted();
  void Interrupt() { transport_.Interrupt(); }

  const S3Tuning& tuning() const { return tuning_; }

 private:
  std::string RegionOf(const std::string& bucket);
  void SetRegion(const std::string& bucket, const std::string& region);
  bool IsKnown(const std::string& bucket);
  void SetKnown(const std::string& bucket);
  void RequireBucket(const std::string& bucket);
  S3Request RequestOf(const S3Call& call, const std::string& region,
                      const S3Credentials& credentials) const;

  const S3Settings settings_;
  const S3Tuning tuning_;
  const S3Endpoint endpoint_;
  S3CredentialsKeeper credentials_;
  std::mutex mutex_;                            // Of the three that follow.
  std::map<std::string, std::string> regions_;  // By bucket, as far as the store had to name them.
  std::set<std::string> known_buckets_;         // Those that are there.
  std::mt19937_64 random_;
  S3Transport transport_;
};

/// Throws the error of an answer's problem.
[[noreturn]] void ThrowProblem(const S3Answer& answer, const S3Call& call);

/// What an attempt may take is reckoned for a store that sends and takes no fewer bytes than that.
inline constexpr std::int64_t kSlowestS3BytesPerSecond = 64 << 10;

/// A number as headers and lists write sizes and counts: nothing if it is another text, or
/// negative.
std::optional<std::int64_t> ParseS3Number(std::string_view text);

}  // namespace firesteel
