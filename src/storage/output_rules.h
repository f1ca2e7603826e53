#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/output.h"

namespace firesteel {

inline constexpr std::string_view kManifestFile = "manifest.json";
inline constexpr std::string_view kStatusFile = "status.json";

/// True for the names that Spark gives to files it writes.
bool IsSparkFile(std::string_view name);
/// Whether a status.json says that it is ours.
bool IsOurStatus(std::string_view text);

/// A file that a manifest names.
struct ListedFile {
  std::string path;             // Relative to the manifest's folder.
  std::int64_t num_bytes = -1;  // -1: not told.
  std::string sha256;           // Lower-case hex; empty: not told.
  std::string key;  // Where an object store has it, relative to the manifest's folder; as `path`
                    // where not told.
  std::string etag = {};  // Of the object, where nobody knows its SHA-256; empty: not told.
};
/// The files that the text of a manifest.json names, itself included; none if it is not one of
/// ours.
std::vector<ListedFile> FilesOfManifest(std::string_view text);

/// Something in the place of an output.
struct OutputEntry {
  enum class Kind { kFile, kFolder, kOther };  // kOther: a link, a device.

  std::string path;  // Relative to the output.
  Kind kind = Kind::kFile;
};
/// The first entry, by name, of an existing output that neither we nor Spark wrote; `ours` are the
/// paths of files that manifests name, and of a status of ours.
std::optional<std::string> FindForeign(std::span<const OutputEntry> entries,
                                       const std::set<std::string>& ours,
                                       const OutputOptions& options);

/// The paths that the manifests among `entries` name, relative to the output: the output's own, and
/// those of outputs within it if it may hold any. `read` gives the text of a file by its path.
std::set<std::string> OurFiles(std::span<const OutputEntry> entries, const OutputOptions& options,
                               const std::function<std::string(const std::string& path)>& read);

/// What the refusals of an existing output say.
[[noreturn]] void RefuseExisting(const std::string& target);
[[noreturn]] void RefuseForeign(const std::string& target, const std::string& foreign);
[[noreturn]] void RefuseInputInside(const std::string& input, const std::string& target);

}  // namespace firesteel
