#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common_flags.h"
#include "cli/s3_flags.h"
#include "engine/duckdb/duckdb_engine.h"
#include "engine/duckdb/library/library.h"
#include "engine/duckdb/plain_sql.h"
#include "export/model_export.h"
#include "storage/whole_file.h"

namespace firesteel {
namespace {

ExportOptions ReadExportOptions(const Flags& flags) {
  ExportOptions options;
  const std::string format = ReadChoice(flags, "--format", {"sql", "json", "onnx"});
  if (format == "json") options.format = ExportFormat::kJson;
  if (format == "onnx") options.format = ExportFormat::kOnnx;
  for (const char* flag : {"--dialect", "--table"}) {
    if (options.format == ExportFormat::kSql || !flags.Has(flag)) continue;
    throw Error(ErrorKind::kUsage, fmt::format("{} is for --format sql alone", flag));
  }
  if (ReadChoice(flags, "--dialect", {"duckdb", "spark"}) == "spark") {
    options.dialect = sql::Dialect::kSpark;
  }
  options.table = flags.Get("--table").value_or(options.table);
  for (const std::string& part : Split(options.table, '.')) {
    if (!part.empty()) continue;
    throw Error(ErrorKind::kUsage,
                fmt::format("--table: '{}' has an empty part; name a table, as in features or "
                            "shop.features",
                            options.table));
  }
  return options;
}

}  // namespace

void RunExportCommand(const std::vector<std::string>& arguments) {
  const Workflow workflow = FindWorkflow(arguments);
  Flags flags("export MODEL [flags]",
              "Writes a trained model of trees in a form that scores without firesteel, and checks "
              "first that it predicts what the model does.\n",
              "Examples:\n"
              "  firesteel export out/model_training --format sql --output score.sql\n"
              "  firesteel export out/model_training --format sql --dialect spark \\\n"
              "    --table shop.features --output score_on_spark.sql\n"
              "  firesteel export out/model_training --format json --output model.json\n"
              "  firesteel export out/model_training --format onnx --output model.onnx");
  flags.AddPositional("MODEL", "A model's folder, or an output of model-training or run");
  flags.AddValue("Output", "--format", "sql|json|onnx",
                 "sql: a query that scores a table of features; json: the trees, with rows to try "
                 "a reader with; onnx: for ONNX runtimes",
                 true);
  flags.AddValue("Output", "--output", "FILE",
                 "Where to write it; it appears whole or not at all; - is stdout", true);
  flags.AddValue("Output", "--dialect", "duckdb|spark", "Whose SQL (default: duckdb)");
  flags.AddValue("Output", "--table", "NAME", "The table that the SQL reads (default: features)");
  AddOverwriteFlag(&flags);
  flags.AddValue("Input", "--workflow", "FILE",
                 "A workflow file whose python_stages say what Python's own stages do (default: "
                 "the built-in shipping workflow)");
  AddLogFlags(&flags);
  AddS3Flags(&flags);
  if (!flags.Parse(arguments)) return;
  ReadLogFlags(flags);
  if (!flags.Has("MODEL")) {
    throw Error(ErrorKind::kUsage, "export: no model is given; see firesteel export --help");
  }
  const ExportOptions options = ReadExportOptions(flags);
  const Location output = ReadLocation(flags, "--output");
  const bool to_stdout = output.path() == "-";
  const bool overwrite = ReadOverwrite(flags);
  if (!to_stdout) CheckFileTarget(output, overwrite);

  LoadDuckDbLibrary();
  const std::unique_ptr<Engine> engine = OpenDuckDb({.num_threads = 1});
  const SavedModel model =
      ReadModel(*engine, ReadModelLocation(flags, "MODEL"), workflow.python_stages);
  const ExportedModel exported = ExportModel(model, options, RunDuckDbSql);
  if (to_stdout) {
    std::fwrite(exported.bytes.data(), 1, exported.bytes.size(), stdout);
  } else {
    WriteWholeFile(output, exported.bytes, overwrite);
  }
  LogInfo(fmt::format("wrote {}: {} bytes, tried with {} rows", output.path(),
                      WithThousands(static_cast<long long>(exported.bytes.size())),
                      exported.num_rows));
}

}  // namespace firesteel
