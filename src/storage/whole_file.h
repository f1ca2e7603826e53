#pragma once

#include <string_view>

#include "storage/location.h"

namespace firesteel {

/// Throws Error(kInvalidArgument) if WriteWholeFile would refuse `target`: it is a folder, or it
/// exists and `overwrite` is off. For commands that want to know before they begin.
void CheckFileTarget(const Location& target, bool overwrite);

/// Writes a file that appears whole or not at all: under a temporary name beside `target`, synced,
/// then renamed; on S3 as an object. A file that is there is replaced, one that a symbolic link
/// points to behind the link. Missing folders are made. What killed runs left under temporary names
/// of `target` is removed. With `overwrite` off, of several writers at once one wins. Throws as
/// CheckFileTarget does, and Error(kIo); what was there is then still in place.
void WriteWholeFile(const Location& target, std::string_view content, bool overwrite);

}  // namespace firesteel
