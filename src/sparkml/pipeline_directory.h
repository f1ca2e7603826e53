#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "features/pipeline.h"
#include "features/registry.h"
#include "storage/location.h"

namespace firesteel {

/// What goes into files beside the model itself; the same stamp gives the same bytes.
struct SparkMlStamp {
  std::int64_t timestamp_ms =
      0;                  // From the hash of the inputs, so that a repeat gives the same file.
  std::string uuid_seed;  // Uids and names of files derive from it.
  std::string name_salt =
      {};  // Names of files alone derive from it, too (OutputDirectory::name_salt).

  /// For the names of the files of one folder, which `what` tells from others.
  std::string FileUuid(std::string_view what) const;
};

/// Saves a fitted pipeline in Spark ML's format (spec D.1 to D.3), readable by Spark 3.5 and 4.x.
/// `directory` must be new.
void WritePipelineModel(const PipelineModel& model, Engine& engine, const std::string& directory,
                        const SparkMlStamp& stamp);

/// Where each stage of a model lies that WritePipelineModel saved in `directory`.
std::vector<std::string> StageFolders(const PipelineModel& model, const std::string& directory);

/// Loads a pipeline model that Spark (3.5, 4.x) or we saved. Throws Error(kNotFound) if there is
/// none at `place`, Error(kInvalidArgument) naming the file for a broken one,
/// Error(kUnsupported) for a stage we do not know.
PipelineModel ReadPipelineModel(Engine& engine, const Location& place,
                                const PythonStages& python_stages);

}  // namespace firesteel
