#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "storage/output.h"
#include "workflow/manifest.h"
#include "workflow/status.h"
#include "workflow/steps.h"
#include "workflow/workflow.h"

namespace firesteel {

/// Rows on their way from one step to the next.
struct Frame {
  std::string path;  // Where they lie, or will lie once the output is complete: for messages.
  Relation rows;
  std::int64_t num_rows = 0;
};

/// What a step has at hand while it works, whether it is a command of its own or a part of `run`:
/// where its files go and what it says of itself.
class StepWork {
 public:
  struct Place {
    std::string directory;     // Exists; the step's files go here.
    std::string target;        // Where the directory will lie once the output is complete.
    OutputDirectory* output;   // Whose staging has the directory.
    std::string part_of = {};  // Manifest::part_of.
  };

  StepWork(Engine& engine, const Workflow& workflow, const std::string& step, Place place,
           const StepObserver& observer);

  Engine& engine() const { return engine_; }
  const Workflow& workflow() const { return workflow_; }
  const Place& place() const { return place_; }
  /// Makes a folder in the step's directory and returns its path.
  std::string MakeFolder(const std::string& relative) const;

  /// To be called before work that ends in Write. Throws Error(kInvalidArgument) if the engine
  /// can't write to the output.
  void RequireReach();
  /// Writes rows to a folder of the step, which is made, and its _SUCCESS; by Engine::Write, whose
  /// options it gives a place: on S3 itself if the output is there and the engine works there.
  WriteResult Write(const Relation& rows, const std::string& folder, WriteOptions options);

  /// Whether a later step of the same process takes rows from the files that Write wrote: a cluster
  /// would compute them anew from the first source on, or put them into its memory first.
  bool ReadsBack() { return engine_.AppliesSparkStages() && !WritesOnS3(); }
  /// Rows that Write wrote to `folder` as a later step has them, and as ReadFrame would.
  Relation RowsOf(const Relation& written, const std::string& folder);

  /// Begins to hash `inputs`, to which all have been added. Data files that the engine reads on S3
  /// itself are not fetched for that.
  void HashInputs();

  /// What uids, file names and timestamps derive from: the step, the contents of its inputs, its
  /// part of the workflow and `parameters`. Waits for the hashes of the inputs.
  std::string Seed(std::string_view parameters);
  /// What decides all that the step writes: its seed and the versions. Waits, too.
  std::string Key(std::string_view parameters);

  /// For the names of the data files of one folder, which `what` tells from others.
  std::string FileUuid(const std::string& seed, std::string_view what) const;

  /// Notes how many rows of a part were written, for the manifest and the report.
  void AddWritten(const std::string& part, std::int64_t num_rows);

  /// Writes the manifest, with the inputs that `inputs` hashed unless it has some already. The step
  /// is over; the output may be committed.
  StepReport Finish();

  InputHashes inputs;
  PhaseClock clock;
  Manifest manifest;
  std::vector<std::string> findings;  // For the report.

 private:
  // Whether the engine itself writes to the output, which is on S3.
  bool WritesOnS3() { return place_.output->is_remote() && engine_.WorksOnS3(); }
  // A path in the step's directory as one in the output.
  std::string PathInOutput(const std::string& relative) const;

  Engine& engine_;
  const Workflow& workflow_;
  Place place_;
  std::vector<std::pair<std::string, std::int64_t>> written_;
};

/// Writes the manifest and the status, swaps the output in, reports.
StepReport Commit(StepWork* work, OutputDirectory* output, StepStatus* status);

/// How a step that is a command of its own runs once its output is open: `body` computes and writes
/// its files, then comes Commit. The status is published meanwhile, and after a failure.
StepReport Complete(StepWork* work, OutputDirectory* output, StepStatus* status,
                    const std::function<void()>& body);
/// The same for a `body` that ends with Commit itself, if at all.
StepReport WithStatus(StepStatus* status, const std::function<StepReport()>& body);

}  // namespace firesteel
