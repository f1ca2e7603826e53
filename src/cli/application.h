#pragma once

#include <string>
#include <vector>

namespace firesteel {

/// Runs the program: finds the command, runs it, and turns what it throws into one line on stderr
/// and an exit code: 0 done, 1 failed, 2 wrong flags, workflow file or parameters, 130 Ctrl-C, 143
/// SIGTERM.
int RunApplication(const std::vector<std::string>& arguments);

}  // namespace firesteel
