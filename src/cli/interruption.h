#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "engine/engine.h"

namespace firesteel {

/// Turns Ctrl-C (SIGINT) and SIGTERM into an orderly end: the engine's call is interrupted, the
/// step unwinds and its staging goes. If that takes longer than a few seconds (more of them after
/// SIGTERM, as a training may want to end its iteration and be saved), or at a second signal, the
/// staging is removed from outside and the process exits. Make one before any other thread exists,
/// as it blocks the signals for all of them.
class Interruption {
 public:
  static constexpr int kTerminated = 143;  // The exit code of SIGTERM.

  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  /// The engine to interrupt; null before it is destroyed.
  void SetEngine(Engine* engine);
  /// What else to do before an exit from outside: first, as it may end who still writes.
  void SetCleanUp(std::function<void()> clean_up);
  /// 0, or the exit code of the signal that came: 130 or 143.
  int exit_code() const { return exit_code_; }
  /// Throws Error(kInterrupted) if a signal came.
  void Check() const;

 private:
  void Watch();
  void Interrupt();
  [[noreturn]] void ExitNow();

  std::atomic<int> exit_code_ = 0;
  std::mutex mutex_;
  Engine* engine_ = nullptr;
  std::function<void()> clean_up_;
  int stop_event_ = -1;
  std::thread thread_;
};

}  // namespace firesteel
