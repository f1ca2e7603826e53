#pragma once

#include <string>
#include <vector>

#include "cli/spark_access.h"

namespace firesteel {

/// Runs the program: finds the command, runs it, and turns what it throws into one line on stderr
/// that ends with the exit code, and that code: 0 done, 1 failed, 2 wrong flags, workflow file or
/// parameters, 130 Ctrl-C, 143 SIGTERM. Without `spark`, a command that may need Spark becomes the
/// program that has it.
int RunApplication(const std::vector<std::string>& arguments, SparkAccess spark = {});

}  // namespace firesteel
