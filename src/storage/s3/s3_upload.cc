#include "storage/s3/s3_upload.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/random.h"
#include "storage/s3/local_file.h"
#include "storage/s3/s3_checksums.h"
#include "storage/s3/s3_xml.h"

namespace firesteel {
namespace {

// What S3 takes.
constexpr std::int64_t kMaxParts = 10'000;
// Metadata of the object: a random word by which a write knows its own work.
constexpr std::string_view kWriteHeader = "x-amz-meta-firesteel-write";

void AddCondition(const PutCondition& condition, S3Headers& headers) {
  if (condition.if_absent) headers.emplace_back("If-None-Match", "*");
  if (condition.if_etag) headers.emplace_back("If-Match", *condition.if_etag);
}

bool HasCondition(const PutCondition& condition) {
  return condition.if_absent || condition.if_etag;
}

// Whether the answer says that the condition does not hold. Throws if the store knows none.
bool Fails(const PutCondition& condition, const S3Answer& answer, const S3Call& call) {
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
std::optional<std::string> WrittenBy(S3Client& client, const ObjectName& name,
                                     const std::string& word) {
  const std::optional<S3Response> head = client.Head(name, "", {});
  if (!head || head->Header(kWriteHeader) != word) return std::nullopt;
  return std::string(head->Header("etag"));
}

// The list of parts that completes an upload.
std::string ListOfParts(const std::vector<std::string>& lines) {
  std::string list = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const std::string& line : lines) list += line;
  return list + "</CompleteMultipartUpload>";
}

// Sends all parts and returns the list of them that completes the upload.
std::string SendParts(S3Client& client, const ObjectName& name, const LocalFile& file,
                      std::int64_t size, const std::string& id) {
  const std::int64_t part =
      std::max(client.tuning().part_bytes, (size + kMaxParts - 1) / kMaxParts);
  const std::int64_t num_parts = (size + part - 1) / part;
  std::vector<std::string> lines(static_cast<std::size_t>(num_parts));
  ThreadPool(kPartsAtOnce).For(lines.size(), [&](std::size_t i) {
    const auto index = static_cast<std::int64_t>(i);
    S3Call call;
    call.subject = {"UploadPart", "s3:PutObject", name.bucket, name.key};
    call.method = "PUT";
    call.query = fmt::format("partNumber={}&uploadId={}", index + 1, PercentEncode(id, false));
    call.body = std::make_shared<const std::string>(
        file.Read(index * part, std::min(part, size - index * part)));
    const std::string checksum = Base64(BytesOfHex(Sha256(*call.body)));
    call.headers = {{"x-amz-checksum-sha256", checksum}};
    const S3Answer answer = client.Perform(call);
    if (!answer.problem.ok()) ThrowProblem(answer, call);
    lines[i] = fmt::format(
        "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag>"
        "<ChecksumSHA256>{}</ChecksumSHA256></Part>",
        index + 1, EscapeXml(answer.response.Header("etag")), checksum);
  });
  if (file.size() != size) {
    throw Error(ErrorKind::kIo, name.Url() + ": the file changed while it was uploaded");
  }
  return ListOfParts(lines);
}

std::optional<std::string> Complete(S3Client& client, const ObjectName& name, const std::string& id,
                                    const std::string& list, const PutCondition& condition,
                                    const std::string& word) {
  S3Call call;
  call.subject = {"CompleteMultipartUpload", "s3:PutObject", name.bucket, name.key};
  call.method = "POST";
  call.query = "uploadId=" + PercentEncode(id, false);
  call.headers = {{"Content-Type", "application/xml"}};
  AddCondition(condition, call.headers);
  call.body = std::make_shared<const std::string>(list);
  // S3 puts thousands of parts together in minutes, and sends blanks meanwhile.
  call.answer_bytes = kSlowestS3BytesPerSecond * 120;
  call.check = [](const S3Response& response) -> std::optional<std::string> {
    const std::optional<XmlElement> root = ParseXml(response.body);
    if (root && !root->TextOf("ETag").empty()) return std::nullopt;
    return "the answer names no object";
  };
  const S3Answer answer = client.Perform(call);
  if (answer.problem.ok()) return ParseXml(answer.response.body)->TextOf("ETag");
  const bool gone = answer.problem.code == "NoSuchUpload";
  const bool fails = Fails(condition, answer, call);
  if (answer.uncertain && (gone || fails)) {
    // The attempt whose answer was lost may have completed it.
    if (std::optional<std::string> etag = WrittenBy(client, name, word)) return etag;
  }
  if (fails) return std::nullopt;
  if (gone) {
    throw Error(ErrorKind::kIo, name.Url() + ": the upload was aborted by someone else");
  }
  ThrowProblem(answer, call);
}

// Makes an object of parts that `send_parts`, given the id of the upload, sends and lists. They are
// aborted if it fails. `headers`: of the object.
std::optional<std::string> WriteInParts(
    S3Client& client, const ObjectName& name, S3Headers headers, const PutCondition& condition,
    const std::function<std::string(const std::string& id)>& send_parts) {
  const std::string word = RandomUuid();
  headers.emplace_back(kWriteHeader, word);
  S3Call call;
  call.subject = {"CreateMultipartUpload", "s3:PutObject", name.bucket, name.key};
  call.method = "POST";
  call.query = "uploads=";
  call.writes_object = true;
  call.see_through = true;  // Without its answer there is nothing to abort the upload by.
  call.headers = std::move(headers);
  call.check = [](const S3Response& response) -> std::optional<std::string> {
    const std::optional<XmlElement> root = ParseXml(response.body);
    if (root && !root->TextOf("UploadId").empty()) return std::nullopt;
    return "the answer names no upload";
  };
  const S3Answer answer = client.Perform(call);
  if (!answer.problem.ok()) ThrowProblem(answer, call);
  const std::string id = ParseXml(answer.response.body)->TextOf("UploadId");
  try {
    std::optional<std::string> etag = Complete(client, name, id, send_parts(id), condition, word);
    if (!etag) AbortUpload(client, name, id, false);
    return etag;
  } catch (const Error& error) {
    try {
      AbortUpload(client, name, id, error.kind() == ErrorKind::kInterrupted);
    } catch (const Error& second) {
      LogWarning(fmt::format("{}: the parts of the failed upload are left ({})", name.Url(),
                             second.what()));
    }
    throw;
  }
}

// What CopyObject and UploadPartCopy answer: the names of their checksum and ETag are the same.
XmlElement PerformCopy(S3Client& client, S3Call call, const ObjectName& from,
                       const std::string& etag) {
  call.method = "PUT";
  call.headers.emplace_back("x-amz-copy-source",
                            fmt::format("/{}/{}", from.bucket, PercentEncode(from.key, true)));
  call.headers.emplace_back("x-amz-copy-source-if-match", etag);
  // S3 begins to answer before it is done, so that what went wrong may stand in a good answer.
  call.check = [](const S3Response& response) -> std::optional<std::string> {
    const std::optional<XmlElement> root = ParseXml(response.body);
    if (root && !root->TextOf("ETag").empty()) return std::nullopt;
    return "the answer names no object";
  };
  const S3Answer answer = client.Perform(call);
  if (answer.problem.ok()) return *ParseXml(answer.response.body);
  if (answer.problem.status == 412 || answer.problem.code == "NoSuchKey") {
    throw Error(ErrorKind::kNotFound,
                fmt::format("{} is gone, or another object by now", from.Url()));
  }
  ThrowProblem(answer, call);
}

// Has the store copy an object part by part; returns the list that completes the upload.
std::string CopyParts(S3Client& client, const ObjectName& from, const std::string& etag,
                      std::int64_t size, const ObjectName& to, const std::string& id) {
  const std::int64_t part =
      std::max(client.tuning().copied_part_bytes, (size + kMaxParts - 1) / kMaxParts);
  std::vector<std::string> lines(static_cast<std::size_t>((size + part - 1) / part));
  ThreadPool(kPartsAtOnce).For(lines.size(), [&](std::size_t i) {
    const std::int64_t begin = static_cast<std::int64_t>(i) * part;
    const std::int64_t end = std::min(begin + part, size);
    S3Call call;
    call.subject = {"UploadPartCopy", "s3:PutObject", to.bucket, to.key};
    call.query = fmt::format("partNumber={}&uploadId={}", i + 1, PercentEncode(id, false));
    call.headers = {{"x-amz-copy-source-range", fmt::format("bytes={}-{}", begin, end - 1)}};
    call.answer_bytes = end - begin;
    const XmlElement copied = PerformCopy(client, call, from, etag);
    lines[i] = fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", i + 1,
                           EscapeXml(copied.TextOf("ETag")));
  });
  return ListOfParts(lines);
}

}  // namespace

std::optional<std::string> PutObject(S3Client& client, const ObjectName& name,
                                     std::shared_ptr<const std::string> content,
                                     const PutCondition& condition) {
  S3Call call;
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
  const S3Answer answer = client.Perform(call);
  if (answer.problem.ok()) return std::string(answer.response.Header("etag"));
  if (!Fails(condition, answer, call)) ThrowProblem(answer, call);
  return answer.uncertain ? WrittenBy(client, name, word) : std::nullopt;
}

std::optional<std::string> UploadObject(S3Client& client, const ObjectName& name,
                                        const std::string& path, const PutCondition& condition) {
  const LocalFile file(path, O_RDONLY);
  const std::int64_t size = file.size();
  if (size <= client.tuning().upload_in_parts_over) {
    return PutObject(client, name, std::make_shared<const std::string>(file.Read(0, size)),
                     condition);
  }
  return WriteInParts(
      client, name,
      {{"Content-Type", "application/octet-stream"}, {"x-amz-checksum-algorithm", "SHA256"}},
      condition, [&](const std::string& id) { return SendParts(client, name, file, size, id); });
}

ObjectCopy CopyObject(S3Client& client, const ObjectName& from, const std::string& etag,
                      std::int64_t num_bytes, const ObjectName& to) {
  if (num_bytes > client.tuning().copied_part_bytes) {
    // The checksum of the whole would be one of the parts' checksums.
    return {*WriteInParts(client, to, {{"Content-Type", "application/octet-stream"}}, {},
                          [&](const std::string& id) {
                            return CopyParts(client, from, etag, num_bytes, to, id);
                          }),
            ""};
  }
  S3Call call;
  call.subject = {"CopyObject", "s3:PutObject", to.bucket, to.key};
  call.writes_object = true;
  call.headers = {{"x-amz-checksum-algorithm", "SHA256"}};
  call.answer_bytes = num_bytes;
  const XmlElement copied = PerformCopy(client, call, from, etag);
  return {copied.TextOf("ETag"), Sha256HexOf(copied.TextOf("ChecksumSHA256"))};
}

void AbortUpload(S3Client& client, const ObjectName& name, const std::string& id, bool last_wish) {
  S3Call call;
  call.subject = {"AbortMultipartUpload", "s3:AbortMultipartUpload", name.bucket, name.key};
  call.method = "DELETE";
  call.query = "uploadId=" + PercentEncode(id, false);
  call.last_wish = last_wish;
  const S3Answer answer = client.Perform(call);
  if (!answer.problem.ok() && answer.problem.code != "NoSuchUpload") ThrowProblem(answer, call);
}

}  // namespace firesteel
