#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "storage/output_rules.h"
#include "storage/output_target.h"
#include "storage/temporary.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

// Of the temporary names that WriteWholeFile gives to a status.
constexpr std::string_view kStatusPrefix = ".status.json.firesteel-";
constexpr unsigned int kRenameNoReplace = 1;
constexpr unsigned int kRenameExchange = 2;

std::string ErrnoText(int code) { return std::system_category().message(code); }

// glibc's renameat2 is younger than some systems we run on; the system call is not.
int RenameAt2(const std::string& from, const std::string& to, unsigned int flags) {
  return static_cast<int>(
      ::syscall(SYS_renameat2, AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags));
}

// What lies in an output, but for a status that is being written, or that a killed run was about to
// write: that is ours, as the status is.
std::vector<OutputEntry> EntriesOf(const std::string& directory) {
  std::vector<OutputEntry> entries;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with(kStatusPrefix) &&
        entry.path().parent_path() == fs::path(directory)) {
      continue;
    }
    OutputEntry& found = entries.emplace_back();
    found.path = entry.path().lexically_relative(directory).string();
    if (entry.is_symlink() || !(entry.is_directory() || entry.is_regular_file())) {
      found.kind = OutputEntry::Kind::kOther;
    } else if (entry.is_directory()) {
      found.kind = OutputEntry::Kind::kFolder;
    }
  }
  return entries;
}

// Throws if what lies at `target` may not be replaced. Returns false if it was replaced while it
// was looked at.
bool LookAtTarget(const std::string& target, const OutputOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(target, error);
  if (status.type() == fs::file_type::not_found) return true;
  if (error) {
    throw Error(ErrorKind::kIo,
                fmt::format("can't look at the output '{}': {}", target, error.message()));
  }
  if (!fs::is_directory(status)) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("the output '{}' is a file; give a folder", target));
  }
  try {
    const std::vector<OutputEntry> entries = EntriesOf(target);
    const std::set<std::string> ours = OurFiles(entries, options, [&](const std::string& path) {
      return ReadTextFile(fmt::format("{}/{}", target, path));
    });
    if (entries.empty() || (entries.size() == 1 && ours == std::set{std::string(kStatusFile)})) {
      return true;
    }
    if (!options.overwrite) RefuseExisting(target);
    const std::optional<std::string> foreign = FindForeign(entries, ours, options);
    if (foreign) RefuseForeign(target, *foreign);
    return true;
  } catch (const fs::filesystem_error& failure) {
    if (failure.code() == std::errc::no_such_file_or_directory) return false;
    throw Error(ErrorKind::kIo,
                fmt::format("can't look at the output '{}': {}", target, failure.code().message()));
  } catch (const Error& failure) {
    if (failure.kind() == ErrorKind::kNotFound) return false;
    throw;
  }
}

// Throws if what lies at `target` may not be replaced.
void CheckReplaceable(const std::string& target, const OutputOptions& options) {
  // Other runs may put their outputs there meanwhile.
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (LookAtTarget(target, options)) return;
  }
  throw Error(ErrorKind::kIo,
              fmt::format("can't look at the output '{}': it is replaced all the time", target));
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
    if (!error && IsInside(resolved, target)) RefuseInputInside(input.path(), target);
  }
}

std::string StagingPrefix(const std::string& target) {
  // Names of more than 255 bytes are refused by the file system.
  const std::string name = fs::path(target).filename().string().substr(0, 200);
  return fmt::format(".{}.firesteel-", name);
}

// Removes the staging directories of dead runs on the same output. What can't be removed stays.
void RemoveStale(const std::string& target) {
  RemoveDeadTemporaries(fs::path(target).parent_path().string(), StagingPrefix(target));
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

// Puts a file that exists under a second name, as a link where the file system has them.
void LinkOrCopy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  fs::create_hard_link(from, to, error);
  if (error) fs::copy_file(from, to, error);
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("can't keep '{}' as '{}': {}", from.string(),
                                            to.string(), error.message()));
  }
}

class LocalOutput final : public OutputTarget {
 public:
  LocalOutput(const Location& target, const OutputOptions& options);
  ~LocalOutput() override;
  LocalOutput(const LocalOutput&) = delete;
  LocalOutput& operator=(const LocalOutput&) = delete;

  const std::string& staging() const override { return staging_; }
  const std::string& name_salt() const override { return no_salt_; }

  std::optional<std::string> ReadOld(const std::string& relative) const override {
    const std::string path = fmt::format("{}/{}", target_, relative);
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return std::nullopt;
    return ReadTextFile(path);
  }
  bool IsOldIntact(const std::string& folder) const override;
  void Keep(const std::string& folder) override;

  void PublishStatus(const std::string& text) override;
  void SaveProgress(const std::string& bytes) override { WriteAside(bytes, ProgressPath()); }
  std::optional<std::string> ReadProgress() const override {
    std::error_code error;
    if (!fs::is_regular_file(ProgressPath(), error)) return std::nullopt;
    return ReadTextFile(ProgressPath());
  }

  void Commit() override;
  void Abandon() override;

 private:
  // The files of the old output below a folder, as the output's manifest lists them.
  std::vector<ListedFile> OldFiles(const std::string& folder) const;
  std::string ProgressPath() const {
    const fs::path target(target_);
    return (target.parent_path() /
            fmt::format(".{}.firesteel-progress", target.filename().string()))
        .string();
  }
  // Writes a file that appears whole at `path`: made in the staging folder, so that what a killed
  // run leaves of it goes with that.
  void WriteAside(const std::string& content, const std::string& path) const;
  void PutInPlace(std::string* old);
  void RemoveStaging();

  std::string target_;
  std::string staging_;
  std::string no_salt_;
  OutputOptions options_;
  std::vector<std::string> made_parents_;  // Outermost first.
  int lock_ = -1;                          // Descriptor of staging_, locked while we live.
  bool committed_ = false;
};

LocalOutput::LocalOutput(const Location& target, const OutputOptions& options)
    : target_(ResolveTarget(target.path())), options_(options) {
  CheckInputs(target_, options.inputs);
  options_.inputs = {};  // The caller's, and of no use after this.
  CheckReplaceable(target_, options_);
  made_parents_ = MakeParents(target_);
  RemoveStale(target_);

  const std::string parent = fs::path(target_).parent_path().string();
  std::error_code error;
  const TemporaryFolder made = MakeTemporaryFolder(parent, StagingPrefix(target_), 0777, error);
  if (error) {
    for (auto it = made_parents_.rbegin(); it != made_parents_.rend(); ++it) ::rmdir(it->c_str());
    throw Error(ErrorKind::kIo,
                fmt::format("can't write the output '{}': no folder can be made in '{}': {}",
                            target_, parent, error.message()));
  }
  staging_ = made.path;
  lock_ = made.descriptor;
}

LocalOutput::~LocalOutput() {
  RemoveStaging();
  if (lock_ >= 0) ::close(lock_);
}

std::vector<ListedFile> LocalOutput::OldFiles(const std::string& folder) const {
  const std::optional<std::string> manifest = ReadOld(std::string(kManifestFile));
  std::vector<ListedFile> files;
  if (!manifest) return files;
  for (ListedFile& file : FilesOfManifest(*manifest)) {
    if (file.path.starts_with(folder + '/')) files.push_back(std::move(file));
  }
  return files;
}

bool LocalOutput::IsOldIntact(const std::string& folder) const {
  const std::vector<ListedFile> files = OldFiles(folder);
  return !files.empty() && std::all_of(files.begin(), files.end(), [&](const ListedFile& file) {
    std::error_code error;
    const fs::path path = fs::path(target_) / file.path;
    return fs::is_regular_file(path, error) && !fs::is_symlink(path, error) &&
           static_cast<std::int64_t>(fs::file_size(path, error)) == file.num_bytes && !error;
  });
}

void LocalOutput::Keep(const std::string& folder) {
  for (const ListedFile& file : OldFiles(folder)) {
    LinkOrCopy(fs::path(target_) / file.path, fs::path(staging_) / file.path);
  }
}

void LocalOutput::WriteAside(const std::string& content, const std::string& path) const {
  const std::string aside = staging_ + "/.aside.firesteel";
  std::error_code error;
  try {
    WriteTextFile(aside, content);
    SyncPath(aside, false);
  } catch (const Error&) {
    fs::remove(aside, error);
    throw;
  }
  if (::rename(aside.c_str(), path.c_str()) != 0) {
    const int code = errno;
    fs::remove(aside, error);
    throw Error(ErrorKind::kIo, fmt::format("can't write '{}': {}", path, ErrnoText(code)));
  }
}

void LocalOutput::PublishStatus(const std::string& text) {
  try {
    std::error_code ignored;
    fs::create_directory(target_, ignored);
    WriteAside(text, fmt::format("{}/{}", target_, kStatusFile));
  } catch (const Error& error) {
    LogDebug(fmt::format("the status could not be written: {}", error.what()));
  }
}

// Exchanges staging and target. `old` becomes where the old output lies then; empty: there was
// none.
void LocalOutput::PutInPlace(std::string* old) {
  const std::string parent = fs::path(target_).parent_path().string();
  const auto fail = [this](int code) {
    throw Error(ErrorKind::kIo, fmt::format("can't put the finished output in place as '{}': {}{}",
                                            target_, ErrnoText(code),
                                            code == EBUSY ? " (is it a mount point? give a folder "
                                                            "below it)"
                                                          : ""));
  };
  const auto is_unknown_flag = [](int code) { return code == EINVAL || code == ENOSYS; };
  std::error_code ignored;
  old->clear();
  if (!options_.overwrite) {
    // Only into nothing, so that of two runs one wins; a status alone is nothing.
    constexpr int kAttempts = 100;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      CheckReplaceable(target_, options_);
      fs::remove(fmt::format("{}/{}", target_, kStatusFile), ignored);
      RemoveDeadTemporaries(target_, kStatusPrefix);
      ::rmdir(target_.c_str());
      if (RenameAt2(staging_, target_, kRenameNoReplace) == 0) return;
      // Without the flag, rename takes an empty folder's place and no other's.
      if (is_unknown_flag(errno) && ::rename(staging_.c_str(), target_.c_str()) == 0) return;
      if (errno != EEXIST && errno != ENOTEMPTY) fail(errno);
    }
    fail(EEXIST);
  }
  if (!fs::exists(target_, ignored)) {
    if (RenameAt2(staging_, target_, kRenameNoReplace) == 0) return;
    if (is_unknown_flag(errno) && ::rename(staging_.c_str(), target_.c_str()) == 0) return;
    if (errno != EEXIST && errno != ENOTEMPTY) fail(errno);
    CheckReplaceable(target_, options_);
  }
  *old = staging_;
  if (RenameAt2(staging_, target_, kRenameExchange) == 0) return;
  if (!is_unknown_flag(errno)) fail(errno);
  // A file system without exchange, such as NFS: the target is away for the moment between two
  // renames. The old output's name is one that no clean-up takes for a dead run's.
  *old = fmt::format("{}/.{}.before-firesteel", parent, fs::path(target_).filename().string());
  if (::rename(target_.c_str(), old->c_str()) != 0) fail(errno);
  if (::rename(staging_.c_str(), target_.c_str()) != 0) {
    const int code = errno;
    static_cast<void>(::rename(old->c_str(), target_.c_str()));
    fail(code);
  }
}

void LocalOutput::Commit() {
  try {
    SyncTree(staging_);
  } catch (const fs::filesystem_error& failure) {
    throw Error(ErrorKind::kIo,
                fmt::format("can't flush '{}' to disk: {}", staging_, failure.code().message()));
  }
  // On a disk that was unmounted meanwhile, folders were made anew below its mount point, and only
  // what was written since then is there.
  if (!IsSameFile(lock_, staging_)) {
    throw Error(ErrorKind::kIo,
                fmt::format("can't put the finished output in place as '{}': the folder '{}', in "
                            "which it was made, is gone; was its disk unmounted?",
                            target_, staging_));
  }
  CheckReplaceable(target_, options_);
  std::string old;
  PutInPlace(&old);
  committed_ = true;
  SyncPath(fs::path(target_).parent_path().string(), true);
  std::error_code error;
  fs::remove(ProgressPath(), error);
  if (!old.empty()) {
    fs::remove_all(old, error);
    if (error) {
      LogWarning(fmt::format("the old output could not be removed and stays at '{}': {}", old,
                             error.message()));
    }
  }
}

void LocalOutput::RemoveStaging() {
  if (committed_ || staging_.empty()) return;
  std::error_code error;
  fs::remove_all(staging_, error);
  for (auto it = made_parents_.rbegin(); it != made_parents_.rend(); ++it) ::rmdir(it->c_str());
}

void LocalOutput::Abandon() {
  // Other threads may still add files while their folder is being removed.
  for (int attempt = 0; attempt < 10; ++attempt) {
    RemoveStaging();
    std::error_code error;
    if (committed_ || !fs::exists(staging_, error)) break;
  }
}

}  // namespace

std::unique_ptr<OutputTarget> MakeLocalOutput(const Location& target,
                                              const OutputOptions& options) {
  return std::make_unique<LocalOutput>(target, options);
}

}  // namespace firesteel
