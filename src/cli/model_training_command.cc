#include <fmt/format.h>

#include "base/error.h"
#include "base/parameter_table.h"
#include "cli/commands.h"
#include "cli/common_flags.h"
#include "learn/learner.h"
#include "workflow/python_literal.h"

namespace firesteel {
namespace {

// The models and their parameters, for the end of the help.
std::string DescribeModels() {
  std::string text;
  for (const LearnerKind& kind : LearnerKinds()) {
    text += fmt::format("\n\nParameters of {} ({})", kind.name, kind.sentence);
    for (const ParameterSpec& parameter : kind.parameters) {
      text += fmt::format("\n  {:<26} {}", parameter.name, parameter.sentence);
      if (!parameter.range.empty()) text += fmt::format(" [{}]", parameter.range);
      if (!parameter.default_json.empty()) {
        text += fmt::format(" (default: {})", parameter.default_json);
      }
    }
  }
  return text;
}

}  // namespace

void RunModelTrainingCommand(const std::vector<std::string>& arguments) {
  const Workflow workflow = FindWorkflow(arguments);
  Flags flags(
      "model-training [flags]",
      "Step 4: trains a model on the training frame; writes predictions and metrics of both "
      "frames to OUT/training and OUT/validation.\n",
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
  flags.AddValue(
      "Step", "--model-type", "TYPE",
      fmt::format("Kind of model (default: {}, from the workflow)", workflow.model_type));
  flags.AddValue("Step", "--model-params", "DICT",
                 "Its parameters, as a Python dict or JSON (default: the workflow's)");
  AddCommonFlags(&flags);
  if (!flags.Parse(arguments)) return;
  const CommonOptions common = ReadCommonFlags(flags);

  TrainingOptions options{.training_dataset = ReadLocation(flags, "--training-dataset"),
                          .validation_dataset = ReadLocation(flags, "--validation-dataset"),
                          .output = ReadLocation(flags, "--output"),
                          .overwrite = ReadOverwrite(flags),
                          .model_type = flags.Get("--model-type").value_or(workflow.model_type),
                          .model_params = nlohmann::ordered_json::object()};
  try {
    FindLearner(options.model_type);
  } catch (const Error& error) {
    throw error.Within("--model-type");
  }
  if (const std::optional<std::string> params = flags.Get("--model-params")) {
    try {
      options.model_params = ParseParameterLiteral(*params);
    } catch (const Error& error) {
      throw error.Within("--model-params");
    }
  } else if (options.model_type == workflow.model_type) {
    options.model_params = workflow.model_params;
  }
  RunStep(common, [&](Engine& engine, const PhaseObserver& observer) {
    options.observer = observer;
    return RunModelTraining(engine, workflow, options);
  });
}

}  // namespace firesteel
