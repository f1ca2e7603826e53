#include "storage/s3/local_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace firesteel {
namespace {

[[noreturn]] void ThrowFileError(const std::string& path, std::string_view what) {
  throw Error(ErrorKind::kIo, fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

}  // namespace

LocalFile::LocalFile(const std::string& path, int flags) : path_(path) {
  created_ = (flags & O_CREAT) != 0;
  descriptor_ = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    created_ = false;
    ThrowFileError(path, (flags & O_CREAT) != 0 ? "can't be made" : "can't be read");
  }
}

LocalFile::~LocalFile() {
  ::close(descriptor_);
  if (created_) ::unlink(path_.c_str());
}

std::int64_t LocalFile::size() const {
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) ThrowFileError(path_, "can't be read");
  return status.st_size;
}

void LocalFile::Write(std::string_view bytes, std::int64_t offset) const {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) ThrowFileError(path_, "can't be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += written;
  }
}

std::string LocalFile::Read(std::int64_t offset, std::int64_t num_bytes) const {
  std::string bytes(static_cast<std::size_t>(num_bytes), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t read = ::pread(descriptor_, bytes.data() + done, bytes.size() - done,
                                 offset + static_cast<std::int64_t>(done));
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) ThrowFileError(path_, "can't be read");
    if (read == 0) throw Error(ErrorKind::kIo, path_ + ": became shorter while it was read");
    done += static_cast<std::size_t>(read);
  }
  return bytes;
}

void LocalFile::Truncate() const {
  if (::ftruncate(descriptor_, 0) != 0) ThrowFileError(path_, "can't be written");
}

}  // namespace firesteel
