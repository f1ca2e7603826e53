#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/object_store.h"

namespace firesteel {

/// Where something is read from or written to, as a user gave it: a local path, a file:// URL, or
/// objects of S3 (s3://, s3a:// and s3n:// mean the same).
class Location {
 public:
  /// Throws Error(kUsage) for an empty text, an S3 location without a bucket and a key with an
  /// empty part or one of dots; Error(kUnsupported) for other schemes.
  static Location Parse(std::string_view text);

  /// The local path, or s3://bucket/key; without a trailing slash.
  const std::string& path() const { return path_; }
  /// Whether it is on S3. What takes plain paths needs a copy then (storage/local_copy.h).
  bool is_remote() const { return object_.has_value(); }
  /// Where on S3; only of a location that is remote.
  const ObjectName& object() const { return object_.value(); }
  Location operator/(std::string_view child) const;

  /// Both ask the store if it is remote: a "directory" is a prefix below which there are objects.
  bool Exists() const;
  bool IsDirectory() const;

 private:
  explicit Location(std::string path) : path_(std::move(path)) {}
  explicit Location(ObjectName object) : path_(object.Url()), object_(std::move(object)) {}

  std::string path_;
  std::optional<ObjectName> object_;
};

/// What becomes of data files on S3 before they are read.
enum class RemoteData {
  kCopied,   // They are copied, unless they are large (CopyDataFiles in storage/local_copy.h).
  kInPlace,  // They stay, whatever their size, for who reads them from elsewhere than here.
};

/// The data files at a location, in the order of their names: the file itself, or all files below
/// the directory itself (not below its folders) whose names start with neither `_` nor `.`; or,
/// where there is no such file, those that a pattern means (`*`, `?` and `[…]` within one part of
/// the path). Objects of S3 are fetched first, all at once; what is returned are local copies, or
/// URLs of what is not copied, as `remote` says. Throws Error(kNotFound) if nothing is there,
/// Error(kIo) if it can't be read.
std::vector<std::string> ListDataFiles(const Location& location,
                                       RemoteData remote = RemoteData::kCopied);

/// Whether a path that ListDataFiles returned is an object on S3 that was left in place.
bool IsRemotePath(std::string_view path);
/// Whether a path has one of the characters `*`, `?`, `[`.
bool IsPattern(std::string_view path);
/// Whether a file's name is that of data: it begins with neither `_` nor `.`.
bool IsDataName(std::string_view name);
/// What ListDataFiles throws for a folder without data files.
[[noreturn]] void RefuseWithoutData(const std::string& path);

/// Reads a whole small text file (metadata, workflow). Throws Error(kNotFound or kIo).
std::string ReadTextFile(const std::string& path);
/// Writes a whole file. That it reaches the disk is up to who syncs its folder
/// (OutputDirectory::Commit). Throws Error(kIo).
void WriteTextFile(const std::string& path, std::string_view content);

}  // namespace firesteel
