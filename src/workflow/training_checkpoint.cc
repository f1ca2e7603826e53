#include "workflow/training_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "workflow/version.h"

namespace firesteel {
namespace {

// A save may take one part in so many of the time that follows it.
constexpr int kShare = 60;

}  // namespace

TrainingCheckpoint::TrainingCheckpoint(OutputDirectory* output, const std::string& training,
                                       Options options)
    : output_(*output),
      head_(fmt::format("firesteel progress 1 {}\n",
                        Sha256(fmt::format("{} {}", Version(), training)))),
      options_(std::move(options)),
      start_(options_.now()),
      last_(start_) {}

std::optional<std::string> TrainingCheckpoint::Load() {
  std::optional<std::string> note;
  try {
    note = output_.ReadProgress();
  } catch (const Error& error) {
    LogWarning(fmt::format("the saved progress can't be read; beginning anew: {}", error.what()));
  }
  if (!note) return std::nullopt;
  if (!note->starts_with(head_)) {
    LogDebug("the saved progress is of another training");
    return std::nullopt;
  }
  return note->substr(head_.size());
}

bool TrainingCheckpoint::IsDue(bool is_last) {
  begin_ = options_.now();
  was_asked_ = true;
  was_due_ =
      IsStopping() || begin_ - last_ >= interval_ || (is_last && begin_ - start_ >= kInterval);
  return was_due_;
}

void TrainingCheckpoint::Save(std::string bytes, int done, int total) {
  try {
    output_.SaveProgress(head_ + bytes);
    saved_ = fmt::format("{} of {} iterations", done, total);
    LogDebug(fmt::format("saved the training's progress: {}", *saved_));
  } catch (const Error& error) {
    LogWarning(fmt::format("the training's progress can't be saved: {}", error.what()));
  }
  last_ = options_.now();
  interval_ = std::max<Clock::duration>(kInterval, (last_ - begin_) * kShare);
}

bool TrainingCheckpoint::WantsOneMore() const { return was_asked_ && !was_due_ && IsStopping(); }

}  // namespace firesteel
