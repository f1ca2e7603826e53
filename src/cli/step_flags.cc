#include "cli/step_flags.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/error.h"
#include "base/parameter_table.h"
#include "cli/common_flags.h"
#include "learn/learner.h"
#include "workflow/python_literal.h"

namespace firesteel {
namespace {

constexpr std::string_view kUnseenFlag = "--on-unseen";
constexpr std::string_view kTimestampFlag = "--add-timestamp-to-output";

// "shipping_logs" -> "--shipping-logs".
std::string SourceFlag(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

}  // namespace

void AddSourceFlags(const Workflow& workflow, Flags* flags, bool required) {
  for (const SourceSpec& source : workflow.sources) {
    const std::string flag = SourceFlag(source.name);
    flags->AddValue("Input", fmt::format("{},--s3-{}-dir", flag, flag.substr(2)), "PATH",
                    fmt::format("{} file, or a folder of them",
                                source.format == SourceFormat::kCsv ? "A CSV" : "A Parquet"),
                    required);
  }
}

std::map<std::string, Location> ReadSourceFlags(const Workflow& workflow, const Flags& flags) {
  std::map<std::string, Location> sources;
  for (const SourceSpec& source : workflow.sources) {
    const std::string flag = SourceFlag(source.name);
    if (flags.Has(flag)) sources.emplace(source.name, ReadLocation(flags, flag));
  }
  return sources;
}

std::vector<Location> Locations(const std::map<std::string, Location>& sources) {
  std::vector<Location> locations;
  for (const auto& [name, location] : sources) locations.push_back(location);
  return locations;
}

void AddFractionFlag(const Workflow& workflow, Flags* flags) {
  flags->AddValue(
      "Step", "--training-fraction", "F",
      fmt::format("Share of the rows, by date, that becomes the training part; between 0 "
                  "and 1, both excluded (default: {}, from the workflow)",
                  workflow.training_fraction));
}

double ReadFractionFlag(const Workflow& workflow, const Flags& flags) {
  const double fraction =
      flags.GetNumber("--training-fraction").value_or(workflow.training_fraction);
  if (!(fraction > 0.0 && fraction < 1.0)) {
    throw Error(ErrorKind::kUsage,
                fmt::format("--training-fraction: {} does not lie between 0 and 1, both excluded",
                            *flags.Get("--training-fraction")));
  }
  return fraction;
}

void AddModelFlags(const Workflow& workflow, Flags* flags) {
  flags->AddValue(
      "Step", "--model-type", "TYPE",
      fmt::format("Kind of model (default: {}, from the workflow)", workflow.model_type));
  flags->AddValue("Step", "--model-params", "DICT",
                  "Its parameters, as a Python dict or JSON (default: the workflow's)");
  flags->AddValue("Step", "--trainer", "firesteel|spark",
                  "Who trains it: firesteel, or with --engine spark Spark's own GBTRegressor or "
                  "FMRegressor, on all rows (default: firesteel)");
}

ModelOptions ReadModelFlags(const Workflow& workflow, const Flags& flags, int num_threads) {
  ModelOptions options{.type = flags.Get("--model-type").value_or(workflow.model_type),
                       .params = nlohmann::ordered_json::object(),
                       .num_threads = num_threads};
  if (const std::optional<std::string> params = flags.Get("--model-params")) {
    try {
      options.params = ParseParameterLiteral(*params);
    } catch (const Error& error) {
      throw error.Within("--model-params");
    }
  } else if (options.type == workflow.model_type) {
    options.params = workflow.model_params;
  }
  if (ReadChoice(flags, "--trainer", {"firesteel", "spark"}) == "spark") {
    options.trainer = Trainer::kSpark;
  }
  return options;
}

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

void AddUnseenFlag(Flags* flags) {
  flags->AddValue("Step", std::string(kUnseenFlag), "error|keep|reject",
                  "What to do with rows that have an unknown category, a null or a NaN: fail, "
                  "predict them all the same, or list them in OUT/rejected (default: error)");
}

UnseenPolicy ReadUnseenFlag(const Flags& flags) {
  const std::string way = ReadChoice(flags, kUnseenFlag, {"error", "keep", "reject"});
  if (way == "keep") return UnseenPolicy::kKeep;
  return way == "reject" ? UnseenPolicy::kReject : UnseenPolicy::kError;
}

void AddTimestampFlag(Flags* flags) {
  flags->AddOptionalValue("Output", std::string(kTimestampFlag), "true|false",
                          "Write to a new folder of --output that is named after the time (UTC), "
                          "as in 20250131-235959 (default: false)",
                          "true");
}

Location ReadOutputFlag(const Flags& flags) {
  const Location output = ReadLocation(flags, "--output");
  if (!ReadBool(flags, kTimestampFlag, /*otherwise=*/false)) return output;
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return output / fmt::format("{:%Y%m%d-%H%M%S}", fmt::gmtime(now));
}

}  // namespace firesteel
