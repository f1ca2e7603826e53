#pragma once

#include <filesystem>

namespace firesteel {

/// The path of this program's own file: what /proc/self/exe says, and where there is no /proc (a
/// bare root), what it was started by, from the folder that was current when this was first asked.
/// Empty if neither is known. Threads: any.
const std::filesystem::path& ProgramPath();

}  // namespace firesteel
