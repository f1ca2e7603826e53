#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace firesteel {

/// An open local file, read and written at places that the caller names. It is closed with the
/// object, and removed too if the object made it and Keep was not called. All that fails throws
/// Error(kIo) that names the file. Threads: Read, Write and size may run on any number of threads
/// at once.
class LocalFile {
 public:
  /// `flags` as open(2) takes them; O_CREAT goes with O_EXCL, as a file that others made must not
  /// be removed.
  LocalFile(const std::string& path, int flags);
  ~LocalFile();
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;

  void Keep() { created_ = false; }
  /// Of the file as it is now, in bytes.
  std::int64_t size() const;
  void Write(std::string_view bytes, std::int64_t offset) const;
  /// Exactly that many bytes; throws if the file ends before.
  std::string Read(std::int64_t offset, std::int64_t num_bytes) const;
  /// Makes the file empty.
  void Truncate() const;

 private:
  std::string path_;
  int descriptor_ = -1;
  bool created_ = false;
};

}  // namespace firesteel
