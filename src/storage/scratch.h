#pragma once

#include <string>

namespace firesteel {

/// A folder of this process's own for temporary files, in $TMPDIR (or /tmp), made at the first
/// call. Folders that killed processes left there are removed by then; a lock tells which. Throws
/// Error(kIo) if none can be made. Threads: any.
const std::string& ScratchFolder();
/// Removes the folder and what is in it, if there is one.
void RemoveScratchFolder();

}  // namespace firesteel
