#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace firesteel {

// Temporary files and folders beside what they are to become. Who makes one keeps it locked, so
// that others can tell one in use from one that a killed process left.

/// Locks a file or folder that this process has just made and opened; the lock goes with the
/// descriptor. False if it is not there any more: one that cleans up took it for a dead process's
/// before it was locked, and another has to be made.
bool LockTemporary(int descriptor, const std::string& path);
/// Whether a descriptor is still what lies at `path`.
bool IsSameFile(int descriptor, const std::string& path);

/// Removes what killed processes left in a folder under names of `prefix` and as many hexadecimal
/// digits and dashes as `rest`. What can't be removed stays.
void RemoveDeadTemporaries(const std::string& folder, std::string_view prefix, std::size_t rest);

}  // namespace firesteel
