#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace firesteel {

/// Tells Amazon EMR that this machine is at work, as long as it exists: by touching a file now and
/// then. EMR ends clusters that are idle for the time of their auto-termination policy, and by
/// itself sees no work where no YARN application runs. Where the file's folder is not there, which
/// is everywhere but on EMR, nothing is made and no thread is started; a file that can't be touched
/// is no error. Make it after Interruption, which blocks signals for all threads that come after
/// it.
///
/// Source: Amazon EMR Management Guide, "Using an auto-termination policy for cluster cleanup".
class Heartbeat {
 public:
  static constexpr const char* kFile = "/emr/metricscollector/isbusy";
  static constexpr std::chrono::milliseconds kPeriod{30'000};

  explicit Heartbeat(std::string file = kFile, std::chrono::milliseconds period = kPeriod);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  void Beat();

  std::string file_;
  std::chrono::milliseconds period_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace firesteel
