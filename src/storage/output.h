#pragma once

#include <span>
#include <string>

#include "storage/location.h"

namespace firesteel {

struct OutputOptions {
  bool overwrite = true;
  std::span<const Location> inputs;  // Refused if the output would replace one of them.
};

/// A step's output directory: made aside, then swapped in whole. Until Commit the old output stays as it was; if the
/// object dies without Commit, what was made aside is removed.
/// Overwrite replaces only what we (manifest.json names the files) or Spark (part files, _SUCCESS, .crc, model
/// directories, predictions.csv, metrics.json) wrote; anything else makes the constructor refuse and name it.
class OutputDirectory {
 public:
  /// Throws before anything is made: Error(kInvalidArgument) if the output exists and overwrite is off, holds foreign files, is a
  /// file, or contains an input; Error(kIo) if the parent can't be written.
  OutputDirectory(const Location& target, const OutputOptions& options);
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  /// Where to write: a directory of its own beside the target.
  const std::string& staging() const { return staging_; }
  /// Makes a folder below staging() and returns its path.
  std::string MakeFolder(const std::string& relative);

  /// Syncs everything, then exchanges it with the target atomically and removes the old output.
  /// Throws Error(kIo); the old output is then still in place.
  void Commit();

 private:
  std::string target_;
  std::string staging_;
  bool committed_ = false;
};

}  // namespace firesteel
