#include "storage/whole_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

#include "base/error.h"
#include "base/random.h"
#include "storage/temporary.h"

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

// An empty file beside `target`, locked; removed at the end if it still has its name.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& target) {
    const std::string folder = target.parent_path().string();
    // Names of more than 255 bytes are refused by the file system.
    const std::string prefix =
        fmt::format(".{}.firesteel-", target.filename().string().substr(0, 200));
    RemoveDeadTemporaries(folder, prefix);
    while (true) {
      path_ = fmt::format("{}/{}{}", folder == "/" ? "" : folder, prefix, RandomUuid());
      descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor_ < 0) Fail(target, errno);
      if (LockTemporary(descriptor_, path_)) return;
      ::close(descriptor_);
    }
  }
  ~TemporaryFile() {
    if (IsSameFile(descriptor_, path_)) ::unlink(path_.c_str());
    ::close(descriptor_);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int descriptor_ = -1;
};

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
  TemporaryFile temporary(path);
  WriteTextFile(temporary.path(), content);
  Sync(temporary.path());
  if (overwrite) {
    if (::rename(temporary.path().c_str(), path.c_str()) != 0) Fail(path, errno);
  } else if (::link(temporary.path().c_str(), path.c_str()) != 0) {
    // A link takes nobody's place; where there are none, the look above has to do.
    if (errno == EEXIST) RefuseExistingFile(target);
    if (::rename(temporary.path().c_str(), path.c_str()) != 0) Fail(path, errno);
  }
  Sync(path.parent_path());
}

}  // namespace firesteel
