#include "cli/application.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <utility>

#include "base/error.h"
#include "base/shown_names.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common_flags.h"
#include "cli/s3_flags.h"
#include "storage/object_store.h"
#include "storage/s3/s3_store.h"
#include "storage/scratch.h"
#include "workflow/version.h"

namespace firesteel {
namespace {

constexpr Command kCommands[] = {
    {"data-preprocessing", "Step 1: join, name, parse dates, split by date",
     RunDataPreprocessingCommand, true},
    {"feature-engineering", "Steps 2 and 3: fit or apply the feature pipeline",
     RunFeatureEngineeringCommand, true},
    {"model-training", "Step 4: train, predict, measure", RunModelTrainingCommand, true},
    {"run", "All steps at once", RunRunCommand, true},
    {"predict", "Predict new rows with a saved model", RunPredictCommand, true},
    {"evaluate", "Judge a saved model on rows with labels", RunEvaluateCommand, true},
    {"describe", "Say what a trained model is", RunDescribeCommand},
    {"export", "Write a trained model as SQL, JSON or ONNX", RunExportCommand},
    {"sample-data", "Write a made-up shipping data set", RunSampleDataCommand},
    {"init", "Write the built-in workflow to a file", RunInitCommand},
};

std::string HelpText() {
  std::string text =
      "firesteel runs a tabular machine-learning workflow: raw logs, features, model.\n"
      "\n"
      "Usage: firesteel COMMAND [flags]\n"
      "\n"
      "Commands, in the order of a run:\n";
  for (const Command& command : kCommands) {
    text += fmt::format("  {:<22} {}\n", command.name, command.sentence);
  }
  text +=
      "\n"
      "  firesteel COMMAND --help   Show the flags of a command\n"
      "  firesteel --version        Show the version\n"
      "\n"
      "Example:\n"
      "  firesteel sample-data --output data\n"
      "  firesteel run --shipping-logs data/ShippingLogs.csv \\\n"
      "    --product-description data/ProductDescriptions.csv --output out\n"
      "\n"
      "Exit codes: 0 done, 1 failed, 2 wrong flags, workflow file or parameters,\n"
      "130 stopped by Ctrl-C, 143 by SIGTERM.\n";
  return text;
}

const Command& FindCommand(const std::string& name) {
  for (const Command& command : kCommands) {
    if (name == command.name) return command;
  }
  std::vector<std::string> names;
  for (const Command& command : kCommands) names.emplace_back(command.name);
  const std::string hint = DidYouMean(name, names);
  throw Error(ErrorKind::kUsage,
              fmt::format("unknown {} '{}'{}", name.starts_with("-") ? "flag" : "command", name,
                          hint.empty() ? "; commands are " + Join(names, ", ") : hint));
}

void Dispatch(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    throw Error(ErrorKind::kUsage, "no command is given; see firesteel --help");
  }
  const std::string& name = arguments[0];
  if (name == "--help" || name == "-h" || name == "help") {
    std::fputs(HelpText().c_str(), stdout);
  } else if (name == "--version") {
    fmt::print("firesteel {}\n", Version());
  } else {
    const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    const Command& command = FindCommand(name);
    // Before anything is opened that would have to be left behind.
    if (command.has_engine && MayNeedSpark(rest)) BecomeSparkProgram(arguments);
    ProvideObjectStore([rest] { return OpenS3(FindS3Settings(rest)); });
    command.run(rest);
  }
}

// Errors are one line, whatever was quoted in them, with the exit code: on a cluster, the end of
// stderr is what people see first, and often all.
int Report(std::string message, int exit_code) {
  message = WithShownNames(std::move(message));
  std::replace(message.begin(), message.end(), '\n', ' ');
  const std::string line = fmt::format("firesteel: error: {} (exit code {})\n", message, exit_code);
  std::fwrite(line.data(), 1, line.size(), stderr);
  return exit_code;
}

}  // namespace

int RunApplication(const std::vector<std::string>& arguments, SparkAccess spark) {
  ProvideSparkAccess(std::move(spark));
  struct Scratch {
    ~Scratch() { RemoveScratchFolder(); }
  } scratch;
  try {
    Dispatch(arguments);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      return Report("can't write to stdout", 1);
    }
    return 0;
  } catch (const InterruptedBySignal& interrupted) {
    return Report(interrupted.message, interrupted.exit_code);
  } catch (const Error& error) {
    return Report(error.what(), error.kind() == ErrorKind::kUsage ? 2 : 1);
  } catch (const std::bad_alloc&) {
    return Report("out of memory; give less data at once or set --memory-limit", 1);
  } catch (const std::exception& error) {
    return Report(fmt::format("internal error: {}; please report this", error.what()), 1);
  }
}

}  // namespace firesteel
