#include "storage/output.h"

#include <fmt/format.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <system_error>

#include "base/error.h"
#include "storage/output_target.h"

namespace firesteel {
namespace {

// Outputs that are being made, for AbandonAll; the mutex is held while one is committed.
struct LivingOutputs {
  std::mutex mutex;
  std::set<OutputTarget*> outputs;
  bool abandoned = false;
};

LivingOutputs& Living() {
  static LivingOutputs living;
  return living;
}

}  // namespace

OutputDirectory::OutputDirectory(const Location& target, const OutputOptions& options)
    : is_remote_(target.is_remote()),
      target_(target.is_remote() ? MakeObjectOutput(target, options)
                                 : MakeLocalOutput(target, options)) {
  LivingOutputs& living = Living();
  const std::lock_guard<std::mutex> guard(living.mutex);
  living.outputs.insert(target_.get());
}

OutputDirectory::~OutputDirectory() {
  LivingOutputs& living = Living();
  const std::lock_guard<std::mutex> guard(living.mutex);
  living.outputs.erase(target_.get());
  target_.reset();
}

const std::string& OutputDirectory::staging() const { return target_->staging(); }

const std::string& OutputDirectory::name_salt() const { return target_->name_salt(); }

std::string OutputDirectory::MakeFolder(const std::string& relative) {
  const std::string path = fmt::format("{}/{}", staging(), relative);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("can't make '{}': {}", path, error.message()));
  }
  return path;
}

std::string OutputDirectory::RemoteFolder(const std::string& relative) {
  return target_->RemoteFolder(relative);
}

std::vector<AdoptedFile> OutputDirectory::Adopt(const std::string& relative,
                                                const std::string& uuid) {
  return target_->Adopt(relative, uuid);
}

std::optional<std::string> OutputDirectory::ReadOld(const std::string& relative) const {
  return target_->ReadOld(relative);
}

bool OutputDirectory::IsOldIntact(const std::string& folder) const {
  return target_->IsOldIntact(folder);
}

void OutputDirectory::Keep(const std::string& folder) { target_->Keep(folder); }

void OutputDirectory::PublishStatus(const std::string& text) { target_->PublishStatus(text); }

void OutputDirectory::SaveProgress(const std::string& bytes) { target_->SaveProgress(bytes); }

std::optional<std::string> OutputDirectory::ReadProgress() const { return target_->ReadProgress(); }

void OutputDirectory::Commit() {
  LivingOutputs& living = Living();
  const std::lock_guard<std::mutex> guard(living.mutex);
  if (living.abandoned) throw Error(ErrorKind::kInterrupted, "interrupted");
  target_->Commit();
}

void OutputDirectory::AbandonAll() {
  LivingOutputs& living = Living();
  const std::lock_guard<std::mutex> guard(living.mutex);
  living.abandoned = true;
  for (OutputTarget* output : living.outputs) output->Abandon();
}

}  // namespace firesteel
