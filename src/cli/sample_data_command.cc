#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common_flags.h"
#include "sample/shipping_sample.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

// A folder that goes when the command ends, however it ends.
class ScratchFolder {
 public:
  explicit ScratchFolder(const std::string& parent)
      : path_(fmt::format("{}/.firesteel-{}", parent, RandomUuid())) {
    std::error_code error;
    if (!fs::create_directory(path_, error)) {
      throw Error(ErrorKind::kIo, fmt::format("can't write to '{}': {}", parent, error.message()));
    }
  }
  ~ScratchFolder() { Remove(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  static void Remove(const std::string& path) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

void RunSampleDataCommand(const std::vector<std::string>& arguments) {
  Flags flags(
      "sample-data [flags]",
      "Writes a made-up shipping data set, ShippingLogs.csv and ProductDescriptions.csv, for "
      "the built-in workflow.\n",
      "Example:\n"
      "  firesteel sample-data --output data --rows 100000");
  flags.AddValue("Output", "--output", "DIR", "Where the two files go", true);
  flags.AddSwitch("Output", "--force", "Replace files that exist already");
  flags.AddValue("Step", "--rows", "N", "Orders in the log (default: 10000)");
  flags.AddValue("Step", "--seed", "N", "Another seed, other rows (default: 1)");
  flags.AddValue("Common", "--threads", "N",
                 "Threads to use (default: one per core); the bytes are the same");
  AddLogFlags(&flags);
  if (!flags.Parse(arguments)) return;
  ReadLogFlags(flags);

  SampleOptions options;
  constexpr long long kMost = std::numeric_limits<long long>::max();
  options.num_rows = flags.GetWholeNumber("--rows", 1, 1'000'000'000'000).value_or(10000);
  options.seed = static_cast<std::uint64_t>(flags.GetWholeNumber("--seed", 0, kMost).value_or(1));
  options.num_threads = static_cast<int>(flags.GetWholeNumber("--threads", 1, 1024).value_or(0));
  const Location output = ReadLocation(flags, "--output");
  const char* names[] = {"ShippingLogs.csv", "ProductDescriptions.csv"};
  for (const char* name : names) {
    if (!flags.Has("--force") && (output / name).Exists()) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("'{}' exists already; give another folder, or --force to replace it",
                              (output / name).path()));
    }
  }
  std::error_code error;
  fs::create_directories(output.path(), error);
  if (error) {
    throw Error(ErrorKind::kIo, fmt::format("can't make '{}': {}", output.path(), error.message()));
  }

  Interruption interruption;
  const ScratchFolder scratch(output.path());
  interruption.SetCleanUp([path = scratch.path()] { ScratchFolder::Remove(path); });
  options.directory = scratch.path();
  WriteShippingSample(options);
  if (interruption.exit_code() != 0) throw InterruptedBySignal{interruption.exit_code()};
  for (const char* name : names) {
    fs::rename(fmt::format("{}/{}", scratch.path(), name), (output / name).path(), error);
    if (error) {
      throw Error(ErrorKind::kIo,
                  fmt::format("can't write '{}': {}", (output / name).path(), error.message()));
    }
  }
  LogInfo(fmt::format("wrote {}: {} orders, seed {}", output.path(),
                      WithThousands(options.num_rows), options.seed));
}

}  // namespace firesteel
