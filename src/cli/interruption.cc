#include "cli/interruption.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <system_error>

#include "base/error.h"
#include "storage/object_store.h"
#include "storage/output.h"
#include "storage/scratch.h"

namespace firesteel {
namespace {

constexpr auto kPatience = std::chrono::seconds(3);
// Less than the ten seconds that container runtimes wait before they kill.
constexpr auto kPatienceOfTermination = std::chrono::seconds(8);
constexpr int kRetryMilliseconds = 50;

sigset_t WatchedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

Interruption::Interruption() : stop_event_(::eventfd(0, EFD_CLOEXEC)) {
  if (stop_event_ < 0) {
    throw Error(ErrorKind::kInternal,
                "no eventfd can be made: " + std::system_category().message(errno));
  }
  const sigset_t signals = WatchedSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  thread_ = std::thread([this] { Watch(); });
}

Interruption::~Interruption() {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(stop_event_, &one, sizeof(one)));
  thread_.join();
  ::close(stop_event_);
}

void Interruption::SetEngine(Engine* engine) {
  const std::lock_guard<std::mutex> guard(mutex_);
  engine_ = engine;
}

void Interruption::SetCleanUp(std::function<void()> clean_up) {
  const std::lock_guard<std::mutex> guard(mutex_);
  clean_up_ = std::move(clean_up);
}

void Interruption::Check() const {
  if (exit_code_ != 0) throw Error(ErrorKind::kInterrupted, "interrupted");
}

void Interruption::Interrupt() {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (engine_ != nullptr) engine_->Interrupt();
  InterruptObjectStore();
}

void Interruption::ExitNow() {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (clean_up_) clean_up_();
  }
  OutputDirectory::AbandonAll();
  RemoveScratchFolder();
  const std::string message = fmt::format(
      "firesteel: error: stopped; nothing was written (exit code {})\n", exit_code_.load());
  static_cast<void>(!::write(STDERR_FILENO, message.data(), message.size()));
  ::_exit(exit_code_);
}

void Interruption::Watch() {
  const sigset_t signals = WatchedSignals();
  const int signal_event = ::signalfd(-1, &signals, SFD_CLOEXEC);
  std::chrono::steady_clock::time_point deadline;
  while (true) {
    pollfd events[] = {{stop_event_, POLLIN, 0}, {signal_event, POLLIN, 0}};
    // The step may be between two calls of the engine, so one interrupt is not enough.
    const int timeout = exit_code_ == 0 ? -1 : kRetryMilliseconds;
    const int ready = ::poll(events, 2, timeout);
    if (ready < 0 && errno != EINTR) break;
    if (ready > 0 && events[0].revents != 0) break;
    if (ready > 0 && events[1].revents != 0) {
      signalfd_siginfo info{};
      if (::read(signal_event, &info, sizeof(info)) != sizeof(info)) continue;
      if (exit_code_ != 0) ExitNow();
      exit_code_ = 128 + static_cast<int>(info.ssi_signo);
      deadline = std::chrono::steady_clock::now() +
                 (exit_code_ == kTerminated ? kPatienceOfTermination : kPatience);
    }
    if (exit_code_ != 0) {
      Interrupt();
      if (std::chrono::steady_clock::now() > deadline) ExitNow();
    }
  }
  ::close(signal_event);
}

}  // namespace firesteel
