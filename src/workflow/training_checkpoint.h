#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "learn/checkpoint.h"
#include "storage/output.h"

namespace firesteel {

/// Keeps the state of a long training beside the output (OutputDirectory::SaveProgress), so that
/// the same command goes on from there after a run that was stopped or killed. What another
/// training left is ignored.
class TrainingCheckpoint : public Checkpoint {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    /// Whether the run is going to be ended, so that it is time to save. May be empty.
    std::function<bool()> stop_requested = {};
    std::function<Clock::time_point()> now = Clock::now;
  };

  /// The least time between two saves; a save that takes long makes it longer, so that saving stays
  /// below 2 % of the whole.
  static constexpr std::chrono::seconds kInterval{5};

  /// `output` must outlive this. `training` tells all that decides the training.
  TrainingCheckpoint(OutputDirectory* output, const std::string& training, Options options);

  std::optional<std::string> Load() override;
  bool IsDue(bool is_last) override;
  /// Failing to save is warned of, not thrown: the training goes on without.
  void Save(std::string bytes, int done, int total) override;

  /// Whether a training that is asked to stop should do one more iteration first: it could be
  /// saved, but the request came after it was last asked about.
  bool WantsOneMore() const;

  /// "120 of 300 iterations": what is saved by this run; nothing as long as nothing is.
  const std::optional<std::string>& saved() const { return saved_; }

 private:
  bool IsStopping() const { return options_.stop_requested && options_.stop_requested(); }

  OutputDirectory& output_;
  std::string head_;
  Options options_;
  Clock::duration interval_ = kInterval;
  Clock::time_point start_;
  Clock::time_point last_;   // When the last save ended, or this was made.
  Clock::time_point begin_;  // Of the save at hand.
  bool was_asked_ = false;
  bool was_due_ = false;
  std::optional<std::string> saved_;
};

}  // namespace firesteel
