#include "storage/s3/s3_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"

namespace firesteel {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

// Waits between attempts are drawn between nothing and a bound that doubles from the first value up
// to the last.
constexpr milliseconds kFirstWait{200};
constexpr milliseconds kFirstSlowWait{800};
constexpr milliseconds kLongestWait{10'000};
// What a call may take that is still made after an interrupt, such as aborting an upload's parts.
constexpr milliseconds kLastWish{2000};
constexpr std::string_view kEmptySha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

}  // namespace

S3Client::S3Client(const S3Settings& settings, const S3Tuning& tuning)
    : settings_(settings),
      tuning_(tuning),
      endpoint_(ParseEndpoint(settings.endpoint_url)),
      credentials_(settings.credentials),
      random_(std::random_device()()),
      transport_(settings, tuning) {}

std::string S3Client::RegionOf(const std::string& bucket) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (const auto found = regions_.find(bucket); found != regions_.end()) return found->second;
  return settings_.region.empty() ? "us-east-1" : settings_.region;
}

void S3Client::SetRegion(const std::string& bucket, const std::string& region) {
  const std::lock_guard<std::mutex> guard(mutex_);
  regions_[bucket] = region;
}

bool S3Client::IsKnown(const std::string& bucket) {
  const std::lock_guard<std::mutex> guard(mutex_);
  return known_buckets_.contains(bucket);
}

void S3Client::SetKnown(const std::string& bucket) {
  const std::lock_guard<std::mutex> guard(mutex_);
  known_buckets_.insert(bucket);
}

S3Request S3Client::RequestOf(const S3Call& call, const std::string& region,
                              const S3Credentials& credentials) const {
  const S3Subject& subject = call.subject;
  const S3Address address =
      AddressOf(endpoint_, settings_.IsPathStyle(subject.bucket), subject.bucket, region);
  S3Request request;
  request.operation = subject.operation;
  request.method = call.method;
  request.scheme = address.scheme;
  request.host = address.host;
  request.target = address.path;
  // A list names its prefix in the query.
  const bool of_bucket = subject.operation.starts_with("List") ||
                         subject.operation == "HeadBucket" || subject.operation == "DeleteObjects";
  if (!of_bucket) request.target += PercentEncode(subject.key, true);
  if (!call.query.empty()) request.target += "?" + call.query;
  request.headers = call.headers;
  request.headers.emplace_back("User-Agent", "firesteel");
  if (settings_.requester_pays) request.headers.emplace_back("x-amz-request-payer", "requester");
  if (call.writes_object && !settings_.kms_key_id.empty()) {
    request.headers.emplace_back("x-amz-server-side-encryption", "aws:kms");
    request.headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id",
                                 settings_.kms_key_id);
  }
  request.body = call.body;
  request.body_sha256 = kEmptySha256;
  request.region = region;
  request.credentials = credentials;
  const std::int64_t bytes =
      call.answer_bytes + (call.body == nullptr ? 0 : static_cast<std::int64_t>(call.body->size()));
  request.grace = call.see_through ? kLastWish : milliseconds(0);
  request.deadline = call.last_wish ? kLastWish
                                    : duration_cast<milliseconds>(tuning_.timeout) * 3 / 2 +
                                          milliseconds(bytes * 1000 / kSlowestS3BytesPerSecond);
  return request;
}

milliseconds S3Client::DrawWait(int attempt, bool slow) {
  const milliseconds first = slow ? kFirstSlowWait : kFirstWait;
  const milliseconds bound =
      std::min<milliseconds>(first * (1 << std::min(attempt - 1, 10)), kLongestWait);
  const std::lock_guard<std::mutex> guard(mutex_);
  // Never nothing at all: the other side is to have a moment.
  return milliseconds(
      std::uniform_int_distribution<long long>(bound.count() / 20, bound.count())(random_));
}

void S3Client::ThrowIfInterrupted() {
  // The wait of an interrupted transport ends at once, by that error.
  if (transport_.interrupted()) transport_.Wait(milliseconds(0));
}

S3Answer S3Client::Perform(const S3Call& call) {
  const Clock::time_point begin = Clock::now();
  const std::string url = call.subject.Url();
  const std::string sha256 =
      call.body == nullptr || call.body->empty() ? std::string(kEmptySha256) : Sha256(*call.body);
  S3Answer answer;
  bool renewed = false;
  int num_redirections = 0;
  for (int attempt = 1;;) {
    const std::string region = RegionOf(call.subject.bucket);
    const S3Credentials credentials = credentials_.Get();
    S3Request request = RequestOf(call, region, credentials);
    request.body_sha256 = sha256;
    answer.response = transport_.Send(request, call.last_wish);
    answer.problem = ReadProblem(answer.response, call.is_xml);
    S3Problem& problem = answer.problem;
    HideCredentials(problem.message, credentials);
    std::optional<std::string> damage;
    if (problem.ok() && call.check) damage = call.check(answer.response);
    if (problem.ok() && !damage) {
      SetKnown(call.subject.bucket);
      return answer;
    }
    const bool elsewhere = problem.status == 301 || problem.status == 400 || problem.status == 403;
    if (elsewhere && !problem.region.empty() && problem.region != region && num_redirections < 2) {
      ++num_redirections;
      SetRegion(call.subject.bucket, problem.region);
      LogDebug(fmt::format("{}: the bucket is in {}", url, problem.region));
      continue;
    }
    if (call.method == "HEAD" && (problem.status == 400 || problem.status == 403)) {
      // An answer to HEAD does not say what is wrong; one to GET does.
      S3Call get = call;
      get.method = "GET";
      get.is_xml = false;
      get.check = nullptr;
      if (call.subject.operation == "HeadBucket") {
        get.subject.operation = "ListObjectsV2";
        get.query = "list-type=2&max-keys=1";
      } else {
        get.subject.operation = "GetObject";
        get.headers.emplace_back("Range", "bytes=0-0");
      }
      const S3Answer reason = Perform(get);
      if (!reason.problem.ok() && reason.problem.status != 416) {
        answer.problem = reason.problem;
        return answer;
      }
      if (std::exchange(renewed, true)) return answer;
      continue;
    }
    const S3Remedy remedy = damage ? S3Remedy::kTryAgain : RemedyFor(problem);
    if (remedy == S3Remedy::kRenewCredentials && !renewed) {
      renewed = true;
      LogInfo(fmt::format("{}: {}; asking for new ones", url, DescribeProblem(problem)));
      if (credentials_.Renew(credentials)) continue;
    }
    if (remedy == S3Remedy::kNone || remedy == S3Remedy::kRenewCredentials || call.last_wish) {
      return answer;
    }
    const std::string what = damage ? *damage : DescribeProblem(problem);
    const milliseconds wait = DrawWait(attempt, remedy == S3Remedy::kSlowDown);
    if (attempt >= tuning_.max_attempts || Clock::now() + wait - begin > tuning_.retry_time) {
      const Error error =
          damage ? Error(ErrorKind::kIo, url + ": " + *damage) : ErrorFor(problem, call.subject);
      throw Error(error.kind(),
                  fmt::format("{}; gave up after {} {} in {:.1f} s", error.what(), attempt,
                              attempt == 1 ? "attempt" : "attempts",
                              std::chrono::duration<double>(Clock::now() - begin).count()));
    }
    // Whatever was said, and by whom: it may have been carried out.
    answer.uncertain = true;
    Log(attempt == 1 ? LogLevel::kDebug : LogLevel::kWarning,
        fmt::format("{}: {}; trying again in {:.1f} s ({} of {})", url, what,
                    std::chrono::duration<double>(wait).count(), attempt + 1,
                    tuning_.max_attempts));
    transport_.Wait(wait);
    ++attempt;
  }
}

bool S3Client::IsMissing(const S3Answer& answer, const S3Call& call) {
  if (answer.problem.status != 404) return false;
  if (answer.problem.code == "NoSuchBucket") ThrowProblem(answer, call);
  if (answer.problem.code == "NoSuchKey") {
    SetKnown(call.subject.bucket);
  } else {
    RequireBucket(call.subject.bucket);
  }
  return true;
}

void S3Client::RequireBucket(const std::string& bucket) {
  if (IsKnown(bucket)) return;
  S3Call call;
  call.subject = {"HeadBucket", "s3:ListBucket", bucket, ""};
  call.method = "HEAD";
  S3Answer answer = Perform(call);
  if (answer.problem.status == 404) {
    answer.problem.code = "NoSuchBucket";
    ThrowProblem(answer, call);
  }
  // Denied or not, it is there.
  SetKnown(bucket);
}

std::optional<S3Response> S3Client::Head(const ObjectName& name, const std::string& query,
                                         const S3Headers& headers) {
  S3Call call;
  call.subject = {"HeadObject", "s3:GetObject", name.bucket, name.key};
  call.method = "HEAD";
  call.query = query;
  call.headers = headers;
  S3Answer answer = Perform(call);
  if (answer.problem.ok()) return std::move(answer.response);
  if (IsMissing(answer, call)) return std::nullopt;
  if (answer.problem.status == 412) return std::nullopt;
  ThrowProblem(answer, call);
}

void ThrowProblem(const S3Answer& answer, const S3Call& call) {
  throw ErrorFor(answer.problem, call.subject);
}

std::optional<std::int64_t> ParseS3Number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace firesteel
