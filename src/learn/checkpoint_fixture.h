#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "learn/checkpoint.h"
#include "learn/learner.h"

namespace firesteel {

/// A checkpoint in memory that is due after every iteration.
class MemoryCheckpoint : public Checkpoint {
 public:
  std::optional<std::string> Load() override { return bytes; }
  bool IsDue(bool) override { return true; }
  void Save(std::string saved, int, int) override { bytes = std::move(saved); }

  std::optional<std::string> bytes;
};

/// What ends a training of a test.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};

using Trainer = std::function<TrainedModel(const TrainingRun& run)>;

/// Trains up to iteration `last` and is interrupted there. Returns what was saved last; nothing if
/// the training ended before, or does not save.
inline std::optional<std::string> SaveAt(int last, const Trainer& train,
                                         std::optional<std::string> from = std::nullopt) {
  MemoryCheckpoint checkpoint;
  checkpoint.bytes = std::move(from);
  const auto stop = [&](int done, int) {
    if (done == last) throw Interrupted();
  };
  try {
    train({.progress = stop, .checkpoint = &checkpoint});
  } catch (const Interrupted&) {
    return checkpoint.bytes;
  }
  return std::nullopt;
}

/// Trains on from `bytes`. `num_iterations` becomes the number that were left to do.
inline TrainedModel TrainFrom(std::optional<std::string> bytes, const Trainer& train,
                              int* num_iterations) {
  MemoryCheckpoint checkpoint;
  checkpoint.bytes = std::move(bytes);
  *num_iterations = 0;
  return train({.progress = [&](int, int) { ++*num_iterations; }, .checkpoint = &checkpoint});
}

}  // namespace firesteel
