#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace firesteel {

enum class ProgressMode { kAuto, kAlways, kNever };

/// Shows on stderr what a step is doing and for how long, on one line that is wiped at the end.
/// kAuto: only if stderr is a terminal. Short phases are never shown.
class Progress {
 public:
  explicit Progress(ProgressMode mode);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Begin(std::string_view phase);
  /// Shows how far the phase is: "training 12/32".
  void Tell(int done, int total);
  /// Wipes the line, so that something else can be written.
  void End();

 private:
  void Draw();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string phase_;  // Empty: nothing runs.
  std::string share_;  // " 12/32", or nothing.
  std::chrono::steady_clock::time_point phase_start_;
  bool is_shown_ = false;
  bool is_over_ = false;
  std::thread thread_;  // Not started if nothing is to be shown.
};

}  // namespace firesteel
