#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "features/registry.h"
#include "features/stage.h"
#include "sparkml/metadata.h"
#include "sparkml/pipeline_directory.h"
#include "storage/location.h"

namespace firesteel {

// What pipeline models and trained models have in common on disk: a pipeline's metadata and the
// folders of its stages.

/// Whether a class is a fitted pipeline, Spark's or PySpark's (what PySpark writes if a stage
/// exists only in Python).
bool IsPipelineClass(std::string_view name);

/// Makes a folder and those above it. Throws Error(kIo).
void MakeDirectories(const std::string& directory);

/// Writes a pipeline model's metadata and makes the folders of its stages, whose paths it returns.
std::vector<std::string> WritePipelineFolders(std::string_view uid,
                                              std::span<const std::string> stage_uids,
                                              const std::string& directory,
                                              const SparkMlStamp& stamp);
/// Where those folders are.
std::vector<std::string> FoldersOfStages(std::span<const std::string> stage_uids,
                                         const std::string& directory);
/// Writes metadata and data of a stage. `directory` exists.
void WriteStage(const FittedStage& stage, Engine& engine, const std::string& directory,
                const SparkMlStamp& stamp);

struct StageFolderEntry {
  Location folder;
  StageMetadata metadata;
};

/// The stages of a pipeline model whose metadata was read; a pipeline model among them gives its
/// own. Throws Error(kInvalidArgument) for a folder that is missing.
std::vector<StageFolderEntry> ListStages(const Location& location, const StageMetadata& pipeline);
/// Throws as LoadStage does, naming the folder.
std::unique_ptr<FittedStage> ReadStage(Engine& engine, const StageFolderEntry& entry,
                                       const PythonStages& python_stages);

}  // namespace firesteel
