#include "storage/temporary.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "base/log.h"

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

void RemoveDeadTemporaries(const std::string& folder, std::string_view prefix, std::size_t rest) {
  std::error_code error;
  std::vector<std::string> candidates;
  for (fs::directory_iterator entries(folder, error); !error && entries != fs::directory_iterator();
       entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (!name.starts_with(prefix) || name.size() != prefix.size() + rest) continue;
    if (name.find_first_not_of("0123456789abcdef-", prefix.size()) != std::string::npos) continue;
    candidates.push_back(entries->path().string());
  }
  for (const std::string& candidate : candidates) {
    const int descriptor =
        ::open(candidate.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && IsSameFile(descriptor, candidate)) {
      LogDebug(fmt::format("removing '{}', left by a run that died", candidate));
      fs::remove_all(candidate, error);
    }
    ::close(descriptor);
  }
}

}  // namespace firesteel
