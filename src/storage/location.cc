#include "storage/location.h"

#include <fcntl.h>
#include <fmt/format.h>
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

struct FileDescriptor {
  explicit FileDescriptor(int value) : fd(value) {}
  ~FileDescriptor() {
    if (fd >= 0) ::close(fd);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int fd;
};

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
    throw Error(ErrorKind::kUnsupported,
                fmt::format("'{}' is on S3, which this version does not reach; copy it to a local "
                            "folder and give that path",
                            text));
  }
  if (!scheme.empty() && scheme != "file") {
    throw Error(ErrorKind::kUnsupported,
                fmt::format("'{}': locations of scheme '{}' are not supported; give a local path "
                            "or a file:// URL",
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
  return Location(path_.back() == '/' ? path_ + std::string(child)
                                      : fmt::format("{}/{}", path_, child));
}

bool Location::Exists() const {
  std::error_code ignored;
  return fs::exists(path_, ignored);
}

bool Location::IsDirectory() const {
  std::error_code ignored;
  return fs::is_directory(path_, ignored);
}

std::vector<std::string> ListDataFiles(const Location& location) {
  const std::string& path = location.path();
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    throw Error(ErrorKind::kNotFound, fmt::format("'{}' does not exist", path));
  }
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("can't read '{}': {}", path, error.message()));
  }
  if (!fs::is_directory(status)) return {path};

  std::vector<std::string> names;
  fs::directory_iterator entries(path, error);
  while (!error && entries != fs::directory_iterator()) {
    const std::string name = entries->path().filename().string();
    if (name[0] != '_' && name[0] != '.') {
      std::error_code entry_error;
      const fs::file_status entry = fs::status(entries->path(), entry_error);
      if (entry.type() == fs::file_type::not_found) {
        throw Error(ErrorKind::kIo,
                    fmt::format("can't read '{}/{}': it is a broken link", path, name));
      }
      if (entry_error) {
        throw Error(ErrorKind::kIo,
                    fmt::format("can't read '{}/{}': {}", path, name, entry_error.message()));
      }
      if (!fs::is_directory(entry)) names.push_back(name);
    }
    entries.increment(error);
  }
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("can't list '{}': {}", path, error.message()));
  }
  if (names.empty()) {
    throw Error(ErrorKind::kNotFound,
                fmt::format("there is no data file in '{}' (files whose names begin with _ or . "
                            "don't count, nor do folders in it)",
                            path));
  }
  std::sort(names.begin(), names.end());
  std::vector<std::string> files;
  files.reserve(names.size());
  for (const std::string& name : names) files.push_back((location / name).path());
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
