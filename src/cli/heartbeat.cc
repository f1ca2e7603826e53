#include "cli/heartbeat.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace firesteel {
namespace {

// Returns 0 or an errno. Creates the file, but no folder.
int Touch(const std::string& file) {
  if (::utimensat(AT_FDCWD, file.c_str(), nullptr, 0) == 0) return 0;
  if (errno != ENOENT) return errno;
  constexpr mode_t kForAll = 0666;  // What the umask leaves of it: others touch it, too.
  const int made = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, kForAll);
  if (made < 0) return errno;
  ::close(made);
  return 0;
}

}  // namespace

Heartbeat::Heartbeat(std::string file, std::chrono::milliseconds period)
    : file_(std::move(file)), period_(period) {
  std::error_code error;
  if (!std::filesystem::is_directory(std::filesystem::path(file_).parent_path(), error)) return;
  if (const int refused = Touch(file_)) {
    LogDebug(fmt::format("can't touch '{}', by which EMR sees that it is at work: {}", file_,
                         std::system_category().message(refused)));
  }
  thread_ = std::thread([this] { Beat(); });
}

Heartbeat::~Heartbeat() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Heartbeat::Beat() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!changed_.wait_for(lock, period_, [this] { return is_over_; })) Touch(file_);
}

}  // namespace firesteel
