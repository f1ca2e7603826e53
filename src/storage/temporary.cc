#include "storage/temporary.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/log.h"
#include "base/random.h"

namespace firesteel {

namespace fs = std::filesystem;

bool IsSameFile(int descriptor, const std::string& path) {
  struct stat by_descriptor{};
  struct stat by_path{};
  return ::fstat(descriptor, &by_descriptor) == 0 && ::lstat(path.c_str(), &by_path) == 0 &&
         by_descriptor.st_ino == by_path.st_ino && by_descriptor.st_dev == by_path.st_dev;
}

bool LockTemporary(int descriptor, const std::string& path) {
  // A file system without locks has nobody who could take a lock for a sign of death either.
  return ::flock(descriptor, LOCK_EX) != 0 || IsSameFile(descriptor, path);
}

TemporaryFolder MakeTemporaryFolder(const std::string& parent, std::string_view prefix, mode_t mode,
                                    std::error_code& error) {
  error.clear();
  while (true) {
    TemporaryFolder made{.path =
                             (fs::path(parent) / (std::string(prefix) + RandomUuid())).string()};
    const bool is_made = ::mkdir(made.path.c_str(), mode) == 0;
    if (is_made) {
      made.descriptor = ::open(made.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (made.descriptor < 0) {
      // One that cleans up may have taken the new folder for a dead one before it was opened.
      if (is_made && errno == ENOENT) continue;
      error.assign(errno, std::system_category());
      return {};
    }
    if (LockTemporary(made.descriptor, made.path)) return made;
    ::close(made.descriptor);
  }
}

void RemoveDeadTemporaries(const std::string& folder, std::string_view prefix, bool only_own) {
  constexpr std::size_t kUuidLength = 36;
  std::error_code error;
  std::vector<std::string> candidates;
  for (fs::directory_iterator entries(folder, error); !error && entries != fs::directory_iterator();
       entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (!name.starts_with(prefix) || name.size() != prefix.size() + kUuidLength) continue;
    if (name.find_first_not_of("0123456789abcdef-", prefix.size()) != std::string::npos) continue;
    candidates.push_back(entries->path().string());
  }
  for (const std::string& candidate : candidates) {
    const int descriptor =
        ::open(candidate.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) continue;
    struct stat status{};
    const bool may_go =
        !only_own || (::fstat(descriptor, &status) == 0 && status.st_uid == ::geteuid());
    if (may_go && ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 &&
        IsSameFile(descriptor, candidate)) {
      LogDebug(fmt::format("removing '{}', left by a run that died", candidate));
      fs::remove_all(candidate, error);
    }
    ::close(descriptor);
  }
}

}  // namespace firesteel
