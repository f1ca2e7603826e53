#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/common_flags.h"

namespace firesteel {
namespace {

// "shipping_logs" -> "--shipping-logs".
std::string SourceFlag(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

}  // namespace

void RunDataPreprocessingCommand(const std::vector<std::string>& arguments) {
  const Workflow workflow = FindWorkflow(arguments);
  Flags flags(
      "data-preprocessing [flags]",
      "Step 1: joins the sources, names columns, parses the date and splits the rows by date; "
      "writes "
      "OUT/training and OUT/validation.\n",
      "Example:\n"
      "  firesteel data-preprocessing --shipping-logs data/ShippingLogs.csv \\\n"
      "    --product-description data/ProductDescriptions.csv --output out/data_preprocessing\n"
      "\n"
      "Each source of the workflow has a flag of its own; those above belong to the workflow in "
      "use.");
  for (const SourceSpec& source : workflow.sources) {
    const std::string flag = SourceFlag(source.name);
    flags.AddValue("Input", fmt::format("{},--s3-{}-dir", flag, flag.substr(2)), "PATH",
                   fmt::format("{} file, or a folder of them",
                               source.format == SourceFormat::kCsv ? "A CSV" : "A Parquet"),
                   true);
  }
  AddOutputFlags(&flags);
  flags.AddValue(
      "Step", "--training-fraction", "F",
      fmt::format("Share of the rows, by date, that becomes the training part; between 0 "
                  "and 1, both excluded (default: {}, from the workflow)",
                  workflow.training_fraction));
  AddCommonFlags(&flags);
  if (!flags.Parse(arguments)) return;
  const CommonOptions common = ReadCommonFlags(flags);

  std::map<std::string, Location> sources;
  for (const SourceSpec& source : workflow.sources) {
    sources.emplace(source.name, ReadLocation(flags, SourceFlag(source.name)));
  }
  const double fraction =
      flags.GetNumber("--training-fraction").value_or(workflow.training_fraction);
  if (!(fraction > 0.0 && fraction < 1.0)) {
    throw Error(ErrorKind::kUsage,
                fmt::format("--training-fraction: {} does not lie between 0 and 1, both excluded",
                            *flags.Get("--training-fraction")));
  }
  const Location output = ReadLocation(flags, "--output");
  const bool overwrite = ReadOverwrite(flags);
  RunStep(common, [&](Engine& engine, const PhaseObserver& observer) {
    return RunDataPreprocessing(engine, workflow,
                                {.sources = sources,
                                 .output = output,
                                 .overwrite = overwrite,
                                 .training_fraction = fraction,
                                 .observer = observer});
  });
}

}  // namespace firesteel
