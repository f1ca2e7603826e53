#pragma once

#include <optional>
#include <string>

namespace firesteel {

/// Keeps what a training has learnt so far, so that a later run goes on from there and ends with
/// the same model, bit for bit. A learner asks after each iteration whether to save, saves, and
/// only then calls TrainingRun::progress, which may end the training. What is saved is the
/// learner's own affair (training_state.h); bytes that are damaged, or of another training, are
/// ignored by it, and the training begins anew. Threads: the training's alone.
class Checkpoint {
 public:
  virtual ~Checkpoint() = default;

  /// What an earlier run of the same training saved last; nothing if there was none.
  virtual std::optional<std::string> Load() = 0;
  /// Whether to save now: the last time is long enough ago to make the cost of it small, or the
  /// training is going to be ended, or no iteration follows (`is_last`) and it took long. After a
  /// yes comes Save.
  virtual bool IsDue(bool is_last) = 0;
  /// Saves what the training knows after `done` iterations of `total`.
  virtual void Save(std::string bytes, int done, int total) = 0;
};

}  // namespace firesteel
