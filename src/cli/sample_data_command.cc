#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/common_flags.h"
#include "cli/s3_flags.h"
#include "sample/shipping_sample.h"
#include "storage/object_store.h"
#include "storage/scratch.h"
#include "storage/temporary.h"

namespace firesteel {
namespace {

namespace fs = std::filesystem;

// A folder in the output's, or for an output on S3 a temporary one, that goes when the command
// ends, however it ends.
class StagingFolder {
 public:
  explicit StagingFolder(const Location& output) {
    constexpr std::string_view kPrefix = ".firesteel-";
    const std::string parent = output.is_remote() ? ScratchFolder() : output.path();
    const auto fail = [&](const std::error_code& error) {
      throw Error(ErrorKind::kIo,
                  fmt::format("can't write to '{}': {}", output.path(), error.message()));
    };
    std::error_code error;
    fs::create_directories(parent, error);
    if (error) fail(error);
    RemoveDeadTemporaries(parent, kPrefix);
    folder_ = MakeTemporaryFolder(parent, kPrefix, 0777, error);
    if (error) fail(error);
  }
  ~StagingFolder() {
    Remove(folder_.path);
    ::close(folder_.descriptor);
  }
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;

  // Puts a file of the folder where it belongs.
  void Publish(const std::string& name, const Location& target) const {
    const std::string file = fmt::format("{}/{}", folder_.path, name);
    if (target.is_remote()) {
      TheObjectStore()->Upload(target.object(), file, {});
      return;
    }
    std::error_code error;
    fs::rename(file, target.path(), error);
    if (error) {
      throw Error(ErrorKind::kIo,
                  fmt::format("can't write '{}': {}", target.path(), error.message()));
    }
  }

  static void Remove(const std::string& path) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  const std::string& path() const { return folder_.path; }

 private:
  TemporaryFolder folder_;
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
  AddS3Flags(&flags);
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
  Interruption interruption;
  const StagingFolder staging(output);
  interruption.SetCleanUp([path = staging.path()] { StagingFolder::Remove(path); });
  options.directory = staging.path();
  try {
    WriteShippingSample(options);
    if (interruption.exit_code() != 0) throw InterruptedBySignal{interruption.exit_code()};
    for (const char* name : names) staging.Publish(name, output / name);
  } catch (const Error&) {
    if (interruption.exit_code() != 0) throw InterruptedBySignal{interruption.exit_code()};
    throw;
  }
  LogInfo(fmt::format("wrote {}: {} orders, seed {}", output.path(),
                      WithThousands(options.num_rows), options.seed));
}

}  // namespace firesteel
