#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/location.h"

namespace firesteel {

// Objects on S3 for what takes files. Objects are fetched whole, each once, side by side, into a
// mirror in the scratch folder (storage/scratch.h), and stay there until the process ends. What
// belongs to an output of firesteel is read as the output's list (manifest.json) says, with sizes
// and SHA-256 verified; so a reader sees the output before an overwrite or the one after it,
// whenever it looks. Other objects are taken as they lie.

enum class RemoteKind { kNothing, kObject, kFolder };
RemoteKind FindRemote(const Location& location);

/// An object among those at a location, found and not fetched.
struct RemoteFile {
  std::string path;  // Relative to the location; empty: the location itself.
  std::string key;   // Where its bytes are.
  std::int64_t num_bytes = 0;
  std::string etag;    // Empty: not known.
  std::string sha256;  // Empty: not known.
};
/// All objects at or below a location of S3, by path; without the empty ones that stand for folders
/// and without _SUCCESS. Nothing if there are none. Throws Error(kInvalidArgument) for an output
/// that was never completed, or in which somebody else's objects lie among those of the list.
std::vector<RemoteFile> FindRemoteFiles(const Location& location);

/// Forgets what was found and fetched, for a reader that wants to look anew.
void ForgetRemoteFiles();

/// A local location with the same content: the location itself if it is local; else the object, or
/// a folder of all that lies below the prefix. Throws Error(kNotFound) if nothing is there.
Location LocalCopy(const Location& location);

/// A data file on S3, found and not fetched.
struct DataObject {
  std::string url;      // As a user would call it.
  std::string key_url;  // Where its bytes are.
  std::int64_t num_bytes = 0;
  std::string etag;    // Empty: not known.
  std::string sha256;  // Empty: not known.
};
/// What ListDataFiles means at a location on S3; nothing is fetched. Throws as ListDataFiles does.
std::vector<DataObject> FindDataObjects(const Location& location);
/// ListDataFiles for a location on S3: local copies. Of Parquet files of more than 8 GiB together,
/// or half of what is free in the scratch folder, the URLs are returned (DataObject::key_url), for
/// an engine that reads what it needs of them; FIRESTEEL_S3_COPY_LIMIT_MIB sets another limit.
std::vector<std::string> CopyDataFiles(const Location& location);
/// ListDataFiles for a location on S3 whose files stay there: DataObject::key_url of each.
std::vector<std::string> UrlsOfData(const Location& location);

/// Whether a key can be the path of a local file, part by part.
bool CanBeMirrored(std::string_view key);

}  // namespace firesteel
