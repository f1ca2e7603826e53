#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "storage/location.h"
#include "workflow/ledger.h"
#include "workflow/steps.h"
#include "workflow/workflow.h"

namespace firesteel {

/// One file that a step reads, or rows that a step before it left in the engine.
struct InputFile {
  std::string role;  // "shipping_logs".
  std::string path;  // Of rows in the engine: the folder that they were also written to.
  std::int64_t bytes = 0;
  std::string sha256;  // Of rows in the engine: of what they come from. Of what is read in place on
                       // S3: empty, and `etag` stands for it.
  bool is_file = true;
  std::string etag = {};  // Of an object on S3.
};

/// Hashes the input files of a step in a thread of its own while the engine works on them.
class InputHashes {
 public:
  InputHashes() = default;
  ~InputHashes();
  InputHashes(const InputHashes&) = delete;
  InputHashes& operator=(const InputHashes&) = delete;

  /// Adds the data files of one input; before Start. Objects on S3 are only looked for.
  void Add(const std::string& role, const Location& location);
  /// All files below a directory whose names begin with neither `_` nor `.`.
  void AddTree(const std::string& role, const Location& directory);
  /// Adds rows in the engine; `origin` tells all that decides what they are.
  void AddRows(const std::string& role, const std::string& path, std::string_view origin);
  /// Takes the hashes of objects on S3 from a manifest that lists the same ones, by their ETags;
  /// what is known need not be fetched to be hashed.
  void Adopt(const nlohmann::ordered_json& manifest);
  /// Whether data files on S3 are among them.
  bool has_remote() const { return !remote_.empty(); }
  /// Begins to hash. What is on S3 and not known by then is fetched, or has no hash, as `remote`
  /// says; ETags stand for those.
  void Start(RemoteData remote = RemoteData::kCopied);
  /// Whether a manifest lists inputs of the same roles and sizes, as far as that is known before
  /// anything is hashed. Does not wait.
  bool MayBe(const nlohmann::ordered_json& manifest) const;
  /// Waits, and throws what the thread met (Error(kIo)).
  const std::vector<InputFile>& Wait();
  /// Depends on roles, order and contents, not on paths. Waits.
  std::string Combined();

 private:
  void AddFiles(const std::string& role, const std::vector<std::string>& paths);

  // A location on S3, and which of files_ are there.
  struct RemoteInput {
    Location location;
    std::size_t begin;
    std::size_t end;
  };

  std::vector<InputFile> files_;
  std::vector<RemoteInput> remote_;
  std::thread thread_;
  std::exception_ptr failure_;
};

/// Times the phases of a step and tells the observer of each.
class PhaseClock {
 public:
  explicit PhaseClock(StepObserver observer);

  /// Ends the phase that runs and begins another.
  void Begin(const std::string& phase);
  /// Tells the observer how far the phase is.
  void Tell(int done, int total) const;
  void End();
  double Seconds() const;
  /// Phase -> milliseconds, in order.
  nlohmann::ordered_json ToJson() const;

 private:
  using Clock = std::chrono::steady_clock;

  StepObserver observer_;
  Clock::time_point start_;
  Clock::time_point phase_start_;
  std::string phase_;
  std::vector<std::pair<std::string, double>> milliseconds_;
};

/// What a step writes about itself: manifest.json, version 1 (docs/workflow.md shows one). Its list
/// of files is what allows the next run to replace them.
struct Manifest {
  std::string step;
  std::string part_of =
      {};  // "..": the step's folder is part of the output there; empty: it is none.
  std::string engine;
  std::string key;  // What decides all that the step wrote, for `run`; empty: not told.
  std::vector<InputFile> inputs;
  nlohmann::ordered_json parameters = nlohmann::ordered_json::object();
  nlohmann::ordered_json results = nlohmann::ordered_json::object();  // Step by step its own keys.
  std::vector<std::pair<std::string, RowLedger>> ledgers;
  std::vector<std::pair<std::string, std::int64_t>> rows;
  std::vector<std::string> warnings;
  // Files of the step that are not below its directory, as the engine wrote them where the output
  // is: path, bytes.
  std::vector<std::pair<std::string, std::int64_t>> remote_files;

  /// What a manifest.json of this version says of parameters, results, ledgers, rows and warnings.
  /// Nothing if it is not one, or can't be understood.
  static std::optional<Manifest> Parse(const nlohmann::ordered_json& json);

  /// Adds a warning and logs it.
  void Warn(const std::string& message);
  /// Checks the ledgers, lists the files below `directory` and `remote_files`, and writes
  /// manifest.json there.
  nlohmann::ordered_json Write(const std::string& directory, const Workflow& workflow,
                               const PhaseClock& clock) const;
};

/// A moment that depends on `text` alone, for files that carry a timestamp and must repeat:
/// milliseconds since 1970, somewhere in 2020 to 2024.
std::int64_t TimestampOf(std::string_view text);

}  // namespace firesteel
