#include "storage/scratch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "storage/temporary.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "firesteel-";

struct Scratch {
  std::mutex mutex;
  TemporaryFolder folder;
};

Scratch& TheScratch() {
  static Scratch scratch;
  return scratch;
}

}  // namespace

const std::string& ScratchFolder() {
  Scratch& scratch = TheScratch();
  const std::lock_guard<std::mutex> guard(scratch.mutex);
  if (!scratch.folder.path.empty()) return scratch.folder.path;
  std::error_code error;
  fs::path parent = fs::temp_directory_path(error);
  if (error) parent = "/tmp";
  RemoveDeadTemporaries(parent.string(), kPrefix, /*only_own=*/true);
  const TemporaryFolder made = MakeTemporaryFolder(parent.string(), kPrefix, 0700, error);
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("no temporary folder can be made in '{}' (TMPDIR): {}",
                                            parent.string(), error.message()));
  }
  scratch.folder = made;
  return scratch.folder.path;
}

void RemoveScratchFolder() {
  Scratch& scratch = TheScratch();
  const std::lock_guard<std::mutex> guard(scratch.mutex);
  if (scratch.folder.path.empty()) return;
  std::error_code ignored;
  fs::remove_all(scratch.folder.path, ignored);
  ::close(scratch.folder.descriptor);
  scratch.folder = {};
}

}  // namespace firesteel
