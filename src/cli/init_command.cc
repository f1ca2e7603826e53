#include <fmt/format.h>

#include <cstdio>

#include "base/error.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/common_flags.h"
#include "cli/s3_flags.h"
#include "storage/whole_file.h"
#include "workflow/workflow.h"

namespace firesteel {

void RunInitCommand(const std::vector<std::string>& arguments) {
  Flags flags(
      "init [FILE] [flags]",
      "Writes the built-in shipping workflow to a file, to be changed and handed to the steps "
      "with --workflow FILE.\n",
      "Example:\n"
      "  firesteel init my_workflow.yaml");
  flags.AddPositional("FILE", "Where to write it (default: workflow.yaml); - is stdout");
  flags.AddSwitch("Output", "--force", "Replace a file that exists already");
  AddLogFlags(&flags);
  AddS3Flags(&flags);
  if (!flags.Parse(arguments)) return;
  ReadLogFlags(flags);

  const std::string file = flags.Get("FILE").value_or("workflow.yaml");
  const std::string_view text = BuiltInWorkflowText();
  if (file == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return;
  }
  const Location location = Location::Parse(file);
  if (!flags.Has("--force") && location.Exists()) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("'{}' exists already; give another name, or --force to replace it",
                            location.path()));
  }
  WriteWholeFile(location, text, /*overwrite=*/true);
  LogInfo(fmt::format("wrote {}", location.path()));
}

}  // namespace firesteel
