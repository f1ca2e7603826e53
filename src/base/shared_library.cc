#include "base/shared_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "base/error.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

// Names are looked up in the library itself first, which is most of what loading costs, and keeps
// it from taking a function of another library for its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kMode = RTLD_LAZY | RTLD_LOCAL;  // The sanitizers' own functions must come first.
#else
constexpr int kMode = RTLD_LAZY | RTLD_LOCAL | RTLD_DEEPBIND;
#endif

}  // namespace

SharedLibrary::SharedLibrary(const std::string& file) : file_(file) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path beside = program.parent_path() / "lib" / file;
  std::string reasons;
  for (const fs::path& path :
       {beside, program.parent_path().parent_path() / "lib" / file, fs::path(file).filename()}) {
    if (path.has_parent_path() && !fs::exists(path, error)) continue;
    handle_ = dlopen(path.c_str(), kMode);
    if (handle_ != nullptr) return;
    reasons += fmt::format("; {}", dlerror());
  }
  throw Error(ErrorKind::kIo, fmt::format("{} can't be loaded; it belongs into {}{}",
                                          fs::path(file).filename().string(),
                                          beside.parent_path().string(), reasons));
}

void* SharedLibrary::Function(const char* name) const {
  void* address = dlsym(handle_, name);
  if (address == nullptr) {
    throw Error(ErrorKind::kIo, fmt::format("{} has no {}: it is of another version", file_, name));
  }
  return address;
}

}  // namespace firesteel
