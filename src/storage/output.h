#pragma once

#include <span>
#include <string>
#include <vector>

#include "storage/location.h"

namespace firesteel {

struct OutputOptions {
  bool overwrite = true;
  std::span<const Location> inputs = {};  // Refused if the output would replace one of them.
  /// Names that the step makes in the output; whatever else lies there is foreign, even if Spark
  /// wrote it. Empty: any name may be replaced. manifest.json is always ours.
  std::vector<std::string> entries = {};
  /// The output's folders are outputs of steps themselves (`run`), whose own manifests tell what
  /// may be replaced there.
  bool holds_outputs = false;
};

/// A step's output directory: made aside, then swapped in whole. Until Commit the old output stays
/// as it was; if the object dies without Commit, what was made aside is removed. A run that was
/// killed leaves its staging directory; the next run on the same output removes it, but never one
/// whose run is still alive (a lock on the directory tells). Overwrite replaces only what we
/// (manifest.json names the files) or Spark (part files, _SUCCESS, .crc, model directories,
/// predictions.csv, metrics.json) wrote; anything else makes the constructor refuse and name it. A
/// target that is a symbolic link stays one: the directory that it points to is replaced.
class OutputDirectory {
 public:
  /// Throws before anything is made: Error(kInvalidArgument) if the output exists, is not empty and
  /// overwrite is off, holds foreign files, is a file, or contains an input; Error(kIo) if the
  /// parent can't be written. Missing parents are made, and removed again if there is no Commit.
  OutputDirectory(const Location& target, const OutputOptions& options);
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  /// Where to write: a directory of its own beside the target.
  const std::string& staging() const { return staging_; }
  /// Makes a folder below staging() and returns its path.
  std::string MakeFolder(const std::string& relative);

  /// Syncs everything, then exchanges it with the target atomically and removes the old output.
  /// Throws Error(kIo), or Error(kInvalidArgument) if foreign files came into the old output
  /// meanwhile; the old output is then still in place.
  void Commit();

  /// Removes what every living OutputDirectory of this process made aside, for a process that must
  /// exit without unwinding. A Commit that has begun is waited for; none can begin afterwards.
  /// Threads: any.
  static void AbandonAll();

 private:
  void RemoveStaging();

  std::string target_;
  std::string staging_;
  OutputOptions options_;
  std::vector<std::string> made_parents_;  // Outermost first.
  int lock_ = -1;                          // Descriptor of staging_, locked while we live.
  bool committed_ = false;
};

}  // namespace firesteel
