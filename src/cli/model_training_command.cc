#include "cli/commands.h"
#include "cli/common_flags.h"
#include "cli/step_flags.h"

namespace firesteel {

void RunModelTrainingCommand(const std::vector<std::string>& arguments) {
  const Workflow workflow = FindWorkflow(arguments);
  Flags flags(
      "model-training [flags]",
      "Step 4: trains a model on the training frame; writes it to OUT/model, and predictions and "
      "metrics of both frames to OUT/training and OUT/validation.\n",
      "Example:\n"
      "  firesteel model-training \\\n"
      "    --training-dataset out/feature_engineering/training/dataframe \\\n"
      "    --validation-dataset out/feature_engineering/validation/dataframe \\\n"
      "    --output out/model_training --model-params \"{'maxIter': 32}\"" +
          DescribeModels());
  flags.AddValue("Input", "--training-dataset,--s3-training-dataset-dir", "PATH",
                 "The frame to train on: Parquet, as feature-engineering or Spark writes it", true);
  flags.AddValue("Input", "--validation-dataset,--s3-validation-dataset-dir", "PATH",
                 "The frame to judge the model on", true);
  AddOutputFlags(&flags);
  AddTimestampFlag(&flags);
  AddModelFlags(workflow, &flags);
  AddCommonFlags(&flags);
  if (!flags.Parse(arguments)) return;
  const CommonOptions common = ReadCommonFlags(flags);

  TrainingOptions options{.training_dataset = ReadLocation(flags, "--training-dataset"),
                          .validation_dataset = ReadLocation(flags, "--validation-dataset"),
                          .output = ReadOutputFlag(flags),
                          .overwrite = ReadOverwrite(flags),
                          .model = ReadModelFlags(workflow, flags, common.num_threads)};
  RunStep(common, {options.training_dataset, options.validation_dataset},
          [&](Engine& engine, const StepControl& control) {
            options.observer = control.observer;
            options.model.stop_requested = control.stop_requested;
            return RunModelTraining(engine, workflow, options);
          });
}

}  // namespace firesteel
