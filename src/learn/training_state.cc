#include "learn/training_state.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "base/log.h"

namespace firesteel {
namespace {

constexpr std::string_view kHead = "firesteel training 1\n";
constexpr std::size_t kHashSize = 64;

}  // namespace

std::string TrainingFingerprint::Result() const { return Sha256(text_); }

void TrainingFingerprint::AddHashed(std::string_view bytes) { AddBytes(Sha256(bytes)); }

StateWriter::StateWriter(std::string_view learner, std::string_view fingerprint) : bytes_(kHead) {
  Add(learner);
  Add(fingerprint);
}

void StateWriter::Add(std::string_view text) {
  Add(std::uint64_t{text.size()});
  bytes_ += text;
}

std::string StateWriter::Finish() {
  bytes_ += Sha256(bytes_);
  return std::move(bytes_);
}

std::optional<StateReader> StateReader::Open(std::string_view bytes, std::string_view learner,
                                             std::string_view fingerprint) {
  const bool is_whole =
      bytes.size() >= kHead.size() + kHashSize && bytes.starts_with(kHead) &&
      Sha256(bytes.substr(0, bytes.size() - kHashSize)) == bytes.substr(bytes.size() - kHashSize);
  if (!is_whole) {
    LogUselessState(learner);
    return std::nullopt;
  }
  StateReader reader(bytes.substr(kHead.size(), bytes.size() - kHead.size() - kHashSize));
  std::string of_learner;
  std::string of_training;
  reader.Read(of_learner);
  reader.Read(of_training);
  if (!reader.is_good() || of_learner != learner || of_training != fingerprint) {
    LogDebug(fmt::format("{}: the saved progress is of another training", learner));
    return std::nullopt;
  }
  return reader;
}

std::string_view StateReader::Take(std::size_t size) {
  if (!is_good_ || size > rest_.size()) {
    is_good_ = false;
    return {};
  }
  const std::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

void StateReader::Read(std::string& text) {
  std::uint64_t size = 0;
  Read(size);
  text = Take(size);
}

void LogGoingOn(std::string_view learner, int done, int total) {
  LogInfo(fmt::format("{}: going on after {} of {} iterations, which an earlier run saved", learner,
                      done, total));
}

void LogUselessState(std::string_view learner) {
  LogWarning(fmt::format("{}: what an earlier run saved of its training is damaged; beginning anew",
                         learner));
}

}  // namespace firesteel
