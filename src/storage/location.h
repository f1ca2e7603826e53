#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace firesteel {

/// Where something is read from or written to, as a user gave it: a local path or file:// URL
/// today. Other schemes are recognised, so that the message can say what they are.
class Location {
 public:
  /// Throws Error(kUsage) for an empty text, Error(kUnsupported) for s3://, s3a://, s3n:// and
  /// other schemes.
  static Location Parse(std::string_view text);

  /// The local path, without a trailing slash.
  const std::string& path() const { return path_; }
  Location operator/(std::string_view child) const;

  bool Exists() const;
  bool IsDirectory() const;

 private:
  explicit Location(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

/// The data files at a location, in the order of their names: the file itself, or all files below
/// the directory itself (not below its folders) whose names start with neither `_` nor `.`. Throws
/// Error(kNotFound) if nothing is there, Error(kIo) if it can't be read.
std::vector<std::string> ListDataFiles(const Location& location);

/// Reads a whole small text file (metadata, workflow). Throws Error(kNotFound or kIo).
std::string ReadTextFile(const std::string& path);
/// Writes a whole file. That it reaches the disk is up to who syncs its folder
/// (OutputDirectory::Commit). Throws Error(kIo).
void WriteTextFile(const std::string& path, std::string_view content);

}  // namespace firesteel
