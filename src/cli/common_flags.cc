#include "cli/common_flags.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/engine_choice.h"
#include "cli/heartbeat.h"
#include "cli/s3_flags.h"
#include "cli/spark_access.h"
#include "engine/duckdb/duckdb_engine.h"
#include "engine/duckdb/library/library.h"
#include "sparkml/model_description.h"
#include "sparkml/model_directory.h"
#include "storage/local_copy.h"
#include "storage/scratch.h"

namespace firesteel {
namespace {

constexpr int kMaxThreads = 1024;
constexpr const char* kCommon = "Common";

// What the machine has, or the control group allows.
double AvailableMemoryBytes() {
  double bytes =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  std::ifstream file("/sys/fs/cgroup/memory.max");
  double limit = 0.0;
  if (file >> limit && limit > 0.0) bytes = std::min(bytes, limit);
  return bytes;
}

// Where data spill to; there need not be any room for them until then.
std::string SpillFolder() {
  try {
    return ScratchFolder() + "/spill";
  } catch (const Error& error) {
    LogDebug(error.what());
    return fmt::format("/tmp/firesteel-{}/spill", RandomUuid());
  }
}

// Sizes of the files at `location` and below, as far as they can be told; never more than `enough`.
std::uintmax_t NumBytes(const Location& location, std::uintmax_t enough) {
  if (location.is_remote()) {
    std::uintmax_t total = 0;
    for (const RemoteFile& file : FindRemoteFiles(location)) {
      total += static_cast<std::uintmax_t>(file.num_bytes);
    }
    return std::min(total, enough);
  }
  std::error_code error;
  if (!location.IsDirectory()) {
    const std::uintmax_t size = std::filesystem::file_size(location.path(), error);
    return error ? 0 : std::min(size, enough);
  }
  std::uintmax_t total = 0;
  for (std::filesystem::recursive_directory_iterator it(location.path(), error), end;
       !error && it != end && total < enough; it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) total += it->file_size(ignored);
  }
  return std::min(total, enough);
}

// What is free where data spill to; nothing is made there.
std::int64_t FreeSpillBytes() {
  std::error_code error;
  std::filesystem::path parent = std::filesystem::temp_directory_path(error);
  if (error) parent = "/tmp";
  const std::filesystem::space_info space = std::filesystem::space(parent, error);
  return error ? 0 : static_cast<std::int64_t>(space.available);
}

// Whether Spark is to do the work; tells --engine auto's reasons.
bool ChoosesSpark(const CommonOptions& options, const std::vector<Location>& inputs) {
  if (options.engine.kind != EngineKind::kAuto) return options.engine.kind == EngineKind::kSpark;
  if (!options.engine.spark) {
    LogInfo(
        "--engine auto: duckdb, as no server of Spark is given (--spark-remote or SPARK_REMOTE)");
    return false;
  }
  constexpr std::uintmax_t kNoLimit = std::numeric_limits<std::int64_t>::max();
  std::uintmax_t total = 0;
  for (const Location& input : inputs) total += NumBytes(input, kNoLimit - total);
  const std::int64_t memory = options.memory_limit_bytes > 0
                                  ? options.memory_limit_bytes
                                  : static_cast<std::int64_t>(0.8 * AvailableMemoryBytes());
  const EngineChoice choice = ChooseEngine({.input_bytes = static_cast<std::int64_t>(total),
                                            .memory_bytes = memory,
                                            .free_spill_bytes = FreeSpillBytes()});
  LogInfo("--engine auto: " + choice.reason);
  if (choice.is_spark) RequireSparkAccess();
  return choice.is_spark;
}

int NumThreads(const CommonOptions& options, const std::vector<Location>& inputs) {
  constexpr std::uintmax_t kLittle = 16 << 20;
  if (options.num_threads > 0) return options.num_threads;
  std::uintmax_t total = 0;
  for (const Location& input : inputs) total += NumBytes(input, kLittle);
  return total < kLittle ? 1 : 0;
}

Location ModelAt(Location location) {
  // A step's output has the model beside its metrics, and run's output has that of the step.
  for (const char* folder : {"model", "model_training/model"}) {
    if (IsModel(location)) break;
    if ((location / folder).IsDirectory()) location = location / folder;
  }
  return location;
}

}  // namespace

void AddOutputFlags(Flags* flags) {
  flags->AddValue("Output", "--output,--s3-output-dir", "DIR",
                  "Where the step's output goes; it appears whole or not at all", true);
  AddOverwriteFlag(flags);
}

void AddOverwriteFlag(Flags* flags) {
  flags->AddOptionalValue(
      "Output", "--overwrite-output", "true|false",
      "Replace an existing output (default: true). Unlike the PySpark original, "
      "which takes any text for true, False means false",
      "true");
}

void AddLogFlags(Flags* flags) {
  flags->AddValue(kCommon, "--log-format", "text|json", "How log lines look (default: text)");
  flags->AddSwitch(kCommon, "--quiet,-q", "Log warnings and errors only");
  flags->AddSwitch(kCommon, "--verbose,-v", "Log more");
  flags->AddSwitch(kCommon, "--help,-h", "Show this text");
}

void AddCommonFlags(Flags* flags) {
  flags->AddValue(
      kCommon, "--workflow", "FILE",
      "A workflow file (default: the built-in shipping workflow; 'firesteel init' writes "
      "it out)");
  flags->AddValue(kCommon, "--threads", "N", "Threads to use (default: one per core)");
  flags->AddValue(kCommon, "--memory-limit", "SIZE",
                  "Memory for data, as 500MB, 2GiB or 50%; beyond it data spills to disk "
                  "(default: 80%)");
  flags->AddValue(kCommon, "--progress", "auto|always|never",
                  "Show on stderr what is being done (default: auto, on a terminal)");
  AddLogFlags(flags);
  AddSparkFlags(flags);
  AddS3Flags(flags);
}

void ReadLogFlags(const Flags& flags) {
  if (flags.Has("--quiet") && flags.Has("--verbose")) {
    throw Error(ErrorKind::kUsage, "--quiet and --verbose exclude each other; give one of them");
  }
  LogLevel level = LogLevel::kInfo;
  if (flags.Has("--quiet")) level = LogLevel::kWarning;
  if (flags.Has("--verbose")) level = LogLevel::kDebug;
  const bool is_json = ReadChoice(flags, "--log-format", {"text", "json"}) == "json";
  ConfigureLog(level, is_json ? LogFormat::kJson : LogFormat::kText);
}

CommonOptions ReadCommonFlags(const Flags& flags) {
  ReadLogFlags(flags);
  CommonOptions options;
  options.num_threads =
      static_cast<int>(flags.GetWholeNumber("--threads", 1, kMaxThreads).value_or(0));
  if (const std::optional<std::string> limit = flags.Get("--memory-limit")) {
    options.memory_limit_bytes = ParseMemoryLimit(*limit);
  }
  const std::string progress = ReadChoice(flags, "--progress", {"auto", "always", "never"});
  if (progress == "always") options.progress = ProgressMode::kAlways;
  if (progress == "never") options.progress = ProgressMode::kNever;
  options.s3 = [&flags] { return ReadS3Flags(flags); };
  options.engine = ReadSparkFlags(flags);
  if (options.engine.kind == EngineKind::kSpark) RequireSparkAccess();
  if (options.engine.spark && TheSparkAccess().check) TheSparkAccess().check(*options.engine.spark);
  return options;
}

Workflow FindWorkflow(const std::vector<std::string>& arguments) {
  const std::optional<std::string> file = FindFlagValue(arguments, "--workflow");
  if (!file) return Workflow::BuiltIn();
  const Location location = Location::Parse(*file);
  return Workflow::Load(location.is_remote() ? LocalCopy(location).path() : *file);
}

Workflow FindWorkflowOfModel(const std::vector<std::string>& arguments) {
  std::optional<std::string> model = FindFlagValue(arguments, "--model");
  if (!model) model = FindFlagValue(arguments, "--s3-model-dir");
  if (!model || FindFlagValue(arguments, "--workflow")) return FindWorkflow(arguments);
  try {
    const Location location = ModelAt(Location::Parse(*model));
    if (!IsModel(location)) {
      throw Error(ErrorKind::kNotFound, fmt::format("there is no model in '{}'", *model));
    }
    const auto description = ReadDescription(location);
    const std::string text = description ? WorkflowTextOf(*description) : "";
    if (text.empty()) return Workflow::BuiltIn();
    return Workflow::Parse(text, (location / kModelDescriptionFile).path() + ", workflow");
  } catch (const Error& error) {
    throw error.Within("--model");
  }
}

Location ReadLocation(const Flags& flags, std::string_view name) {
  try {
    return Location::Parse(flags.Require(name));
  } catch (const Error& error) {
    throw Error(ErrorKind::kUsage, fmt::format("{}: {}", name, error.what()));
  }
}

Location ReadModelLocation(const Flags& flags, std::string_view name) {
  return ModelAt(ReadLocation(flags, name));
}

std::string ReadChoice(const Flags& flags, std::string_view name,
                       const std::vector<std::string>& choices) {
  const std::optional<std::string> text = flags.Get(name);
  if (!text) return choices.front();
  if (std::find(choices.begin(), choices.end(), *text) != choices.end()) return *text;
  throw Error(ErrorKind::kUsage, fmt::format("{}: '{}' is not one of {}{}", name, *text,
                                             Join(choices, ", "), DidYouMean(*text, choices)));
}

bool ReadBool(const Flags& flags, std::string_view name, bool otherwise) {
  const std::optional<std::string> text = flags.Get(name);
  if (!text) return otherwise;
  if (EqualsIgnoringCase(*text, "true")) return true;
  if (EqualsIgnoringCase(*text, "false")) return false;
  throw Error(ErrorKind::kUsage, fmt::format("{}: '{}' is neither true nor false", name, *text));
}

bool ReadOverwrite(const Flags& flags) {
  return ReadBool(flags, "--overwrite-output", /*otherwise=*/true);
}

std::int64_t ParseMemoryLimit(std::string_view text) {
  const auto refuse = [&] {
    throw Error(
        ErrorKind::kUsage,
        fmt::format("--memory-limit: '{}' is no amount of memory; give a number and a unit, "
                    "as in 500MB, 2GiB or 80%",
                    text));
  };
  double number = 0.0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number) || number <= 0.0) refuse();
  const std::string unit =
      AsciiLower(Trim(text.substr(static_cast<std::size_t>(stop - text.data()))));
  struct Unit {
    std::string_view name;
    double bytes;
  };
  constexpr Unit kUnits[] = {{"b", 1.0},         {"kb", 1e3},           {"mb", 1e6},
                             {"gb", 1e9},        {"tb", 1e12},          {"kib", 1024.0},
                             {"mib", 1048576.0}, {"gib", 1073741824.0}, {"tib", 1099511627776.0}};
  double bytes = 0.0;
  if (unit == "%") {
    if (number > 100.0) refuse();
    bytes = AvailableMemoryBytes() * number / 100.0;
  }
  for (const Unit& known : kUnits) {
    if (unit == known.name) bytes = number * known.bytes;
  }
  constexpr double kMost = 1e15;
  if (bytes < 1.0 || bytes > kMost) refuse();
  return static_cast<std::int64_t>(bytes);
}

void RunStep(const CommonOptions& options, const std::vector<Location>& inputs,
             const std::function<StepReport(Engine& engine, const StepControl& control)>& step) {
  Interruption interruption;
  const Heartbeat heartbeat;
  Progress progress(options.progress);
  StepReport report;
  try {
    const bool is_spark = ChoosesSpark(options, inputs);
    LoadDuckDbLibrary();
    const std::string spill = SpillFolder();
    std::unique_ptr<Engine> engine;
    if (is_spark) {
      interruption.SetCleanUp(TheSparkAccess().abandon);
      progress.Begin("connecting to Spark");
      engine = TheSparkAccess().open({.request = *options.engine.spark,
                                      .num_threads = options.num_threads,
                                      .memory_limit_bytes = options.memory_limit_bytes,
                                      .temp_directory = spill,
                                      .s3 = options.s3,
                                      .check = [&] { interruption.Check(); }});
    } else {
      engine = OpenDuckDb({.num_threads = NumThreads(options, inputs),
                           .memory_limit_bytes = options.memory_limit_bytes,
                           .temp_directory = spill,
                           .s3 = options.s3});
    }
    struct Connection {
      Connection(Interruption* target, Engine* source) : interruption(target) {
        interruption->SetEngine(source);
      }
      ~Connection() { interruption->SetEngine(nullptr); }
      Interruption* interruption;
    } connection(&interruption, engine.get());
    const auto observe = [&](const StepProgress& state) {
      interruption.Check();
      if (state.total > 0) {
        progress.Tell(state.done, state.total);
      } else {
        progress.Begin(state.phase);
        LogDebug(state.phase);
      }
    };
    report = step(*engine, {.observer = observe, .stop_requested = [&] {
                              return interruption.exit_code() == Interruption::kTerminated;
                            }});
    // What DuckDB takes milliseconds to free, the system frees at once. Files it frees itself.
    if (!is_spark && !std::filesystem::exists(spill)) static_cast<void>(engine.release());
  } catch (const TrainingStopped& stopped) {
    progress.End();
    throw InterruptedBySignal{interruption.exit_code(), stopped.what()};
  } catch (const Error& error) {
    progress.End();
    if (interruption.exit_code() == 0) throw;
    if (error.kind() == ErrorKind::kInterrupted) {
      throw InterruptedBySignal{interruption.exit_code()};
    }
    throw InterruptedBySignal{interruption.exit_code(), error.what()};
  }
  progress.End();
  std::string rows;
  for (const auto& [part, count] : report.rows) {
    rows += fmt::format("{}{} {} rows", rows.empty() ? "" : ", ", part, WithThousands(count));
  }
  if (report.is_unchanged) {
    LogInfo(
        fmt::format("{} is unchanged since the last run, nothing was written: {}; --force "
                    "redoes it",
                    report.output, rows));
  } else {
    LogInfo(fmt::format("wrote {}: {} in {:.2f} s", report.output, rows, report.seconds));
  }
  for (const std::string& finding : report.findings) LogInfo(finding);
}

}  // namespace firesteel
