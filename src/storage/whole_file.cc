#include "storage/whole_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

#include "base/error.h"
#include "base/random.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Fail(const fs::path& path, int reason) {
  throw Error(ErrorKind::kIo, fmt::format("can't write '{}': {}", path.string(),
                                          std::system_category().message(reason)));
}

// Brings what a path names, a file or a folder, to the disk.
void Sync(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) Fail(path, errno);
  const int reason = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  // Some file systems can't sync a folder, and say so.
  if (reason != 0 && reason != EINVAL) Fail(path, reason);
}

[[noreturn]] void RefuseExistingFile(const Location& target) {
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("'{}' exists already; give another name, or allow it to be replaced "
                          "with --overwrite-output true",
                          target.path()));
}

}  // namespace

void CheckFileTarget(const Location& target, bool overwrite) {
  if (target.is_remote()) {
    if (target.object().key.empty()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("'{}' is a bucket; give the name of an object in it", target.path()));
    }
    if (!overwrite && TheObjectStore()->Find(target.object())) RefuseExistingFile(target);
    return;
  }
  if (target.IsDirectory()) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("'{}' is a folder; give the name of a file", target.path()));
  }
  if (!overwrite && target.Exists()) RefuseExistingFile(target);
}

void WriteWholeFile(const Location& target, std::string_view content, bool overwrite) {
  if (target.is_remote()) {
    PutCondition condition;
    condition.if_absent = !overwrite;
    if (!TheObjectStore()->Put(target.object(), content, condition)) RefuseExistingFile(target);
    return;
  }
  CheckFileTarget(target, overwrite);
  std::error_code error;
  const fs::path path = fs::weakly_canonical(fs::absolute(target.path()), error);
  if (error) Fail(target.path(), error.value());
  fs::create_directories(path.parent_path(), error);
  if (error) Fail(path.parent_path(), error.value());
  const fs::path temporary =
      path.parent_path() / fmt::format(".{}.firesteel-{}", path.filename().string(), RandomUuid());
  try {
    WriteTextFile(temporary.string(), content);
    Sync(temporary);
    if (::rename(temporary.c_str(), path.c_str()) != 0) Fail(path, errno);
    Sync(path.parent_path());
  } catch (const Error&) {
    fs::remove(temporary, error);
    throw;
  }
}

}  // namespace firesteel
