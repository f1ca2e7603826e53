#include "storage/s3/s3_download.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "storage/s3/local_file.h"
#include "storage/s3/s3_checksums.h"

namespace firesteel {
namespace {

// How often an object is downloaded, the first time included, that comes damaged or changes
// meanwhile.
constexpr int kDownloads = 3;

// The size of the whole object in "bytes 0-99/1234".
std::optional<std::int64_t> TotalOf(const S3Response& response) {
  const std::string_view range = response.Header("content-range");
  const std::size_t slash = range.rfind('/');
  return slash == std::string_view::npos ? std::nullopt : ParseS3Number(range.substr(slash + 1));
}

// Whether the content is the one that the headers speak of.
std::optional<std::string> CheckContent(const S3Response& response) {
  const std::string_view length = response.Header("content-length");
  if (!length.empty() && ParseS3Number(length) != static_cast<std::int64_t>(response.body.size())) {
    return "the content is not whole";
  }
  const std::optional<S3Checksum> checksum = ChecksumOf(response);
  if (checksum && checksum->num_parts == 0 && !HasChecksum(response.body, *checksum)) {
    return "the content does not have its checksum";
  }
  return std::nullopt;
}

S3Call GetCall(const ObjectName& name) {
  S3Call call;
  call.subject = {"GetObject", "s3:GetObject", name.bucket, name.key};
  call.is_xml = false;
  return call;
}

[[noreturn]] void ThrowGone(const ObjectName& name, bool changed) {
  throw Error(ErrorKind::kNotFound,
              changed ? name.Url() + ": has changed since it was listed; run the command again"
                      : name.Url() + ": there is no such object");
}

// What follows the first range. False if the object is another one by now.
bool DownloadRest(S3Client& client, const ObjectName& name, const ObjectInfo& info,
                  const LocalFile& file) {
  const std::int64_t part = client.tuning().part_bytes;
  std::atomic<bool> changed = false;
  const auto num_parts = static_cast<std::size_t>((info.num_bytes - 1) / part);
  ThreadPool(kPartsAtOnce).For(num_parts, [&](std::size_t index) {
    if (changed) return;
    const std::int64_t begin = (static_cast<std::int64_t>(index) + 1) * part;
    const std::int64_t end = std::min(begin + part, info.num_bytes);
    S3Call call = GetCall(name);
    call.headers = {{"If-Match", info.etag}, {"Range", fmt::format("bytes={}-{}", begin, end - 1)}};
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
    const S3Answer answer = client.Perform(call);
    if (answer.problem.ok()) {
      file.Write(answer.response.body, begin);
    } else if (answer.problem.status == 412 || client.IsMissing(answer, call)) {
      changed = true;
    } else {
      ThrowProblem(answer, call);
    }
  });
  return !changed;
}

// The size of a part of an object that went up in parts; nothing if the store does not say.
std::optional<std::int64_t> PartSize(S3Client& client, const ObjectName& name, std::int64_t number,
                                     std::int64_t num_parts) {
  const std::optional<S3Response> head =
      client.Head(name, fmt::format("partNumber={}", number), {});
  if (!head || ParseS3Number(head->Header("x-amz-mp-parts-count")) != num_parts)
    return std::nullopt;
  return ParseS3Number(head->Header("content-length"));
}

// True, too, if the checksum is of parts whose sizes the store does not tell, or that are of
// several sizes, which no tool makes.
bool FileHasChecksum(S3Client& client, const ObjectName& name, const ObjectInfo& info,
                     const LocalFile& file, const S3Checksum& checksum) {
  const bool has_parts = checksum.num_parts > 0;
  std::optional<std::int64_t> part;
  if (has_parts) {
    part = PartSize(client, name, 1, checksum.num_parts);
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
      client.ThrowIfInterrupted();
    }
    if (has_parts) of_parts.Add(of_part.Finish());
  }
  const bool fits =
      (has_parts && Base64(of_parts.Finish()) == checksum.value) ||
      ((!has_parts || checksum.maybe_whole) && Base64(of_all.Finish()) == checksum.value);
  if (fits || !has_parts) return fits;
  const std::optional<std::int64_t> last =
      PartSize(client, name, checksum.num_parts, checksum.num_parts);
  return !last || *last != info.num_bytes - (checksum.num_parts - 1) * step;
}

// Nothing if the object changed meanwhile or is damaged, and it is worth trying again.
std::optional<ObjectInfo> DownloadOnce(S3Client& client, const ObjectName& name,
                                       const std::string& etag, const LocalFile& file, bool last) {
  const std::int64_t part = client.tuning().part_bytes;
  S3Call call = GetCall(name);
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
  S3Answer answer = client.Perform(call);
  if (answer.problem.status == 416) {
    // It has no first byte: an empty object has no ranges.
    call.headers.pop_back();
    answer = client.Perform(call);
  }
  if (!answer.problem.ok()) {
    if (client.IsMissing(answer, call)) ThrowGone(name, false);
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
    if (!DownloadRest(client, name, info, file)) {
      if (!etag.empty() || last) ThrowGone(name, true);
      return std::nullopt;
    }
    checksum.reset();
    const std::optional<S3Response> head =
        client.Head(name, "", {{"x-amz-checksum-mode", "ENABLED"}, {"If-Match", info.etag}});
    if (head) checksum = ChecksumOf(*head);
  } else if (checksum && checksum->num_parts == 0) {
    return info;  // Verified as it came.
  }
  if (!checksum || FileHasChecksum(client, name, info, file, *checksum)) return info;
  constexpr std::string_view kDamage = "the content does not have its checksum";
  if (last) {
    throw Error(ErrorKind::kIo,
                fmt::format("{}: {}; gave up after {} downloads", name.Url(), kDamage, kDownloads));
  }
  LogWarning(fmt::format("{}: {}; downloading it again", name.Url(), kDamage));
  return std::nullopt;
}

}  // namespace

std::optional<ObjectText> ReadObject(S3Client& client, const ObjectName& name) {
  S3Call call = GetCall(name);
  call.headers = {{"x-amz-checksum-mode", "ENABLED"}};
  call.answer_bytes = client.tuning().part_bytes;
  call.check = [](const S3Response& response) { return CheckContent(response); };
  S3Answer answer = client.Perform(call);
  if (!answer.problem.ok()) {
    if (client.IsMissing(answer, call)) return std::nullopt;
    ThrowProblem(answer, call);
  }
  std::string etag(answer.response.Header("etag"));
  return ObjectText{std::move(answer.response.body), std::move(etag)};
}

ObjectInfo DownloadObject(S3Client& client, const ObjectName& name, const std::string& etag,
                          const std::string& path) {
  LocalFile file(path, O_CREAT | O_EXCL | O_RDWR);
  for (int i = 1;; ++i) {
    const std::optional<ObjectInfo> info = DownloadOnce(client, name, etag, file, i == kDownloads);
    if (info) {
      file.Keep();
      return *info;
    }
    file.Truncate();
  }
}

}  // namespace firesteel
