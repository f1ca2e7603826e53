#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/location.h"

namespace firesteel {

class OutputTarget;

/// A file that an engine wrote for an output, in the store where the output is.
struct AdoptedFile {
  std::string path;  // Relative to the output.
  std::int64_t num_bytes = 0;
};

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

/// A step's output: made aside, then put in place whole, in a local folder or below a prefix of an
/// object store. Until Commit the old output stays as it was; if the object dies without Commit,
/// what was made aside is removed. A run that was killed leaves what it made aside; the next run on
/// the same output removes it, but never what a living run needs. Overwrite replaces only what we
/// (manifest.json names the files, status.json) or Spark (part files, _SUCCESS, .crc, model
/// directories, predictions.csv, metrics.json) wrote; anything else makes the constructor refuse
/// and name it.
///
/// A local output is swapped in by an atomic exchange of folders. A target that is a symbolic link
/// stays one: the directory that it points to is replaced. On an object store nothing is renamed;
/// docs/format/s3_output.md tells the order in which objects are written. Of two runs that began on
/// the same old output the first to commit wins, and the other's Commit throws.
class OutputDirectory {
 public:
  /// Throws before anything is made: Error(kInvalidArgument) if the output exists, is not empty and
  /// overwrite is off, holds foreign files, is a file, or contains an input; Error(kIo) if the
  /// parent can't be written. Missing parents are made, and removed again if there is no Commit.
  OutputDirectory(const Location& target, const OutputOptions& options);
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  /// Where to write: a local directory of its own.
  const std::string& staging() const;
  /// To be part of what names of data files derive from: on an object store, where data lie under
  /// names of their run, another text for each run; empty for a local output.
  const std::string& name_salt() const;
  /// Makes a folder below staging() and returns its path.
  std::string MakeFolder(const std::string& relative);

  /// Whether it is on an object store.
  bool is_remote() const { return is_remote_; }
  /// Where an engine that reaches the object store itself writes the data files of a folder, as an
  /// s3:// URL: a place of this run alone, in which nobody looks for data and of which nothing
  /// stays after Commit, or after a failure. Only of an output that is remote.
  std::string RemoteFolder(const std::string& relative);
  /// Makes the data files that lie in RemoteFolder(relative), as Spark names them, part of the
  /// output: Commit has the store copy them to their places in the folder, where `uuid` stands in
  /// their names instead of Spark's own. Throws Error(kIo) if there are none.
  std::vector<AdoptedFile> Adopt(const std::string& relative, const std::string& uuid);

  /// The content of a small file of the old output; nothing if there is no old output that is
  /// whole, or no such file in it.
  std::optional<std::string> ReadOld(const std::string& relative) const;
  /// Whether all files of the old output below a folder, as its manifest lists them, are still
  /// there, with the sizes that the list says.
  bool IsOldIntact(const std::string& folder) const;
  /// Makes a folder of the old output part of the new one, as it is, at no cost worth naming. To be
  /// called after IsOldIntact said yes. The files also appear in staging() or, on an object store,
  /// in the list alone.
  void Keep(const std::string& folder);

  /// Publishes target/status.json at once, whole, before and apart from Commit. Failing to is
  /// logged, not thrown: a status is no result.
  void PublishStatus(const std::string& text);

  /// A note for a next run on the same output, kept beside it until Commit, whatever happens to
  /// this process; it replaces the note before. Throws Error(kIo).
  void SaveProgress(const std::string& bytes);
  /// The note that a run before left; nothing if there is none.
  std::optional<std::string> ReadProgress() const;

  /// Syncs everything, then puts it in place and removes the old output. Throws Error(kIo), or
  /// Error(kInvalidArgument) if foreign files came into the old output meanwhile; the old output is
  /// then still in place.
  void Commit();

  /// Removes what every living OutputDirectory of this process made aside, for a process that must
  /// exit without unwinding. A Commit that has begun is waited for; none can begin afterwards.
  /// Threads: any.
  static void AbandonAll();

 private:
  bool is_remote_;
  std::unique_ptr<OutputTarget> target_;
};

}  // namespace firesteel
