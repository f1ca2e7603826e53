#pragma once

#include <string>
#include <string_view>

#include "engine/engine.h"
#include "workflow/step_work.h"

namespace firesteel {

/// A folder by which this process and an engine elsewhere hand each other files for a moment:
/// inside what a step makes aside, on S3 if its output is there and the engine works there. It is
/// gone with all that is in it when this is, or with the step.
class EngineFolder {
 public:
  /// With a name that begins with `name` and that nothing else has. Nothing is made yet.
  EngineFolder(Engine& engine, const StepWork::Place& place, std::string_view name);
  ~EngineFolder();
  EngineFolder(const EngineFolder&) = delete;
  EngineFolder& operator=(const EngineFolder&) = delete;

  /// Where this process writes; not made.
  const std::string& local() const { return local_; }
  /// Where the engine finds it, a path or an s3:// URL.
  const std::string& shared() const { return shared_; }
  /// Brings what lies in local() to shared(), if these are two. Throws as ObjectStore::Upload does.
  void Publish() const;

 private:
  std::string local_;
  std::string shared_;
};

}  // namespace firesteel
