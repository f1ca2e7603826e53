#include "cli/commands.h"
#include "cli/common_flags.h"

namespace firesteel {

void RunFeatureEngineeringCommand(const std::vector<std::string>& arguments) {
  const Workflow workflow = FindWorkflow(arguments);
  Flags flags(
      "feature-engineering [flags]",
      "Steps 2 and 3: fits the workflow's feature pipeline on a data frame, or takes a fitted one; "
      "writes OUT/dataframe, and OUT/pipeline_model if it was fitted here.\n",
      "Examples:\n"
      "  firesteel feature-engineering --dataframe out/data_preprocessing/training \\\n"
      "    --output out/feature_engineering/training\n"
      "  firesteel feature-engineering --dataframe out/data_preprocessing/validation \\\n"
      "    --pipeline-model out/feature_engineering/training/pipeline_model \\\n"
      "    --output out/feature_engineering/validation");
  flags.AddValue("Input", "--dataframe,--s3-dataframe-dir", "PATH",
                 "The rows: Parquet, as data-preprocessing or Spark writes it", true);
  flags.AddValue("Input", "--pipeline-model,--s3-pipeline-model-dir", "DIR",
                 "A fitted pipeline model, saved here or by Spark ML (default: fit one)");
  AddOutputFlags(&flags);
  AddCommonFlags(&flags);
  if (!flags.Parse(arguments)) return;
  const CommonOptions common = ReadCommonFlags(flags);

  FeatureOptions options{.dataframe = ReadLocation(flags, "--dataframe"),
                         .pipeline_model = {},
                         .output = ReadLocation(flags, "--output"),
                         .overwrite = ReadOverwrite(flags)};
  if (flags.Has("--pipeline-model")) {
    options.pipeline_model = ReadLocation(flags, "--pipeline-model");
  }
  RunStep(common, {options.dataframe}, [&](Engine& engine, const StepControl& control) {
    options.observer = control.observer;
    return RunFeatureEngineering(engine, workflow, options);
  });
}

}  // namespace firesteel
