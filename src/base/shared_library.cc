#include "base/shared_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/program_path.h"

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

// Where a file that comes with the program may lie.
std::array<fs::path, 2> Places(const std::string& file) {
  const fs::path folder = ProgramPath().parent_path();
  return {folder / "lib" / file, folder.parent_path() / "lib" / file};
}

[[noreturn]] void ThrowNotLoaded(const std::string& file, const std::string& reasons) {
  throw Error(ErrorKind::kIo, fmt::format("{} can't be loaded; it belongs into {}{}",
                                          fs::path(file).filename().string(),
                                          Places(file)[0].parent_path().string(), reasons));
}

}  // namespace

std::string FindBesideProgram(const std::string& file) {
  std::error_code error;
  for (const fs::path& path : Places(file)) {
    if (fs::exists(path, error)) return path.string();
  }
  ThrowNotLoaded(file, "");
}

SharedLibrary::SharedLibrary(const std::string& file) : file_(file) {
  std::error_code error;
  std::string reasons;
  const auto load = [&](const fs::path& path) {
    handle_ = dlopen(path.c_str(), kMode);
    if (handle_ == nullptr) reasons += fmt::format("; {}", dlerror());
    return handle_ != nullptr;
  };
  for (const fs::path& path : Places(file)) {
    if (fs::exists(path, error) && load(path)) return;
  }
  if (!load(fs::path(file).filename())) ThrowNotLoaded(file, reasons);
}

void* SharedLibrary::Function(const char* name) const {
  void* address = dlsym(handle_, name);
  if (address == nullptr) {
    throw Error(ErrorKind::kIo, fmt::format("{} has no {}: it is of another version", file_, name));
  }
  return address;
}

}  // namespace firesteel
