#include "workflow/engine_folder.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <system_error>

#include "base/random.h"
#include "storage/location.h"
#include "storage/object_store.h"

namespace firesteel {

EngineFolder::EngineFolder(Engine& engine, const StepWork::Place& place, std::string_view name) {
  const std::string unique = fmt::format("{}-{}", name, RandomUuid());
  local_ = fmt::format("{}/{}", place.directory, unique);
  const bool is_remote = place.output != nullptr && place.output->is_remote() && engine.WorksOnS3();
  shared_ = is_remote ? place.output->RemoteFolder(unique) : local_;
}

EngineFolder::~EngineFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(local_, ignored);
}

void EngineFolder::Publish() const {
  if (shared_ == local_) return;
  const std::shared_ptr<ObjectStore> store = TheObjectStore();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(local_)) {
    if (!entry.is_regular_file()) continue;
    const std::string relative = std::filesystem::relative(entry.path(), local_).string();
    const Location place = Location::Parse(shared_) / relative;
    store->Upload(place.object(), entry.path().string(), {});
  }
}

}  // namespace firesteel
