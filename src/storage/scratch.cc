#include "storage/scratch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <mutex>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "firesteel-";
constexpr std::size_t kUuidLength = 36;

struct Scratch {
  std::mutex mutex;
  std::string path;
  int lock = -1;
};

Scratch& TheScratch() {
  static Scratch scratch;
  return scratch;
}

// Whether a folder is the scratch folder of a process of this user that has died.
bool IsDead(const fs::path& path, int fd) {
  struct stat by_fd{};
  struct stat by_path{};
  return ::fstat(fd, &by_fd) == 0 && by_fd.st_uid == ::geteuid() &&
         ::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::lstat(path.c_str(), &by_path) == 0 &&
         by_fd.st_ino == by_path.st_ino;
}

void RemoveDead(const fs::path& parent) {
  std::error_code error;
  for (fs::directory_iterator it(parent, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with(kPrefix) || name.size() != kPrefix.size() + kUuidLength) continue;
    const int fd = ::open(it->path().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) continue;
    if (IsDead(it->path(), fd)) {
      LogDebug(fmt::format("removing '{}', left by a run that died", it->path().string()));
      std::error_code ignored;
      fs::remove_all(it->path(), ignored);
    }
    ::close(fd);
  }
}

}  // namespace

const std::string& ScratchFolder() {
  Scratch& scratch = TheScratch();
  const std::lock_guard<std::mutex> guard(scratch.mutex);
  if (!scratch.path.empty()) return scratch.path;
  std::error_code error;
  fs::path parent = fs::temp_directory_path(error);
  if (error) parent = "/tmp";
  RemoveDead(parent);
  while (true) {
    const std::string path = (parent / fmt::format("{}{}", kPrefix, RandomUuid())).string();
    const bool made = ::mkdir(path.c_str(), 0700) == 0;
    const int fd = made ? ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    // One that cleans up may have taken the new folder for a dead one before it was opened or
    // locked.
    if (made && fd < 0 && errno == ENOENT) continue;
    if (fd < 0) {
      throw Error(ErrorKind::kIo,
                  fmt::format("no temporary folder can be made in '{}' (TMPDIR): {}",
                              parent.string(), std::system_category().message(errno)));
    }
    struct stat status{};
    if (::flock(fd, LOCK_EX) == 0 && ::stat(path.c_str(), &status) == 0) {
      scratch.path = path;
      scratch.lock = fd;
      return scratch.path;
    }
    ::close(fd);
  }
}

void RemoveScratchFolder() {
  Scratch& scratch = TheScratch();
  const std::lock_guard<std::mutex> guard(scratch.mutex);
  if (scratch.path.empty()) return;
  std::error_code ignored;
  fs::remove_all(scratch.path, ignored);
  ::close(scratch.lock);
  scratch.path.clear();
}

}  // namespace firesteel
