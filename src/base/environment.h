#pragma once

#include <optional>

namespace firesteel {

/// The value of an environment variable that is a whole number; nothing if it is not set or empty.
/// Throws Error(kUsage), naming the variable, for anything else or a number out of range.
std::optional<int> NumberFromEnvironment(const char* variable, int lowest, int highest);

}  // namespace firesteel
