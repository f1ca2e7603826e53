#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace firesteel {
namespace {

constexpr auto kFrame = std::chrono::milliseconds(100);
constexpr std::array<const char*, 4> kWheel = {"|", "/", "-", "\\"};
constexpr const char* kWipe = "\r\x1b[K";

void Write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

Progress::Progress(ProgressMode mode) {
  if (mode == ProgressMode::kNever) return;
  if (mode == ProgressMode::kAuto && ::isatty(STDERR_FILENO) == 0) return;
  thread_ = std::thread([this] { Draw(); });
}

Progress::~Progress() {
  End();
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Progress::Begin(std::string_view phase) {
  const std::lock_guard<std::mutex> guard(mutex_);
  phase_ = phase;
  share_.clear();
  phase_start_ = std::chrono::steady_clock::now();
}

void Progress::Tell(int done, int total) {
  const std::lock_guard<std::mutex> guard(mutex_);
  share_ = fmt::format(" {}/{}", done, total);
}

void Progress::End() {
  const std::lock_guard<std::mutex> guard(mutex_);
  phase_.clear();
  if (is_shown_) Write(kWipe);
  is_shown_ = false;
}

void Progress::Draw() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (std::size_t frame = 0; !is_over_; ++frame) {
    changed_.wait_for(lock, kFrame, [this] { return is_over_; });
    if (is_over_ || phase_.empty()) continue;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - phase_start_;
    Write(fmt::format("{}{} {}{} {:.1f} s\r", kWipe, kWheel[frame % kWheel.size()], phase_, share_,
                      elapsed.count()));
    is_shown_ = true;
  }
}

}  // namespace firesteel
