#include <string>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/common_flags.h"
#include "cli/step_flags.h"
#include "workflow/model_evaluation.h"
#include "workflow/prediction.h"

namespace firesteel {
namespace {

constexpr const char* kFlagsNote =
    "\n"
    "Each source of the workflow has a flag of its own; those above belong to the workflow in use: "
    "--workflow, or the one that the model was trained by, or the built-in one.";

PredictionInput ReadInput(const Workflow& workflow, const Flags& flags) {
  PredictionInput input;
  if (flags.Has("--input")) input.frame = ReadLocation(flags, "--input");
  input.sources = ReadSourceFlags(workflow, flags);
  if (input.frame && !input.sources.empty()) {
    throw Error(ErrorKind::kUsage,
                "--input and the flags of sources exclude each other: give a data frame or logs");
  }
  if (!input.frame && input.sources.empty()) {
    throw Error(ErrorKind::kUsage,
                "there is nothing to predict: give --input or the flags of the sources; --help "
                "shows them");
  }
  return input;
}

// What steps that score rows have in common.
void AddScoringFlags(const Workflow& workflow, Flags* flags) {
  flags->AddValue("Input", "--model,--s3-model-dir", "DIR",
                  "A model that firesteel or Spark ML saved, or an output of model-training or run",
                  true);
  flags->AddValue("Input", "--pipeline-model,--s3-pipeline-model-dir", "DIR",
                  "The fitted pipeline model that makes features of the rows (default: the rows "
                  "are features already)");
  flags->AddValue("Input", "--input,--s3-input-dir", "PATH",
                  "The rows: Parquet or CSV, a file or a folder of them");
  AddSourceFlags(workflow, flags, /*required=*/false);
  AddOutputFlags(flags);
  AddTimestampFlag(flags);
  AddUnseenFlag(flags);
}

PredictionOptions ReadScoringFlags(const Workflow& workflow, const Flags& flags) {
  PredictionOptions options{.model = ReadModelLocation(flags, "--model"),
                            .pipeline_model = {},
                            .input = ReadInput(workflow, flags),
                            .output = ReadOutputFlag(flags),
                            .overwrite = ReadOverwrite(flags)};
  if (flags.Has("--pipeline-model")) {
    options.pipeline_model = ReadLocation(flags, "--pipeline-model");
  }
  options.on_unseen = ReadUnseenFlag(flags);
  return options;
}

}  // namespace

void RunPredictCommand(const std::vector<std::string>& arguments) {
  const Workflow workflow = FindWorkflowOfModel(arguments);
  Flags flags(
      "predict [flags]",
      "Predicts new rows with a saved model: features, rows that a pipeline model makes features "
      "of, or raw logs. Writes OUT/predictions.csv, one row for each of the input, in its order.\n",
      "Examples:\n"
      "  firesteel predict --model out/model_training \\\n"
      "    --input out/feature_engineering/validation/dataframe --output predicted\n"
      "  firesteel predict --model out/model_training \\\n"
      "    --pipeline-model out/feature_engineering/training/pipeline_model \\\n"
      "    --shipping-logs new_logs.csv --product-description products.csv --output predicted\n" +
          std::string(kFlagsNote));
  AddScoringFlags(workflow, &flags);
  flags.AddValue("Output", "--format", "csv|parquet", "How predictions are written (default: csv)");
  AddCommonFlags(&flags);
  if (!flags.Parse(arguments)) return;
  const CommonOptions common = ReadCommonFlags(flags);

  PredictionOptions options = ReadScoringFlags(workflow, flags);
  if (ReadChoice(flags, "--format", {"csv", "parquet"}) == "parquet") {
    options.format = FileFormat::kParquet;
  }
  RunStep(common, options.input.Locations(), [&](Engine& engine, const StepControl& control) {
    options.observer = control.observer;
    return RunPrediction(engine, workflow, options);
  });
}

void RunEvaluateCommand(const std::vector<std::string>& arguments) {
  const Workflow workflow = FindWorkflowOfModel(arguments);
  Flags flags(
      "evaluate [flags]",
      "Predicts rows that have labels with a saved model and judges the predictions beside the "
      "baselines, category by category. Writes OUT/evaluation.json.\n",
      "Example:\n"
      "  firesteel evaluate --model out/model_training \\\n"
      "    --input out/feature_engineering/validation/dataframe --output judged\n" +
          std::string(kFlagsNote));
  AddScoringFlags(workflow, &flags);
  AddCommonFlags(&flags);
  if (!flags.Parse(arguments)) return;
  const CommonOptions common = ReadCommonFlags(flags);

  PredictionOptions options = ReadScoringFlags(workflow, flags);
  RunStep(common, options.input.Locations(), [&](Engine& engine, const StepControl& control) {
    options.observer = control.observer;
    return RunEvaluation(engine, workflow, options);
  });
}

}  // namespace firesteel
