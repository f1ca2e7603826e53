#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/object_store.h"
#include "storage/output_rules.h"

namespace firesteel {

/// Below an output on an object store, where a run keeps what others than firesteel need not see.
inline constexpr std::string_view kPrivateFolder = "_firesteel/";
inline constexpr std::string_view kSuccessFile = "_SUCCESS";

/// The manifest.json of an output on an object store: what belongs to it, and under which keys. The
/// format is told in docs/format/s3_output.md.
struct OutputList {
  ObjectName folder;  // The output: its key is empty or ends in a slash.
  std::string etag;
  std::string text;
  std::vector<ListedFile> files;
};

/// The list in a folder itself; nothing if there is none, or one that is not ours.
std::optional<OutputList> ReadOwnList(ObjectStore& store, const ObjectName& folder);
/// The list that governs the output at `folder`: its own or, where the
/// output is part of a larger one (`run`), the larger one's.
std::optional<OutputList> ReadOutputList(ObjectStore& store, const ObjectName& folder);

/// The list of the output that `key` is a part of; looks at most two folders further up.
std::optional<OutputList> FindOutputList(ObjectStore& store, const ObjectName& name);

/// The text of a list with what an object store needs: the run that wrote it, and for each of
/// `files` (which the manifest may not name yet) its size, checksum and key.
std::string WithKeys(std::string_view manifest, std::string_view run,
                     const std::vector<ListedFile>& files);
/// The run that wrote a list; empty if it does not say.
std::string RunOf(std::string_view manifest);

/// The folder above, with a slash at the end; empty at the top. "a/b/" and "a/b" give "a/".
std::string ParentFolder(std::string_view key);

}  // namespace firesteel
