#include "cli/commands.h"
#include "cli/common_flags.h"
#include "cli/step_flags.h"

namespace firesteel {

void RunDataPreprocessingCommand(const std::vector<std::string>& arguments) {
  const Workflow workflow = FindWorkflow(arguments);
  Flags flags(
      "data-preprocessing [flags]",
      "Step 1: joins the sources, names columns, parses the date and splits the rows by date; "
      "writes OUT/training and OUT/validation.\n",
      "Example:\n"
      "  firesteel data-preprocessing --shipping-logs data/ShippingLogs.csv \\\n"
      "    --product-description data/ProductDescriptions.csv --output out/data_preprocessing\n"
      "\n"
      "Each source of the workflow has a flag of its own; those above belong to the workflow in "
      "use.");
  AddSourceFlags(workflow, &flags);
  AddOutputFlags(&flags);
  AddFractionFlag(workflow, &flags);
  AddCommonFlags(&flags);
  if (!flags.Parse(arguments)) return;
  const CommonOptions common = ReadCommonFlags(flags);

  PreprocessingOptions options{.sources = ReadSourceFlags(workflow, flags),
                               .output = ReadLocation(flags, "--output"),
                               .overwrite = ReadOverwrite(flags),
                               .training_fraction = ReadFractionFlag(workflow, flags)};
  RunStep(common, Locations(options.sources), [&](Engine& engine, const StepControl& control) {
    options.observer = control.observer;
    return RunDataPreprocessing(engine, workflow, options);
  });
}

}  // namespace firesteel
