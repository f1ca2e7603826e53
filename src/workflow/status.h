#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/output.h"
#include "workflow/steps.h"

namespace firesteel {

/// status.json of an output: what a step is doing while it runs, and how it ended; the format is
/// told in docs/format/status.md. A reader sees a whole file, the one before or the next.
/// Threads: the step's alone.
class StepStatus {
 public:
  using Clock = std::chrono::steady_clock;
  using Rows = std::vector<std::pair<std::string, std::int64_t>>;  // Part -> rows.

  /// A change of phase is published no sooner than this after what was published before.
  static constexpr std::chrono::seconds kInterval{5};

  /// Publishes nothing yet. `output` must outlive this. `observer` is the caller's.
  StepStatus(OutputDirectory* output, std::string step, StepObserver observer,
             std::function<Clock::time_point()> now = Clock::now);

  /// Takes note of what the step is doing, publishes that if it is time to, and then calls the
  /// caller's observer. Refers to this.
  StepObserver observer();

  /// The part of the step that runs from now on; it is put before phases. May be empty.
  void SetPart(std::string part) { part_ = std::move(part); }
  /// Publishes that the step runs.
  void Start();
  /// Writes that the step is done into the output that is about to be committed.
  void WriteDone(const Rows& rows);
  /// Publishes that the step is done, for an output that stays as it is.
  void PublishDone(const Rows& rows);
  /// Publishes that the step ended without a result; `was_stopped`: because somebody wished so.
  void PublishFailure(std::string_view error, bool was_stopped);

 private:
  std::string Text(std::string_view state, const Rows& rows, std::string_view error) const;
  void Publish();
  void Observe(const StepProgress& progress);

  OutputDirectory& output_;
  std::string step_;
  StepObserver observer_;
  std::function<Clock::time_point()> now_;
  std::string started_;
  Clock::time_point last_;  // When something was published last.
  std::string part_;
  std::string phase_;
  int done_ = 0;
  int total_ = 0;
};

}  // namespace firesteel
