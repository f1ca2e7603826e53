#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/flags.h"
#include "cli/interruption.h"
#include "cli/progress.h"
#include "cli/spark_flags.h"
#include "engine/engine.h"
#include "storage/location.h"
#include "storage/s3_settings.h"
#include "workflow/steps.h"
#include "workflow/workflow.h"

namespace firesteel {

/// --workflow, --threads, --memory-limit, --progress, --log-format, -q, -v, and what runs the step.
struct CommonOptions {
  int num_threads = 0;
  std::int64_t memory_limit_bytes = 0;
  ProgressMode progress = ProgressMode::kAuto;
  EngineRequest engine = {};
  std::function<S3Settings()> s3 = {};  // Valid as long as the flags that were read.
};

void AddOutputFlags(Flags* flags);
/// --overwrite-output alone; AddOutputFlags has it too.
void AddOverwriteFlag(Flags* flags);
void AddCommonFlags(Flags* flags);
/// Reads the common flags and starts logging accordingly. Throws Error(kUnsupported) for --engine
/// spark in a build without it.
CommonOptions ReadCommonFlags(const Flags& flags);
void AddLogFlags(Flags* flags);
void ReadLogFlags(const Flags& flags);

/// The workflow that the arguments name, or the built-in one; looked for before flags are declared,
/// as its sources are flags.
Workflow FindWorkflow(const std::vector<std::string>& arguments);
/// The same, but for the workflow that the model was trained by, if --model names one that says so
/// and the arguments name no workflow. Throws Error(kNotFound) if --model names no model.
Workflow FindWorkflowOfModel(const std::vector<std::string>& arguments);

/// Location::Parse with the flag's name in messages.
Location ReadLocation(const Flags& flags, std::string_view name);
/// The folder of a model: what the flag names, or the model in an output of model-training or run.
Location ReadModelLocation(const Flags& flags, std::string_view name);
/// A flag that is one of `choices`; the first is its default.
std::string ReadChoice(const Flags& flags, std::string_view name,
                       const std::vector<std::string>& choices);
/// A flag that is true or false, in any case.
bool ReadBool(const Flags& flags, std::string_view name, bool otherwise);
/// --overwrite-output.
bool ReadOverwrite(const Flags& flags);
/// "500MB", "2GiB", "80%" (of the memory this process may use) as bytes. Throws Error(kUsage).
std::int64_t ParseMemoryLimit(std::string_view text);

/// What a step is handed of the command around it.
struct StepControl {
  StepObserver observer;                 // Ends the step after Ctrl-C or SIGTERM.
  std::function<bool()> stop_requested;  // Whether SIGTERM came: for ModelOptions.
};

/// Runs a step with an engine, progress and interruption around it, and logs what it wrote.
/// `inputs` are what it reads: without --threads, little data gets an engine of one thread, as
/// handing it to others takes longer than working on it; and --engine auto decides by their sizes.
/// To be called once, at the end of a command: the process is expected to end soon after. An engine
/// on Spark is destroyed in every case, so that its session is released and a server that was
/// started ends.
void RunStep(const CommonOptions& options, const std::vector<Location>& inputs,
             const std::function<StepReport(Engine& engine, const StepControl& control)>& step);

/// Thrown instead of Error(kInterrupted) to carry the exit code out of RunStep.
struct InterruptedBySignal {
  int exit_code;
  std::string message = "stopped; nothing was written";
};

}  // namespace firesteel
