#include "cli/commands.h"
#include "cli/common_flags.h"
#include "cli/step_flags.h"

namespace firesteel {

void RunRunCommand(const std::vector<std::string>& arguments) {
  const Workflow workflow = FindWorkflow(arguments);
  Flags flags("run [flags]",
              "All steps in one process. Writes OUT/data_preprocessing, OUT/feature_engineering/"
              "training and validation, and OUT/model_training as the steps one by one do: the "
              "same rows, model and metrics. OUT appears whole or not at all.\n",
              "Example:\n"
              "  firesteel run --shipping-logs data/ShippingLogs.csv \\\n"
              "    --product-description data/ProductDescriptions.csv --output out \\\n"
              "    --model-params \"{'maxIter': 32}\"\n"
              "\n"
              "Each source of the workflow has a flag of its own; those above belong to the "
              "workflow in use.\n"
              "model-training --help lists the models and their parameters.");
  AddSourceFlags(workflow, &flags);
  AddOutputFlags(&flags);
  AddTimestampFlag(&flags);
  AddFractionFlag(workflow, &flags);
  AddModelFlags(workflow, &flags);
  flags.AddSwitch("Output", "--force",
                  "Redo all steps (default: a step is kept as it is if its inputs, parameters and "
                  "version are those of the last run)");
  AddCommonFlags(&flags);
  if (!flags.Parse(arguments)) return;
  const CommonOptions common = ReadCommonFlags(flags);

  RunOptions options{.sources = ReadSourceFlags(workflow, flags),
                     .output = ReadOutputFlag(flags),
                     .overwrite = ReadOverwrite(flags),
                     .training_fraction = ReadFractionFlag(workflow, flags),
                     .model = ReadModelFlags(workflow, flags, common.num_threads),
                     .force = flags.Has("--force")};
  RunStep(common, Locations(options.sources), [&](Engine& engine, const StepControl& control) {
    options.observer = control.observer;
    options.model.stop_requested = control.stop_requested;
    return RunAllSteps(engine, workflow, options);
  });
}

}  // namespace firesteel
