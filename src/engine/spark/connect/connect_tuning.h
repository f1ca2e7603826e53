#pragma once

#include <chrono>
#include <cstdint>

namespace firesteel {

/// What a client does when; tests make it quicker.
struct ConnectTuning {
  /// As it is, but for what FIRESTEEL_SPARK_PATIENCE says: about how many seconds a server that
  /// does not answer is waited for. Throws Error(kUsage) if that is no number from 1 to 3600.
  static ConnectTuning FromEnvironment();

  /// For the first answer of a server: no try begins later. What is reached once is given the whole
  /// of `max_attempts`.
  std::chrono::milliseconds connect_time{30'000};
  /// For calls that answer at once, and between two messages of a stream that does not move: the
  /// stream is taken up anew then, and a server that does not answer counts as one that is gone.
  std::chrono::milliseconds answer_time{120'000};
  /// For calls that may list files or read their heads.
  std::chrono::milliseconds analyze_time{1'800'000};
  /// Of an execution of which nothing at all is heard, though the server answers otherwise.
  std::chrono::milliseconds silence_time{3'600'000};
  /// For what is only polite: to interrupt, to release.
  std::chrono::milliseconds farewell_time{2'000};
  int max_attempts = 15;
  std::chrono::milliseconds first_wait{50};
  std::chrono::milliseconds longest_wait{60'000};
  /// Results beyond that are released on the server as they come.
  std::int64_t release_over_bytes = 100LL << 20;
};

}  // namespace firesteel
