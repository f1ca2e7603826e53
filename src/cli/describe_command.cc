#include <cstdio>
#include <string>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/common_flags.h"
#include "cli/model_report.h"
#include "cli/s3_flags.h"
#include "engine/duckdb/duckdb_engine.h"
#include "engine/duckdb/library/library.h"

namespace firesteel {

void RunDescribeCommand(const std::vector<std::string>& arguments) {
  const Workflow workflow = FindWorkflow(arguments);
  Flags flags("describe MODEL [flags]",
              "Says what a trained model is: its parameters, features, importances and, if asked, "
              "its trees. Takes models that firesteel or Spark ML saved.\n",
              "Examples:\n"
              "  firesteel describe out/model_training\n"
              "  firesteel describe out/model_training/model --trees\n"
              "  firesteel describe out/model_training/model --json");
  flags.AddPositional("MODEL", "A model's folder, or an output of model-training or run");
  flags.AddSwitch("Output", "--trees", "Show every tree");
  flags.AddSwitch("Output", "--json", "Write JSON");
  flags.AddValue("Input", "--workflow", "FILE",
                 "A workflow file whose python_stages say what Python's own stages do (default: "
                 "the built-in shipping workflow)");
  AddLogFlags(&flags);
  AddS3Flags(&flags);
  if (!flags.Parse(arguments)) return;
  ReadLogFlags(flags);
  if (!flags.Has("MODEL")) {
    throw Error(ErrorKind::kUsage, "describe: no model is given; see firesteel describe --help");
  }
  const Location location = ReadModelLocation(flags, "MODEL");
  LoadDuckDbLibrary();
  const std::unique_ptr<Engine> engine = OpenDuckDb({.num_threads = 1});
  const SavedModel model = ReadModel(*engine, location, workflow.python_stages);
  const bool with_trees = flags.Has("--trees");
  const std::string text = flags.Has("--json") ? ModelReportToJson(model, with_trees).dump(2) + '\n'
                                               : ModelReportToText(model, with_trees);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace firesteel
