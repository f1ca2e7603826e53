#include "storage/s3/s3_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "storage/s3/s3_checksums.h"
#include "storage/s3/s3_client.h"
#include "storage/s3/s3_download.h"
#include "storage/s3/s3_errors.h"
#include "storage/s3/s3_upload.h"
#include "storage/s3/s3_urls.h"
#include "storage/s3/s3_xml.h"

namespace firesteel {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A list comes in pages of 1000 entries, a removal takes as many keys.
constexpr std::int64_t kPageBytes = 2 << 20;
constexpr std::size_t kKeysOfARemoval = 1000;

std::optional<std::string> IsPage(const S3Response& response, std::string_view root) {
  const std::optional<XmlElement> page = ParseXml(response.body);
  if (page && page->name == root) return std::nullopt;
  return "the answer is no list";
}

class S3Store final : public ObjectStore {
 public:
  S3Store(const S3Settings& settings, const S3Tuning& tuning) : client_(settings, tuning) {}

  std::vector<ObjectInfo> List(const ObjectName& prefix) override {
    S3Call call;
    call.subject = {"ListObjectsV2", "s3:ListBucket", prefix.bucket, prefix.key};
    call.answer_bytes = kPageBytes;
    call.check = [](const S3Response& response) { return IsPage(response, "ListBucketResult"); };
    std::vector<ObjectInfo> objects;
    std::string token;
    do {
      call.query = token.empty() ? "" : "continuation-token=" + PercentEncode(token, false) + "&";
      call.query += "encoding-type=url&list-type=2&prefix=" + PercentEncode(prefix.key, false);
      const S3Answer answer = client_.Perform(call);
      if (!answer.problem.ok()) ThrowProblem(answer, call);
      const XmlElement page = *ParseXml(answer.response.body);
      const bool encoded = page.TextOf("EncodingType") == "url";
      for (const XmlElement& element : page.children) {
        if (element.name != "Contents") continue;
        const std::string key = element.TextOf("Key");
        objects.push_back({encoded ? PercentDecode(key) : key,
                           ParseS3Number(element.TextOf("Size")).value_or(0),
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
    const std::optional<S3Response> head = client_.Head(name, "", {});
    if (!head) return std::nullopt;
    return ObjectInfo{name.key, ParseS3Number(head->Header("content-length")).value_or(0),
                      std::string(head->Header("etag"))};
  }

  std::optional<ObjectText> Read(const ObjectName& name) override {
    return ReadObject(client_, name);
  }

  ObjectInfo Download(const ObjectName& name, const std::string& etag,
                      const std::string& path) override {
    return DownloadObject(client_, name, etag, path);
  }

  std::optional<std::string> Put(const ObjectName& name, std::string_view content,
                                 const PutCondition& condition) override {
    return PutObject(client_, name, std::make_shared<const std::string>(content), condition);
  }

  std::optional<std::string> Upload(const ObjectName& name, const std::string& path,
                                    const PutCondition& condition) override {
    return UploadObject(client_, name, path, condition);
  }

  ObjectCopy Copy(const ObjectName& from, const std::string& etag, std::int64_t num_bytes,
                  const ObjectName& to) override {
    return CopyObject(client_, from, etag, num_bytes, to);
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
    S3Call call;
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
      const S3Answer answer = client_.Perform(call);
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
    AbortUpload(client_, {bucket, upload.key}, upload.id, false);
  }

  void Interrupt() override { client_.Interrupt(); }

 private:
  void RemoveOne(const std::string& bucket, const std::string& key) {
    S3Call call;
    call.subject = {"DeleteObject", "s3:DeleteObject", bucket, key};
    call.method = "DELETE";
    const S3Answer answer = client_.Perform(call);
    if (!answer.problem.ok() && !client_.IsMissing(answer, call)) ThrowProblem(answer, call);
  }

  // S3Client::Perform tries again what fails as a whole. Of an answer that is good the keys which
  // could not be removed are sent again here, within the same bounds.
  void RemoveBatch(const std::string& bucket, std::vector<std::string> keys) {
    const Clock::time_point begin = Clock::now();
    for (int attempt = 1;; ++attempt) {
      std::string list = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
      for (const std::string& key : keys) {
        list += "<Object><Key>" + EscapeXml(key) + "</Key></Object>";
      }
      list += "<Quiet>true</Quiet></Delete>";
      S3Call call;
      call.subject = {"DeleteObjects", "s3:DeleteObject", bucket, ""};
      call.method = "POST";
      call.query = "delete=";
      call.headers = {{"Content-Type", "application/xml"},
                      {"Content-MD5", Base64Md5(list)},
                      {"x-amz-checksum-sha256", Base64(BytesOfHex(Sha256(list)))}};
      call.body = std::make_shared<const std::string>(std::move(list));
      call.answer_bytes = kPageBytes;
      call.check = [](const S3Response& response) { return IsPage(response, "DeleteResult"); };
      const S3Answer answer = client_.Perform(call);
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
      const milliseconds wait = client_.DrawWait(attempt, true);
      if (attempt >= client_.tuning().max_attempts ||
          Clock::now() + wait - begin > client_.tuning().retry_time) {
        throw ErrorFor(last, subject);
      }
      LogWarning(fmt::format("{}: {}; trying again in {:.1f} s ({} of {})", subject.Url(),
                             DescribeProblem(last), std::chrono::duration<double>(wait).count(),
                             attempt + 1, client_.tuning().max_attempts));
      client_.Wait(wait);
    }
  }

  S3Client client_;
};

}  // namespace

std::shared_ptr<ObjectStore> OpenS3(const S3Settings& settings, const S3Tuning& tuning) {
  return std::make_shared<S3Store>(settings, tuning);
}

}  // namespace firesteel
