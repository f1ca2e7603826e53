#include "storage/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/random.h"
#include "base/text.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

constexpr unsigned int kRenameNoReplace = 1;
constexpr unsigned int kRenameExchange = 2;
constexpr std::string_view kManifest = "manifest.json";

// Outputs that are being made, for AbandonAll; the mutex is held while one is committed.
struct LivingOutputs {
  std::mutex mutex;
  std::set<OutputDirectory*> outputs;
  bool abandoned = false;
};

LivingOutputs& Living() {
  static LivingOutputs living;
  return living;
}

std::string ErrnoText(int code) { return std::system_category().message(code); }

// glibc's renameat2 is younger than some systems we run on; the system call is not.
int RenameAt2(const std::string& from, const std::string& to, unsigned int flags) {
  return static_cast<int>(
      ::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags));
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// True for the names that Spark gives to files it writes.
bool IsSparkFile(std::string_view name) {
  if (name == "_SUCCESS" || name == "metrics.json") return true;
  if (name.starts_with("_committed_") || name.starts_with("_started_")) return true;
  if (name.ends_with("_$folder$")) return true;
  if (name.size() > 5 && name[0] == '.' && name.ends_with(".crc")) {
    return IsSparkFile(name.substr(1, name.size() - 5));
  }
  if (!name.starts_with("part-")) return false;
  const std::string_view rest = name.substr(5);
  std::size_t digits = 0;
  while (digits < rest.size() && IsDigit(rest[digits])) ++digits;
  return digits >= 5 && (digits == rest.size() || rest[digits] == '-' || rest[digits] == '.');
}

// Adds the files that a manifest names, with `prefix` (its folder, relative to the output) before.
void AddManifestFiles(const std::string& path, const std::string& prefix,
                      std::set<std::string>* files) {
  const nlohmann::json manifest =
      nlohmann::json::parse(ReadTextFile(path), nullptr, /*allow_exceptions=*/false);
  if (!manifest.is_object() || !manifest.contains("firesteel") || !manifest.contains("files") ||
      !manifest["files"].is_array()) {
    return;
  }
  for (const nlohmann::json& file : manifest["files"]) {
    if (file.is_object() && file.contains("path") && file["path"].is_string()) {
      files->insert(prefix + file["path"].get<std::string>());
    }
  }
}

// The files that the manifest of an old output names, relative to it, and those that the manifests
// of outputs within it name if it may hold any.
std::set<std::string> ManifestFiles(const std::string& directory, bool holds_outputs) {
  std::set<std::string> files;
  std::error_code ignored;
  const std::string own = fmt::format("{}/{}", directory, kManifest);
  if (fs::is_regular_file(own, ignored)) AddManifestFiles(own, "", &files);
  if (!holds_outputs) return files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.path().filename() != kManifest || entry.is_symlink() || !entry.is_regular_file()) {
      continue;
    }
    const std::string folder = entry.path().parent_path().lexically_relative(directory).string();
    if (folder != ".") AddManifestFiles(entry.path().string(), folder + "/", &files);
  }
  return files;
}

// The first entry, by name, of an existing output that neither we nor Spark wrote. A manifest
// counts as ours only if it names files, so that somebody else's manifest.json is safe.
std::optional<std::string> FindForeign(const std::string& directory, const OutputOptions& options) {
  const std::vector<std::string>& entries = options.entries;
  const std::set<std::string> ours = ManifestFiles(directory, options.holds_outputs);
  std::set<std::string> foreign;
  for (const fs::directory_entry& top : fs::directory_iterator(directory)) {
    const std::string top_name = top.path().filename().string();
    if (top_name == kManifest && !ours.empty()) continue;
    if (!entries.empty() && std::find(entries.begin(), entries.end(), top_name) == entries.end() &&
        !ours.contains(top_name) && !(IsSparkFile(top_name) && top.is_regular_file())) {
      foreign.insert(top_name);
      continue;
    }
    const auto check = [&](const fs::directory_entry& entry) {
      const std::string relative = entry.path().lexically_relative(directory).string();
      const bool is_link = entry.is_symlink();
      if (entry.is_directory() && !is_link) return;
      const bool is_spark =
          !is_link && entry.is_regular_file() && IsSparkFile(entry.path().filename().string());
      if (!is_spark && !(ours.contains(relative) && !is_link)) foreign.insert(relative);
    };
    check(top);
    if (top.is_directory() && !top.is_symlink()) {
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(top.path())) {
        check(entry);
      }
    }
  }
  if (foreign.empty()) return std::nullopt;
  return *foreign.begin();
}

// Throws if what lies at `target` may not be replaced.
void CheckReplaceable(const std::string& target, const OutputOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(target, error);
  if (status.type() == fs::file_type::not_found) return;
  if (error) {
    throw Error(ErrorKind::kIo,
                fmt::format("can't look at the output '{}': {}", target, error.message()));
  }
  if (!fs::is_directory(status)) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("the output '{}' is a file; give a folder", target));
  }
  try {
    if (fs::is_empty(target)) return;
    if (!options.overwrite) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("the output '{}' exists already; give another folder, or "
                              "--overwrite-output true to replace it",
                              target));
    }
    const std::optional<std::string> foreign = FindForeign(target, options);
    if (foreign) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("the output '{}' holds '{}', which this step did not write and will "
                              "not delete; move it away or give another folder",
                              target, *foreign));
    }
  } catch (const fs::filesystem_error& failure) {
    throw Error(ErrorKind::kIo,
                fmt::format("can't look at the output '{}': {}", target, failure.code().message()));
  }
}

// The target without symbolic links, `.` and `..`.
std::string ResolveTarget(const std::string& path) {
  std::error_code error;
  if (fs::is_symlink(path, error) && !fs::exists(path, error)) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("the output '{}' is a symbolic link that leads nowhere", path));
  }
  fs::path resolved = fs::weakly_canonical(fs::absolute(path, error), error);
  if (error) {
    throw Error(ErrorKind::kIo,
                fmt::format("can't use the output '{}': {}", path, error.message()));
  }
  std::string text = resolved.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  if (text == "/") {
    throw Error(ErrorKind::kInvalidArgument, "the output can't be the root folder");
  }
  return text;
}

bool IsInside(const std::string& path, const std::string& directory) {
  return path == directory || (path.size() > directory.size() && path.starts_with(directory) &&
                               path[directory.size()] == '/');
}

void CheckInputs(const std::string& target, std::span<const Location> inputs) {
  for (const Location& input : inputs) {
    std::error_code error;
    const std::string resolved =
        fs::weakly_canonical(fs::absolute(input.path(), error), error).string();
    if (!error && IsInside(resolved, target)) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("the input '{}' lies in the output '{}', which would be replaced; "
                              "give another output folder",
                              input.path(), target));
    }
  }
}

std::string StagingPrefix(const std::string& target) {
  // Names of more than 255 bytes are refused by the file system.
  const std::string name = fs::path(target).filename().string().substr(0, 200);
  return fmt::format(".{}.firesteel-", name);
}

// True if `fd` is still what lies at `path`.
bool IsSameFile(int fd, const std::string& path) {
  struct stat by_fd{};
  struct stat by_path{};
  return ::fstat(fd, &by_fd) == 0 && ::lstat(path.c_str(), &by_path) == 0 &&
         by_fd.st_ino == by_path.st_ino && by_fd.st_dev == by_path.st_dev;
}

// Removes the staging directories of dead runs on the same output. What can't be removed stays.
void RemoveStale(const std::string& target) {
  const std::string prefix = StagingPrefix(target);
  std::error_code error;
  std::vector<std::string> candidates;
  for (fs::directory_iterator entries(fs::path(target).parent_path(), error);
       !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (!name.starts_with(prefix) || name.size() != prefix.size() + 16) continue;
    if (name.find_first_not_of("0123456789abcdef", prefix.size()) != std::string::npos) continue;
    candidates.push_back(entries->path().string());
  }
  for (const std::string& candidate : candidates) {
    const int fd = ::open(candidate.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0 && IsSameFile(fd, candidate)) {
      LogDebug(fmt::format("removing '{}', left by a run that died", candidate));
      fs::remove_all(candidate, error);
    }
    ::close(fd);
  }
}

// Makes the missing parents of `target`; returns those it made, outermost first.
std::vector<std::string> MakeParents(const std::string& target) {
  std::vector<std::string> missing;
  std::error_code error;
  for (fs::path parent = fs::path(target).parent_path(); !fs::exists(parent, error);
       parent = parent.parent_path()) {
    if (error) break;
    missing.push_back(parent.string());
  }
  std::reverse(missing.begin(), missing.end());
  std::vector<std::string> made;
  for (const std::string& parent : missing) {
    if (::mkdir(parent.c_str(), 0777) == 0) {
      made.push_back(parent);
    } else if (errno != EEXIST) {
      const int code = errno;
      for (auto it = made.rbegin(); it != made.rend(); ++it) ::rmdir(it->c_str());
      throw Error(ErrorKind::kIo, fmt::format("can't make the folder '{}' for the output '{}': {}",
                                              parent, target, ErrnoText(code)));
    }
  }
  return made;
}

void SyncPath(const std::string& path, bool is_directory) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | (is_directory ? O_DIRECTORY : 0));
  const bool opened = fd >= 0;
  // EINVAL: a file system that can't sync directories.
  const bool synced = opened && (::fsync(fd) == 0 || errno == EINVAL);
  const int code = errno;
  if (opened) ::close(fd);
  if (!synced) {
    throw Error(ErrorKind::kIo, fmt::format("can't flush '{}' to disk: {}", path, ErrnoText(code)));
  }
}

void SyncTree(const std::string& root) {
  std::vector<std::string> files;
  std::vector<std::string> directories = {root};
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    (entry.is_directory() ? directories : files).push_back(entry.path().string());
  }
  // Waiting for a disk takes no core, and a file system writes out many small files in one go.
  constexpr int kWaiting = 8;
  constexpr std::size_t kFew = 4;
  ThreadPool threads(files.size() + directories.size() > kFew ? kWaiting : 1);
  threads.For(files.size(), [&](std::size_t i) { SyncPath(files[i], false); });
  threads.For(directories.size(), [&](std::size_t i) { SyncPath(directories[i], true); });
}

}  // namespace

OutputDirectory::OutputDirectory(const Location& target, const OutputOptions& options)
    : target_(ResolveTarget(target.path())), options_(options) {
  CheckInputs(target_, options.inputs);
  options_.inputs = {};  // The caller's, and of no use after this.
  CheckReplaceable(target_, options_);
  made_parents_ = MakeParents(target_);
  RemoveStale(target_);

  const std::string parent = fs::path(target_).parent_path().string();
  while (lock_ < 0) {
    std::string random = RandomUuid();
    std::erase(random, '-');
    staging_ = fmt::format("{}/{}{}", parent == "/" ? "" : parent, StagingPrefix(target_),
                           random.substr(0, 16));
    const bool made = ::mkdir(staging_.c_str(), 0777) == 0;
    if (!made && errno == EEXIST) continue;
    if (made) lock_ = ::open(staging_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // A run that cleans up may have taken the new directory for a dead one before it was locked.
    if (lock_ >= 0 && ::flock(lock_, LOCK_EX) == 0 && !IsSameFile(lock_, staging_)) {
      ::close(lock_);
      lock_ = -1;
      continue;
    }
    if (lock_ >= 0) break;
    const int code = errno;
    for (auto it = made_parents_.rbegin(); it != made_parents_.rend(); ++it) ::rmdir(it->c_str());
    throw Error(ErrorKind::kIo,
                fmt::format("can't write the output '{}': no folder can be made in '{}': {}",
                            target_, parent, ErrnoText(code)));
  }
  LivingOutputs& living = Living();
  const std::lock_guard<std::mutex> guard(living.mutex);
  living.outputs.insert(this);
}

OutputDirectory::~OutputDirectory() {
  LivingOutputs& living = Living();
  const std::lock_guard<std::mutex> guard(living.mutex);
  living.outputs.erase(this);
  RemoveStaging();
  if (lock_ >= 0) ::close(lock_);
}

std::string OutputDirectory::MakeFolder(const std::string& relative) {
  const std::string path = fmt::format("{}/{}", staging_, relative);
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("can't make '{}': {}", path, error.message()));
  }
  return path;
}

void OutputDirectory::Commit() {
  LivingOutputs& living = Living();
  const std::lock_guard<std::mutex> guard(living.mutex);
  if (living.abandoned) throw Error(ErrorKind::kInterrupted, "interrupted");
  try {
    SyncTree(staging_);
  } catch (const fs::filesystem_error& failure) {
    throw Error(ErrorKind::kIo,
                fmt::format("can't flush '{}' to disk: {}", staging_, failure.code().message()));
  }
  CheckReplaceable(target_, options_);

  const std::string parent = fs::path(target_).parent_path().string();
  const auto fail = [this](int code) {
    throw Error(ErrorKind::kIo, fmt::format("can't put the finished output in place as '{}': {}{}",
                                            target_, ErrnoText(code),
                                            code == EBUSY ? " (is it a mount point? give a folder "
                                                            "below it)"
                                                          : ""));
  };
  const auto is_unknown_flag = [](int code) { return code == EINVAL || code == ENOSYS; };
  std::string old = staging_;  // Where the old output will lie.
  std::error_code ignored;
  if (!fs::exists(target_, ignored)) {
    old.clear();
    if (RenameAt2(staging_, target_, kRenameNoReplace) != 0) {
      if (!is_unknown_flag(errno) || ::rename(staging_.c_str(), target_.c_str()) != 0) fail(errno);
    }
  } else if (RenameAt2(staging_, target_, kRenameExchange) != 0) {
    if (!is_unknown_flag(errno)) fail(errno);
    // A file system without exchange, such as NFS: the target is away for the moment between two
    // renames. The old output's name is one that no clean-up takes for a dead run's.
    old = fmt::format("{}/.{}.before-firesteel", parent, fs::path(target_).filename().string());
    if (::rename(target_.c_str(), old.c_str()) != 0) fail(errno);
    if (::rename(staging_.c_str(), target_.c_str()) != 0) {
      const int code = errno;
      static_cast<void>(::rename(old.c_str(), target_.c_str()));
      fail(code);
    }
  }
  committed_ = true;
  SyncPath(parent, true);
  if (!old.empty()) {
    std::error_code error;
    fs::remove_all(old, error);
    if (error) {
      LogWarning(fmt::format("the old output could not be removed and stays at '{}': {}", old,
                             error.message()));
    }
  }
}

void OutputDirectory::RemoveStaging() {
  if (committed_ || staging_.empty()) return;
  std::error_code error;
  fs::remove_all(staging_, error);
  for (auto it = made_parents_.rbegin(); it != made_parents_.rend(); ++it) ::rmdir(it->c_str());
}

void OutputDirectory::AbandonAll() {
  LivingOutputs& living = Living();
  const std::lock_guard<std::mutex> guard(living.mutex);
  living.abandoned = true;
  for (OutputDirectory* output : living.outputs) {
    // Other threads may still add files while their folder is being removed.
    for (int attempt = 0; attempt < 10; ++attempt) {
      output->RemoveStaging();
      std::error_code error;
      if (output->committed_ || !fs::exists(output->staging_, error)) break;
    }
  }
}

}  // namespace firesteel
