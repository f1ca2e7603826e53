#include "base/program_path.h"

#include <sys/auxv.h>

#include <system_error>

namespace firesteel {

namespace fs = std::filesystem;

const fs::path& ProgramPath() {
  static const fs::path path = [] {
    std::error_code error;
    const fs::path linked = fs::read_symlink("/proc/self/exe", error);
    if (!error) return linked;
    const auto* started = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
    if (started == nullptr) return fs::path();
    const fs::path resolved = fs::canonical(started, error);
    return error ? fs::path() : resolved;
  }();
  return path;
}

}  // namespace firesteel
