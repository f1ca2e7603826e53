#include "storage/location.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/text.h"
#include "storage/local_copy.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

std::string ErrnoText(int code) { return std::system_category().message(code); }

// The scheme of "scheme://…" in lower case, or nothing: a colon later in a path is part of a name.
std::string SchemeOf(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return "";
  const std::string_view scheme = text.substr(0, colon);
  if (std::isalpha(static_cast<unsigned char>(scheme[0])) == 0) return "";
  for (const char c : scheme) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '+' && c != '-' && c != '.') {
      return "";
    }
  }
  return AsciiLower(scheme);
}

// The object that `path`, what follows the scheme of `text`, names.
ObjectName ParseObject(std::string_view text, std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = std::min(path.find('/'), path.size());
  ObjectName object{.bucket = std::string(path.substr(0, slash)), .key = ""};
  if (object.bucket.empty()) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' names no bucket; give s3://BUCKET/KEY", text));
  }
  if (slash == path.size()) return object;
  object.key = path.substr(slash + 1);
  if (!CanBeMirrored(object.key)) {
    throw Error(ErrorKind::kUsage,
                fmt::format("'{}': a key with a part that is empty, '.', '..' or longer than 255 "
                            "bytes is not supported; copy the objects to another one",
                            text));
  }
  return object;
}

struct FileDescriptor {
  explicit FileDescriptor(int value) : fd(value) {}
  ~FileDescriptor() {
    if (fd >= 0) ::close(fd);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int fd;
};

// The data files directly in a folder, by their names.
std::vector<std::string> FilesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  while (!error && entries != fs::directory_iterator()) {
    const std::string name = entries->path().filename().string();
    if (IsDataName(name)) {
      std::error_code entry_error;
      const fs::file_status entry = fs::status(entries->path(), entry_error);
      if (entry.type() == fs::file_type::not_found) {
        throw Error(ErrorKind::kIo,
                    fmt::format("can't read '{}/{}': it is a broken link", folder, name));
      }
      if (entry_error) {
        throw Error(ErrorKind::kIo,
                    fmt::format("can't read '{}/{}': {}", folder, name, entry_error.message()));
      }
      if (!fs::is_directory(entry)) names.push_back(name);
    }
    entries.increment(error);
  }
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("can't list '{}': {}", folder, error.message()));
  }
  std::sort(names.begin(), names.end());
  for (std::string& name : names) name = (fs::path(folder) / name).string();
  return names;
}

// The data files that a pattern means: those it names, and those in folders it names; by name.
std::vector<std::string> MatchFiles(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> files;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      const std::string path = found.gl_pathv[i];
      std::error_code ignored;
      if (fs::is_directory(path, ignored)) {
        const std::vector<std::string> inside = FilesIn(path);
        files.insert(files.end(), inside.begin(), inside.end());
      } else if (IsDataName(fs::path(path).filename().string())) {
        files.push_back(path);
      }
    }
  }
  ::globfree(&found);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Location Location::Parse(std::string_view text) {
  if (Trim(text).empty()) {
    throw Error(ErrorKind::kUsage, "a location can't be empty; give the path of a file or folder");
  }
  if (text.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::kUsage, "a location can't contain a zero byte");
  }
  std::string_view path = text;
  const std::string scheme = SchemeOf(text);
  if (scheme == "s3" || scheme == "s3a" || scheme == "s3n") {
    return Location(ParseObject(text, text.substr(scheme.size() + std::string_view("://").size())));
  }
  if (!scheme.empty() && scheme != "file") {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("'{}': locations of scheme '{}' are not supported; give a local path, "
                            "a file:// URL or an s3:// URL",
                            text, scheme));
  }
  if (scheme == "file") {
    path.remove_prefix(std::string_view("file://").size());
    if (path.empty() || path[0] != '/') {
      throw Error(ErrorKind::kUsage,
                  fmt::format("'{}': a file:// URL has a path that begins with a slash, as in "
                              "file:///data/logs",
                              text));
    }
  } else if (text.starts_with("file:/")) {
    path.remove_prefix(std::string_view("file:").size());
  }
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return Location(std::string(path));
}

Location Location::operator/(std::string_view child) const {
  if (object_) {
    return Location({.bucket = object_->bucket,
                     .key = object_->key.empty() ? std::string(child)
                                                 : fmt::format("{}/{}", object_->key, child)});
  }
  return Location(path_.back() == '/' ? path_ + std::string(child)
                                      : fmt::format("{}/{}", path_, child));
}

bool IsRemotePath(std::string_view path) { return path.starts_with("s3://"); }

bool IsPattern(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

bool IsDataName(std::string_view name) { return name[0] != '_' && name[0] != '.'; }

void RefuseWithoutData(const std::string& path) {
  throw Error(ErrorKind::kNotFound,
              fmt::format("there is no data file in '{}' (files whose names begin with _ or . "
                          "don't count, nor do folders in it)",
                          path));
}

bool Location::Exists() const {
  if (is_remote()) return FindRemote(*this) != RemoteKind::kNothing;
  std::error_code ignored;
  return fs::exists(path_, ignored);
}

bool Location::IsDirectory() const {
  if (is_remote()) return FindRemote(*this) == RemoteKind::kFolder;
  std::error_code ignored;
  return fs::is_directory(path_, ignored);
}

std::vector<std::string> ListDataFiles(const Location& location, RemoteData remote) {
  if (location.is_remote()) {
    return remote == RemoteData::kInPlace ? UrlsOfData(location) : CopyDataFiles(location);
  }
  const std::string& path = location.path();
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    const std::vector<std::string> matches =
        IsPattern(path) ? MatchFiles(path) : std::vector<std::string>();
    if (!matches.empty()) return matches;
    throw Error(
        ErrorKind::kNotFound,
        fmt::format("'{}' {}", path, IsPattern(path) ? "matches no file" : "does not exist"));
  }
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("can't read '{}': {}", path, error.message()));
  }
  if (!fs::is_directory(status)) return {path};
  std::vector<std::string> files = FilesIn(path);
  if (files.empty()) RefuseWithoutData(path);
  return files;
}

std::string ReadTextFile(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) {
    const int code = errno;
    if (code == ENOENT || code == ENOTDIR) {
      throw Error(ErrorKind::kNotFound, fmt::format("'{}' does not exist", path));
    }
    throw Error(ErrorKind::kIo, fmt::format("can't read '{}': {}", path, ErrnoText(code)));
  }
  std::string content;
  char block[1 << 16];
  while (true) {
    const ssize_t count = ::read(file.fd, block, sizeof(block));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      throw Error(ErrorKind::kIo, fmt::format("can't read '{}': {}", path, ErrnoText(errno)));
    }
    if (count == 0) return content;
    content.append(block, static_cast<std::size_t>(count));
  }
}

void WriteTextFile(const std::string& path, std::string_view content) {
  const auto fail = [&path](int code) {
    throw Error(ErrorKind::kIo, fmt::format("can't write '{}': {}", path, ErrnoText(code)));
  };
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (file.fd < 0) fail(errno);
  while (!content.empty()) {
    const ssize_t count = ::write(file.fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno);
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  const int fd = file.fd;
  file.fd = -1;
  if (::close(fd) != 0) fail(errno);
}

}  // namespace firesteel
