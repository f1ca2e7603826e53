#include "storage/s3/s3_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "storage/s3/s3_checksums.h"
#include "storage/s3/s3_errors.h"
#include "storage/s3/s3_transport.h"
#include "storage/s3/s3_xml.h"

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
constexpr std::int64_t kSlowestBytesPerSecond = 64 << 10;
constexpr std::int64_t kPageBytes = 2 << 20;
constexpr std::int64_t kMaxParts = 10'000;
constexpr int kThreadsOfACall = 4;
constexpr std::size_t kKeysOfARemoval = 1000;
// How often a download is made again because it was damaged or the object changed meanwhile.
constexpr int kDownloads = 3;
constexpr std::chrono::seconds kRenewBefore{60};
// What an interrupted upload may take to abort its parts.
constexpr milliseconds kLastWish{2000};
constexpr std::string_view kWriteHeader = "x-amz-meta-firesteel-write";
constexpr std::string_view kEmptySha256 =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string PercentEncode(std::string_view text, bool keep_slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || (keep_slash && c == '/');
    if (plain) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

// What encoding-type=url did to a key. Stores write a blank as "+" or as "%20", and "+" as "%2B".
std::string PercentDecode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      unsigned value = 0;
      const char* begin = text.data() + i + 1;
      if (std::from_chars(begin, begin + 2, value, 16).ptr == begin + 2) {
        decoded += static_cast<char>(static_cast<unsigned char>(value));
        i += 2;
        continue;
      }
    }
    decoded += text[i] == '+' ? ' ' : text[i];
  }
  return decoded;
}

std::optional<std::int64_t> ParseNumber(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// The size of the whole object in "bytes 0-99/1234".
std::optional<std::int64_t> TotalOf(const S3Response& response) {
  const std::string_view range = response.Header("content-range");
  const std::size_t slash = range.rfind('/');
  return slash == std::string_view::npos ? std::nullopt : ParseNumber(range.substr(slash + 1));
}

[[noreturn]] void ThrowFileError(const std::string& path, std::string_view what) {
  throw Error(ErrorKind::kIo, fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

// A file that is closed, and removed too unless Keep was called.
class LocalFile {
 public:
  LocalFile(const std::string& path, int flags) : path_(path) {
    created_ = (flags & O_CREAT) != 0;
    descriptor_ = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
    if (descriptor_ < 0) {
      created_ = false;
      ThrowFileError(path, (flags & O_CREAT) != 0 ? "can't be made" : "can't be read");
    }
  }
  ~LocalFile() {
    ::close(descriptor_);
    if (created_) ::unlink(path_.c_str());
  }
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;

  void Keep() { created_ = false; }

  std::int64_t size() const {
    struct stat status{};
    if (::fstat(descriptor_, &status) != 0) ThrowFileError(path_, "can't be read");
    return status.st_size;
  }

  void Write(std::string_view bytes, std::int64_t offset) const {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), offset);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) ThrowFileError(path_, "can't be written");
      bytes.remove_prefix(static_cast<std::size_t>(written));
      offset += written;
    }
  }

  std::string Read(std::int64_t offset, std::int64_t num_bytes) const {
    std::string bytes(static_cast<std::size_t>(num_bytes), '\0');
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t read = ::pread(descriptor_, bytes.data() + done, bytes.size() - done,
                                   offset + static_cast<std::int64_t>(done));
      if (read < 0 && errno == EINTR) continue;
      if (read < 0) ThrowFileError(path_, "can't be read");
      if (read == 0) throw Error(ErrorKind::kIo, path_ + ": became shorter while it was read");
      done += static_cast<std::size_t>(read);
    }
    return bytes;
  }

  void Truncate() const {
    if (::ftruncate(descriptor_, 0) != 0) ThrowFileError(path_, "can't be written");
  }

 private:
  std::string path_;
  int descriptor_ = -1;
  bool created_ = false;
};

// Calls do(0) … do(count - 1), each once, on a few threads. After an error no further call begins;
// the first error is thrown.
void InParallel(std::int64_t count, const std::function<void(std::int64_t)>& task) {
  std::atomic<std::int64_t> next = 0;
  std::mutex mutex;
  std::exception_ptr error;
  const auto work = [&] {
    while (true) {
      const std::int64_t index = next++;
      if (index >= count) return;
      try {
        task(index);
      } catch (...) {
        const std::lock_guard<std::mutex> guard(mutex);
        if (error == nullptr) error = std::current_exception();
        next = count;
        return;
      }
    }
  };
  std::vector<std::thread> threads;
  for (std::int64_t i = 1; i < std::min<std::int64_t>(count, kThreadsOfACall); ++i) {
    threads.emplace_back(work);
  }
  work();
  for (std::thread& thread : threads) thread.join();
  if (error != nullptr) std::rethrow_exception(error);
}

// One thing asked of the store, which may take several requests.
struct Call {
  S3Subject subject;
  std::string method = "GET";
  std::string query = {};  // Without the question mark.
  S3Headers headers = {};
  std::shared_ptr<const std::string> body = {};
  std::int64_t answer_bytes = 0;  // At most, as far as one can know.
  bool writes_object = false;     // So that the key of KMS is to be named.
  bool is_xml = true;             // Whether the answer is S3's own words, not an object.
  // Whether a good answer is as it should be; what it is not, otherwise, and it is asked for again.
  std::function<std::optional<std::string>(const S3Response&)> check = {};
  bool last_wish = false;  // Once, even after an interrupt, and not for long.
};

struct Answer {
  S3Response response;
  S3Problem problem;       // ok(), or what no further attempt would mend.
  bool uncertain = false;  // An attempt before this one may have been carried out.
};

// Gives credentials and renews them. Threads: any.
class Credentials {
 public:
  explicit Credentials(std::function<S3Credentials()> make) : make_(std::move(make)) {}

  S3Credentials Get() {
    const std::lock_guard<std::mutex> guard(mutex_);
    const auto now = std::chrono::system_clock::now();
    const bool due = current_ && current_->expires && now + kRenewBefore >= *current_->expires &&
                     now >= asked_ + kRenewBefore / 2;
    if (!current_ || due) Make();
    return *current_;
  }

  // Whether there are others than those which a store refused.
  bool Renew(const S3Credentials& refused) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (!current_ || Same(*current_, refused)) Make();
    return !Same(*current_, refused);
  }

 private:
  static bool Same(const S3Credentials& a, const S3Credentials& b) {
    return a.access_key_id == b.access_key_id && a.secret_access_key == b.secret_access_key &&
           a.session_token == b.session_token;
  }

  void Make() {
    current_ = make_ ? make_() : S3Credentials{};
    asked_ = std::chrono::system_clock::now();
  }

  std::function<S3Credentials()> make_;
  std::mutex mutex_;
  std::optional<S3Credentials> current_;
  std::chrono::system_clock::time_point asked_;
};

// Hides what a message must not show, should a store have repeated it.
void Scrub(std::string& text, const S3Credentials& credentials) {
  for (const std::string* secret :
       {&credentials.secret_access_key, &credentials.session_token, &credentials.access_key_id}) {
    if (secret->empty()) continue;
    for (std::size_t at = text.find(*secret); at != std::string::npos;
         at = text.find(*secret, at)) {
      text.replace(at, secret->size(), "***");
    }
  }
}

struct Endpoint {
  std::string scheme;
  std::string host;  // With a port if there is one. Empty: AWS's.
};

Endpoint ParseEndpoint(const std::string& url) {
  if (url.empty()) return {};
  const std::size_t colon = url.find("://");
  Endpoint endpoint;
  endpoint.scheme = AsciiLower(url.substr(0, colon == std::string::npos ? 0 : colon));
  if (colon != std::string::npos) endpoint.host = url.substr(colon + 3);
  while (endpoint.host.ends_with('/')) endpoint.host.pop_back();
  if ((endpoint.scheme != "http" && endpoint.scheme != "https") || endpoint.host.empty() ||
      endpoint.host.find_first_of("/?#@ ") != std::string::npos) {
    // What stands before an @ may be a password.
    throw Error(ErrorKind::kUsage,
                fmt::format("the endpoint '{}' is no URL such as https://host or "
                            "http://127.0.0.1:9000",
                            url.find('@') == std::string::npos ? url : "***"));
  }
  return endpoint;
}

class S3Store final : public ObjectStore {
 public:
  S3Store(const S3Settings& settings, const S3Tuning& tuning)
      : settings_(settings),
        tuning_(tuning),
        endpoint_(ParseEndpoint(settings.endpoint_url)),
        credentials_(settings.credentials),
        random_(std::random_device()()),
        transport_(settings, tuning) {}

  std::vector<ObjectInfo> List(const ObjectName& prefix) override {
    Call call;
    call.subject = {"ListObjectsV2", "s3:ListBucket", prefix.bucket, prefix.key};
    call.answer_bytes = kPageBytes;
    call.check = [](const S3Response& response) { return IsPage(response, "ListBucketResult"); };
    std::vector<ObjectInfo> objects;
    std::string token;
    do {
      call.query = token.empty() ? "" : "continuation-token=" + PercentEncode(token, false) + "&";
      call.query += "encoding-type=url&list-type=2&prefix=" + PercentEncode(prefix.key, false);
      const Answer answer = Perform(call);
      if (!answer.problem.ok()) ThrowProblem(answer, call);
      const XmlElement page = *ParseXml(answer.response.body);
      const bool encoded = page.TextOf("EncodingType") == "url";
      for (const XmlElement& element : page.children) {
        if (element.name != "Contents") continue;
        const std::string key = element.TextOf("Key");
        objects.push_back({encoded ? PercentDecode(key) : key,
                           ParseNumber(element.TextOf("Size")).value_or(0),
                           element.TextOf("ETag")});
      }
      const std::string last = std::exchange(
          token, page.TextOf("IsTruncated") == "true" ? page.TextOf("NextContinuationToken") : "");
      if (!token.empty() && token == last) {
        throw Error(ErrorKind::kIo,
                    prefix.Url() + ": the store lists the same page again and again");
      }
    } while (!token.empty());
    // S3 lists in this order; others may not.
    std::sort(objects.begin(), objects.end(),
              [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; });
    return objects;
  }

  std::optional<ObjectInfo> Find(const ObjectName& name) override {
    const std::optional<S3Response> head = Head(name, "", {});
    if (!head) return std::nullopt;
    return ObjectInfo{name.key, ParseNumber(head->Header("content-length")).value_or(0),
                      std::string(head->Header("etag"))};
  }

  std::optional<ObjectText> Read(const ObjectName& name) override {
    Call call = GetCall(name);
    call.headers = {{"x-amz-checksum-mode", "ENABLED"}};
    call.answer_bytes = tuning_.part_bytes;
    call.check = [](const S3Response& response) { return CheckContent(response); };
    Answer answer = Perform(call);
    if (!answer.problem.ok()) {
      if (IsMissing(answer, call)) return std::nullopt;
      ThrowProblem(answer, call);
    }
    std::string etag(answer.response.Header("etag"));
    return ObjectText{std::move(answer.response.body), std::move(etag)};
  }

  ObjectInfo Download(const ObjectName& name, const std::string& etag,
                      const std::string& path) override {
    LocalFile file(path, O_CREAT | O_EXCL | O_RDWR);
    for (int i = 1;; ++i) {
      const std::optional<ObjectInfo> info = DownloadOnce(name, etag, file, i == kDownloads);
      if (info) {
        file.Keep();
        return *info;
      }
      file.Truncate();
    }
  }

  std::optional<std::string> Put(const ObjectName& name, std::string_view content,
                                 const PutCondition& condition) override {
    return PutWhole(name, std::make_shared<const std::string>(content), condition);
  }

  std::optional<std::string> Upload(const ObjectName& name, const std::string& path,
                                    const PutCondition& condition) override {
    const LocalFile file(path, O_RDONLY);
    const std::int64_t size = file.size();
    if (size <= tuning_.upload_in_parts_over) {
      return PutWhole(name, std::make_shared<const std::string>(file.Read(0, size)), condition);
    }
    return UploadParts(name, file, size, condition);
  }

  void Remove(const std::string& bucket, const std::vector<std::string>& keys) override {
    std::vector<std::string> batch;
    for (const std::string& key : keys) {
      if (keys.size() == 1 || !FitsXml(key)) {
        RemoveOne(bucket, key);
        continue;
      }
      batch.push_back(key);
      if (batch.size() == kKeysOfARemoval) RemoveBatch(bucket, std::exchange(batch, {}));
    }
    if (!batch.empty()) RemoveBatch(bucket, std::move(batch));
  }

  std::vector<OpenUpload> OpenUploads(const ObjectName& prefix) override {
    Call call;
    call.subject = {"ListMultipartUploads", "s3:ListBucketMultipartUploads", prefix.bucket,
                    prefix.key};
    call.answer_bytes = kPageBytes;
    call.check = [](const S3Response& response) {
      return IsPage(response, "ListMultipartUploadsResult");
    };
    std::vector<OpenUpload> uploads;
    std::string key_marker;
    std::string id_marker;
    while (true) {
      call.query = "encoding-type=url";
      if (!key_marker.empty()) call.query += "&key-marker=" + PercentEncode(key_marker, false);
      call.query += "&prefix=" + PercentEncode(prefix.key, false);
      if (!id_marker.empty()) call.query += "&upload-id-marker=" + PercentEncode(id_marker, false);
      call.query += "&uploads=";
      const Answer answer = Perform(call);
      if (!answer.problem.ok()) ThrowProblem(answer, call);
      const XmlElement page = *ParseXml(answer.response.body);
      const bool encoded = page.TextOf("EncodingType") == "url";
      for (const XmlElement& element : page.children) {
        if (element.name != "Upload") continue;
        const std::string key = element.TextOf("Key");
        uploads.push_back({encoded ? PercentDecode(key) : key, element.TextOf("UploadId")});
      }
      if (page.TextOf("IsTruncated") != "true") return uploads;
      const std::string next_key = page.TextOf("NextKeyMarker");
      const std::string next_id = page.TextOf("NextUploadIdMarker");
      const std::string marker = encoded ? PercentDecode(next_key) : next_key;
      if (marker == key_marker && next_id == id_marker) {
        throw Error(ErrorKind::kIo,
                    prefix.Url() + ": the store lists the same page again and again");
      }
      key_marker = marker;
      id_marker = next_id;
    }
  }

  void Abort(const std::string& bucket, const OpenUpload& upload) override {
    AbortUpload({bucket, upload.key}, upload.id, false);
  }

  void Interrupt() override { transport_.Interrupt(); }

 private:
  // --- Requests.

  static std::optional<std::string> IsPage(const S3Response& response, std::string_view root) {
    const std::optional<XmlElement> page = ParseXml(response.body);
    if (page && page->name == root) return std::nullopt;
    return "the answer is no list";
  }

  // Whether the content is the one that the headers speak of.
  static std::optional<std::string> CheckContent(const S3Response& response) {
    const std::string_view length = response.Header("content-length");
    if (!length.empty() && ParseNumber(length) != static_cast<std::int64_t>(response.body.size())) {
      return "the content is not whole";
    }
    const std::optional<S3Checksum> checksum = ChecksumOf(response);
    if (checksum && checksum->num_parts == 0 && !HasChecksum(response.body, *checksum)) {
      return "the content does not have its checksum";
    }
    return std::nullopt;
  }

  static Call GetCall(const ObjectName& name) {
    Call call;
    call.subject = {"GetObject", "s3:GetObject", name.bucket, name.key};
    call.is_xml = false;
    return call;
  }

  std::string RegionOf(const std::string& bucket) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (const auto found = regions_.find(bucket); found != regions_.end()) return found->second;
    return settings_.region.empty() ? "us-east-1" : settings_.region;
  }

  void SetRegion(const std::string& bucket, const std::string& region) {
    const std::lock_guard<std::mutex> guard(mutex_);
    regions_[bucket] = region;
  }

  bool IsKnown(const std::string& bucket) {
    const std::lock_guard<std::mutex> guard(mutex_);
    return known_buckets_.contains(bucket);
  }

  void SetKnown(const std::string& bucket) {
    const std::lock_guard<std::mutex> guard(mutex_);
    known_buckets_.insert(bucket);
  }

  S3Request RequestOf(const Call& call, const std::string& region,
                      const S3Credentials& credentials) const {
    const S3Subject& subject = call.subject;
    const bool dots = subject.bucket.find('.') != std::string::npos;
    const bool path_style =
        settings_.url_style == S3Settings::UrlStyle::kPath ||
        (settings_.url_style == S3Settings::UrlStyle::kAuto && (!endpoint_.host.empty() || dots));
    S3Request request;
    request.operation = subject.operation;
    request.method = call.method;
    request.scheme = endpoint_.host.empty() ? "https" : endpoint_.scheme;
    request.host = endpoint_.host.empty() ? fmt::format("s3.{}.amazonaws.com{}", region,
                                                        region.starts_with("cn-") ? ".cn" : "")
                                          : endpoint_.host;
    if (path_style) {
      request.target = "/" + PercentEncode(subject.bucket, false);
    } else {
      request.host = subject.bucket + "." + request.host;
    }
    // A list names its prefix in the query.
    const bool of_bucket = subject.operation.starts_with("List") ||
                           subject.operation == "HeadBucket" ||
                           subject.operation == "DeleteObjects";
    request.target += "/";
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
        call.answer_bytes +
        (call.body == nullptr ? 0 : static_cast<std::int64_t>(call.body->size()));
    request.deadline = call.last_wish ? kLastWish
                                      : duration_cast<milliseconds>(tuning_.timeout) * 3 / 2 +
                                            milliseconds(bytes * 1000 / kSlowestBytesPerSecond);
    return request;
  }

  milliseconds DrawWait(int attempt, bool slow) {
    const milliseconds first = slow ? kFirstSlowWait : kFirstWait;
    const milliseconds bound =
        std::min<milliseconds>(first * (1 << std::min(attempt - 1, 10)), kLongestWait);
    const std::lock_guard<std::mutex> guard(mutex_);
    // Never nothing at all: the other side is to have a moment.
    return milliseconds(
        std::uniform_int_distribution<long long>(bound.count() / 20, bound.count())(random_));
  }

  // Sends a call's request until it is answered, mends what can be mended, and gives up when its
  // time or its attempts are over.
  Answer Perform(const Call& call) {
    const Clock::time_point begin = Clock::now();
    const std::string url = call.subject.Url();
    const std::string sha256 =
        call.body == nullptr || call.body->empty() ? std::string(kEmptySha256) : Sha256(*call.body);
    Answer answer;
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
      Scrub(problem.message, credentials);
      std::optional<std::string> damage;
      if (problem.ok() && call.check) damage = call.check(answer.response);
      if (problem.ok() && !damage) {
        SetKnown(call.subject.bucket);
        return answer;
      }
      const bool elsewhere =
          problem.status == 301 || problem.status == 400 || problem.status == 403;
      if (elsewhere && !problem.region.empty() && problem.region != region &&
          num_redirections < 2) {
        ++num_redirections;
        SetRegion(call.subject.bucket, problem.region);
        LogDebug(fmt::format("{}: the bucket is in {}", url, problem.region));
        continue;
      }
      if (call.method == "HEAD" && (problem.status == 400 || problem.status == 403)) {
        // An answer to HEAD does not say what is wrong; one to GET does.
        Call get = call;
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
        const Answer reason = Perform(get);
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

  [[noreturn]] static void ThrowProblem(const Answer& answer, const Call& call) {
    throw ErrorFor(answer.problem, call.subject);
  }

  // Whether the object, not the bucket, is missing. Throws if it is the bucket.
  bool IsMissing(const Answer& answer, const Call& call) {
    if (answer.problem.status != 404) return false;
    if (answer.problem.code == "NoSuchBucket") ThrowProblem(answer, call);
    if (answer.problem.code == "NoSuchKey") {
      SetKnown(call.subject.bucket);
    } else {
      RequireBucket(call.subject.bucket);
    }
    return true;
  }

  void RequireBucket(const std::string& bucket) {
    if (IsKnown(bucket)) return;
    Call call;
    call.subject = {"HeadBucket", "s3:ListBucket", bucket, ""};
    call.method = "HEAD";
    Answer answer = Perform(call);
    if (answer.problem.status == 404) {
      answer.problem.code = "NoSuchBucket";
      ThrowProblem(answer, call);
    }
    // Denied or not, it is there.
    SetKnown(bucket);
  }

  std::optional<S3Response> Head(const ObjectName& name, const std::string& query,
                                 const S3Headers& headers) {
    Call call;
    call.subject = {"HeadObject", "s3:GetObject", name.bucket, name.key};
    call.method = "HEAD";
    call.query = query;
    call.headers = headers;
    Answer answer = Perform(call);
    if (answer.problem.ok()) return std::move(answer.response);
    if (IsMissing(answer, call)) return std::nullopt;
    if (answer.problem.status == 412) return std::nullopt;
    ThrowProblem(answer, call);
  }

  // --- Downloads.

  [[noreturn]] static void ThrowGone(const ObjectName& name, bool changed) {
    throw Error(ErrorKind::kNotFound,
                changed ? name.Url() + ": has changed since it was listed; run the command again"
                        : name.Url() + ": there is no such object");
  }

  // Nothing if the object changed meanwhile or is damaged, and it is worth trying again.
  std::optional<ObjectInfo> DownloadOnce(const ObjectName& name, const std::string& etag,
                                         const LocalFile& file, bool last) {
    const std::int64_t part = tuning_.part_bytes;
    Call call = GetCall(name);
    call.headers = {{"x-amz-checksum-mode", "ENABLED"}};
    if (!etag.empty()) call.headers.emplace_back("If-Match", etag);
    call.headers.emplace_back("Range", fmt::format("bytes=0-{}", part - 1));
    call.answer_bytes = part;
    call.check = [part](const S3Response& response) -> std::optional<std::string> {
      const std::optional<std::int64_t> total = TotalOf(response);
      if (response.status == 206 &&
          (!total || std::min(*total, part) != static_cast<std::int64_t>(response.body.size()))) {
        return "the content is not whole";
      }
      if (response.status == 206 && *total > part) return std::nullopt;
      return CheckContent(response);
    };
    Answer answer = Perform(call);
    if (answer.problem.status == 416) {
      // It has no first byte: an empty object has no ranges.
      call.headers.pop_back();
      answer = Perform(call);
    }
    if (!answer.problem.ok()) {
      if (IsMissing(answer, call)) ThrowGone(name, false);
      if (answer.problem.status == 412) ThrowGone(name, true);
      ThrowProblem(answer, call);
    }
    const S3Response& first = answer.response;
    ObjectInfo info{name.key, static_cast<std::int64_t>(first.body.size()),
                    std::string(first.Header("etag"))};
    if (first.status == 206) info.num_bytes = *TotalOf(first);
    file.Write(first.body, 0);
    std::optional<S3Checksum> checksum = ChecksumOf(first);
    if (info.num_bytes > static_cast<std::int64_t>(first.body.size())) {
      if (!DownloadRest(name, info, file)) {
        if (!etag.empty() || last) ThrowGone(name, true);
        return std::nullopt;
      }
      checksum.reset();
      const std::optional<S3Response> head =
          Head(name, "", {{"x-amz-checksum-mode", "ENABLED"}, {"If-Match", info.etag}});
      if (head) checksum = ChecksumOf(*head);
    } else if (checksum && checksum->num_parts == 0) {
      return info;  // Verified as it came.
    }
    if (!checksum || FileHasChecksum(name, info, file, *checksum)) return info;
    constexpr std::string_view kDamage = "the content does not have its checksum";
    if (last) {
      throw Error(ErrorKind::kIo, fmt::format("{}: {}; gave up after {} downloads", name.Url(),
                                              kDamage, kDownloads));
    }
    LogWarning(fmt::format("{}: {}; downloading it again", name.Url(), kDamage));
    return std::nullopt;
  }

  // What follows the first range. False if the object is another one by now.
  bool DownloadRest(const ObjectName& name, const ObjectInfo& info, const LocalFile& file) {
    const std::int64_t part = tuning_.part_bytes;
    std::atomic<bool> changed = false;
    InParallel((info.num_bytes - 1) / part, [&](std::int64_t index) {
      if (changed) return;
      const std::int64_t begin = (index + 1) * part;
      const std::int64_t end = std::min(begin + part, info.num_bytes);
      Call call = GetCall(name);
      call.headers = {{"If-Match", info.etag},
                      {"Range", fmt::format("bytes={}-{}", begin, end - 1)}};
      call.answer_bytes = end - begin;
      call.check = [&](const S3Response& response) -> std::optional<std::string> {
        const std::string_view range = response.Header("content-range");
        if (response.status == 206 &&
            static_cast<std::int64_t>(response.body.size()) == end - begin &&
            range == fmt::format("bytes {}-{}/{}", begin, end - 1, info.num_bytes)) {
          return std::nullopt;
        }
        return "the content is not whole";
      };
      const Answer answer = Perform(call);
      if (answer.problem.ok()) {
        file.Write(answer.response.body, begin);
      } else if (answer.problem.status == 412 || IsMissing(answer, call)) {
        changed = true;
      } else {
        ThrowProblem(answer, call);
      }
    });
    return !changed;
  }

  // The size of a part of an object that went up in parts; nothing if the store does not say.
  std::optional<std::int64_t> PartSize(const ObjectName& name, std::int64_t number,
                                       std::int64_t num_parts) {
    const std::optional<S3Response> head = Head(name, fmt::format("partNumber={}", number), {});
    if (!head || ParseNumber(head->Header("x-amz-mp-parts-count")) != num_parts)
      return std::nullopt;
    return ParseNumber(head->Header("content-length"));
  }

  // True, too, if the checksum is of parts whose sizes the store does not tell, or that are of
  // several sizes, which no tool makes.
  bool FileHasChecksum(const ObjectName& name, const ObjectInfo& info, const LocalFile& file,
                       const S3Checksum& checksum) {
    const bool has_parts = checksum.num_parts > 0;
    std::optional<std::int64_t> part;
    if (has_parts) {
      part = PartSize(name, 1, checksum.num_parts);
      if (!part || *part <= 0 || (info.num_bytes + *part - 1) / *part != checksum.num_parts)
        return true;
    }
    S3ChecksumSum of_all(checksum.algorithm);
    S3ChecksumSum of_parts(checksum.algorithm);
    const std::int64_t step = part.value_or(std::max<std::int64_t>(info.num_bytes, 1));
    constexpr std::int64_t kBlock = 1 << 20;
    for (std::int64_t begin = 0; begin < info.num_bytes; begin += step) {
      S3ChecksumSum of_part(checksum.algorithm);
      const std::int64_t end = std::min(begin + step, info.num_bytes);
      for (std::int64_t at = begin; at < end; at += kBlock) {
        const std::string bytes = file.Read(at, std::min(kBlock, end - at));
        if (has_parts) of_part.Add(bytes);
        if (!has_parts || checksum.maybe_whole) of_all.Add(bytes);
        if (transport_.interrupted()) transport_.Wait(milliseconds(0));
      }
      if (has_parts) of_parts.Add(of_part.Finish());
    }
    const bool fits =
        (has_parts && Base64(of_parts.Finish()) == checksum.value) ||
        ((!has_parts || checksum.maybe_whole) && Base64(of_all.Finish()) == checksum.value);
    if (fits || !has_parts) return fits;
    const std::optional<std::int64_t> last = PartSize(name, checksum.num_parts, checksum.num_parts);
    return !last || *last != info.num_bytes - (checksum.num_parts - 1) * step;
  }

  // --- Uploads.

  static void AddCondition(const PutCondition& condition, S3Headers& headers) {
    if (condition.if_absent) headers.emplace_back("If-None-Match", "*");
    if (condition.if_etag) headers.emplace_back("If-Match", *condition.if_etag);
  }

  static bool HasCondition(const PutCondition& condition) {
    return condition.if_absent || condition.if_etag;
  }

  // Whether the answer says that the condition does not hold. Throws if the store knows none.
  static bool Fails(const PutCondition& condition, const Answer& answer, const Call& call) {
    if (!HasCondition(condition)) return false;
    const S3Problem& problem = answer.problem;
    if (problem.status == 501 || problem.code == "NotImplemented") {
      throw Error(ErrorKind::kUnsupported,
                  fmt::format("{}: the store can't write under a condition ({} {})",
                              call.subject.Url(), problem.status, problem.code));
    }
    return problem.status == 412 || problem.status == 409 ||
           (problem.status == 404 && problem.code == "NoSuchKey");
  }

  // The object's etag, if it was this very write that made it.
  std::optional<std::string> WrittenBy(const ObjectName& name, const std::string& word) {
    const std::optional<S3Response> head = Head(name, "", {});
    if (!head || head->Header(kWriteHeader) != word) return std::nullopt;
    return std::string(head->Header("etag"));
  }

  std::optional<std::string> PutWhole(const ObjectName& name,
                                      std::shared_ptr<const std::string> content,
                                      const PutCondition& condition) {
    Call call;
    call.subject = {"PutObject", "s3:PutObject", name.bucket, name.key};
    call.method = "PUT";
    call.writes_object = true;
    call.headers = {{"Content-Type", "application/octet-stream"},
                    {"x-amz-checksum-sha256", Base64(BytesOfHex(Sha256(*content)))}};
    call.body = std::move(content);
    call.last_wish = condition.is_last_wish;
    const std::string word = RandomUuid();
    if (HasCondition(condition)) {
      AddCondition(condition, call.headers);
      call.headers.emplace_back(kWriteHeader, word);
    }
    const Answer answer = Perform(call);
    if (answer.problem.ok()) return std::string(answer.response.Header("etag"));
    if (!Fails(condition, answer, call)) ThrowProblem(answer, call);
    return answer.uncertain ? WrittenBy(name, word) : std::nullopt;
  }

  std::optional<std::string> UploadParts(const ObjectName& name, const LocalFile& file,
                                         std::int64_t size, const PutCondition& condition) {
    const std::string word = RandomUuid();
    Call call;
    call.subject = {"CreateMultipartUpload", "s3:PutObject", name.bucket, name.key};
    call.method = "POST";
    call.query = "uploads=";
    call.writes_object = true;
    call.headers = {{"Content-Type", "application/octet-stream"},
                    {"x-amz-checksum-algorithm", "SHA256"},
                    {std::string(kWriteHeader), word}};
    call.check = [](const S3Response& response) -> std::optional<std::string> {
      const std::optional<XmlElement> root = ParseXml(response.body);
      if (root && !root->TextOf("UploadId").empty()) return std::nullopt;
      return "the answer names no upload";
    };
    const Answer answer = Perform(call);
    if (!answer.problem.ok()) ThrowProblem(answer, call);
    const std::string id = ParseXml(answer.response.body)->TextOf("UploadId");
    try {
      const std::string list = SendParts(name, file, size, id);
      std::optional<std::string> etag = Complete(name, id, list, condition, word);
      if (!etag) AbortUpload(name, id, false);
      return etag;
    } catch (const Error& error) {
      try {
        AbortUpload(name, id, error.kind() == ErrorKind::kInterrupted);
      } catch (const Error& second) {
        LogWarning(fmt::format("{}: the parts of the failed upload are left ({})", name.Url(),
                               second.what()));
      }
      throw;
    }
  }

  // Sends all parts and returns the list of them that completes the upload.
  std::string SendParts(const ObjectName& name, const LocalFile& file, std::int64_t size,
                        const std::string& id) {
    const std::int64_t part = std::max(tuning_.part_bytes, (size + kMaxParts - 1) / kMaxParts);
    const std::int64_t num_parts = (size + part - 1) / part;
    std::vector<std::string> lines(static_cast<std::size_t>(num_parts));
    InParallel(num_parts, [&](std::int64_t index) {
      Call call;
      call.subject = {"UploadPart", "s3:PutObject", name.bucket, name.key};
      call.method = "PUT";
      call.query = fmt::format("partNumber={}&uploadId={}", index + 1, PercentEncode(id, false));
      call.body = std::make_shared<const std::string>(
          file.Read(index * part, std::min(part, size - index * part)));
      const std::string checksum = Base64(BytesOfHex(Sha256(*call.body)));
      call.headers = {{"x-amz-checksum-sha256", checksum}};
      const Answer answer = Perform(call);
      if (!answer.problem.ok()) ThrowProblem(answer, call);
      lines[static_cast<std::size_t>(index)] = fmt::format(
          "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag>"
          "<ChecksumSHA256>{}</ChecksumSHA256></Part>",
          index + 1, EscapeXml(answer.response.Header("etag")), checksum);
    });
    if (file.size() != size) {
      throw Error(ErrorKind::kIo, name.Url() + ": the file changed while it was uploaded");
    }
    std::string list =
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (const std::string& line : lines) list += line;
    return list + "</CompleteMultipartUpload>";
  }

  std::optional<std::string> Complete(const ObjectName& name, const std::string& id,
                                      const std::string& list, const PutCondition& condition,
                                      const std::string& word) {
    Call call;
    call.subject = {"CompleteMultipartUpload", "s3:PutObject", name.bucket, name.key};
    call.method = "POST";
    call.query = "uploadId=" + PercentEncode(id, false);
    call.headers = {{"Content-Type", "application/xml"}};
    AddCondition(condition, call.headers);
    call.body = std::make_shared<const std::string>(list);
    // S3 puts thousands of parts together in minutes, and sends blanks meanwhile.
    call.answer_bytes = kSlowestBytesPerSecond * 120;
    call.check = [](const S3Response& response) -> std::optional<std::string> {
      const std::optional<XmlElement> root = ParseXml(response.body);
      if (root && !root->TextOf("ETag").empty()) return std::nullopt;
      return "the answer names no object";
    };
    const Answer answer = Perform(call);
    if (answer.problem.ok()) return ParseXml(answer.response.body)->TextOf("ETag");
    const bool gone = answer.problem.code == "NoSuchUpload";
    const bool fails = Fails(condition, answer, call);
    if (answer.uncertain && (gone || fails)) {
      // The attempt whose answer was lost may have completed it.
      if (std::optional<std::string> etag = WrittenBy(name, word)) return etag;
    }
    if (fails) return std::nullopt;
    if (gone) {
      throw Error(ErrorKind::kIo, name.Url() + ": the upload was aborted by someone else");
    }
    ThrowProblem(answer, call);
  }

  void AbortUpload(const ObjectName& name, const std::string& id, bool last_wish) {
    Call call;
    call.subject = {"AbortMultipartUpload", "s3:AbortMultipartUpload", name.bucket, name.key};
    call.method = "DELETE";
    call.query = "uploadId=" + PercentEncode(id, false);
    call.last_wish = last_wish;
    const Answer answer = Perform(call);
    if (!answer.problem.ok() && answer.problem.code != "NoSuchUpload") ThrowProblem(answer, call);
  }

  // --- Removals.

  void RemoveOne(const std::string& bucket, const std::string& key) {
    Call call;
    call.subject = {"DeleteObject", "s3:DeleteObject", bucket, key};
    call.method = "DELETE";
    const Answer answer = Perform(call);
    if (!answer.problem.ok() && !IsMissing(answer, call)) ThrowProblem(answer, call);
  }

  void RemoveBatch(const std::string& bucket, std::vector<std::string> keys) {
    const Clock::time_point begin = Clock::now();
    for (int attempt = 1;; ++attempt) {
      std::string list = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
      for (const std::string& key : keys) {
        list += "<Object><Key>" + EscapeXml(key) + "</Key></Object>";
      }
      list += "<Quiet>true</Quiet></Delete>";
      Call call;
      call.subject = {"DeleteObjects", "s3:DeleteObject", bucket, ""};
      call.method = "POST";
      call.query = "delete=";
      call.headers = {{"Content-Type", "application/xml"},
                      {"Content-MD5", Base64Md5(list)},
                      {"x-amz-checksum-sha256", Base64(BytesOfHex(Sha256(list)))}};
      call.body = std::make_shared<const std::string>(std::move(list));
      call.answer_bytes = kPageBytes;
      call.check = [](const S3Response& response) { return IsPage(response, "DeleteResult"); };
      const Answer answer = Perform(call);
      if (!answer.problem.ok()) ThrowProblem(answer, call);

      // Quiet: only what was not removed is named.
      keys.clear();
      S3Problem last;
      const XmlElement result = *ParseXml(answer.response.body);
      for (const XmlElement& element : result.children) {
        if (element.name != "Error" || element.TextOf("Code") == "NoSuchKey") continue;
        S3Problem problem;
        problem.code = element.TextOf("Code");
        problem.message = element.TextOf("Message");
        problem.status = problem.code == "AccessDenied" ? 403 : 200;
        S3Subject subject = call.subject;
        subject.key = element.TextOf("Key");
        if (RemedyFor(problem) == S3Remedy::kNone) throw ErrorFor(problem, subject);
        keys.push_back(subject.key);
        last = problem;
      }
      if (keys.empty()) return;
      const S3Subject subject{call.subject.operation, call.subject.permission, bucket,
                              keys.front()};
      const milliseconds wait = DrawWait(attempt, true);
      if (attempt >= tuning_.max_attempts || Clock::now() + wait - begin > tuning_.retry_time) {
        throw ErrorFor(last, subject);
      }
      LogWarning(fmt::format("{}: {}; trying again in {:.1f} s ({} of {})", subject.Url(),
                             DescribeProblem(last), std::chrono::duration<double>(wait).count(),
                             attempt + 1, tuning_.max_attempts));
      transport_.Wait(wait);
    }
  }

  const S3Settings settings_;
  const S3Tuning tuning_;
  const Endpoint endpoint_;
  Credentials credentials_;
  std::mutex mutex_;
  std::map<std::string, std::string> regions_;
  std::set<std::string> known_buckets_;
  std::mt19937_64 random_;
  S3Transport transport_;
};

}  // namespace

std::shared_ptr<ObjectStore> OpenS3(const S3Settings& settings, const S3Tuning& tuning) {
  return std::make_shared<S3Store>(settings, tuning);
}

}  // namespace firesteel
