#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <system_error>

namespace firesteel {

// Temporary files and folders beside what they are to become. Who makes one keeps it locked, so
// that others can tell one in use from one that a killed process left.

/// Locks a file or folder that this process has just made and opened; the lock goes with the
/// descriptor. False if it is not there any more: one that cleans up took it for a dead process's
/// before it was locked, and another has to be made.
bool LockTemporary(int descriptor, const std::string& path);
/// Whether a descriptor is still what lies at `path`.
bool IsSameFile(int descriptor, const std::string& path);

/// A folder that this process made and keeps locked. Closing the descriptor ends that.
struct TemporaryFolder {
  std::string path;
  int descriptor = -1;
};
/// Makes a folder whose name is `prefix` and a UUID. Sets `error`, and makes none, if it can't.
TemporaryFolder MakeTemporaryFolder(const std::string& parent, std::string_view prefix, mode_t mode,
                                    std::error_code& error);

/// Removes what killed processes left in a folder under names of `prefix` and a UUID;
/// `only_own`: what belongs to this process's user. What can't be removed stays.
void RemoveDeadTemporaries(const std::string& folder, std::string_view prefix,
                           bool only_own = false);

}  // namespace firesteel
