#include "sparkml/pipeline_directory.h"

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "sparkml/metadata.h"
#include "sparkml/stage_directory.h"
#include "storage/local_copy.h"

namespace firesteel {

namespace {

std::vector<std::string> UidsOf(const PipelineModel& model) {
  std::vector<std::string> uids;
  for (const auto& stage : model.stages()) uids.push_back(stage->uid());
  return uids;
}

}  // namespace

std::vector<std::string> StageFolders(const PipelineModel& model, const std::string& directory) {
  return FoldersOfStages(UidsOf(model), directory);
}

void WritePipelineModel(const PipelineModel& model, Engine& engine, const std::string& directory,
                        const SparkMlStamp& stamp) {
  const std::vector<std::string> folders =
      WritePipelineFolders(model.uid(), UidsOf(model), directory, stamp);
  for (std::size_t i = 0; i < folders.size(); ++i) {
    WriteStage(*model.stages()[i], engine, folders[i], stamp);
  }
}

std::string SparkMlStamp::FileUuid(std::string_view what) const {
  return UuidOf(fmt::format("{}\n{}{}", uuid_seed, what, name_salt));
}

PipelineModel ReadPipelineModel(Engine& engine, const Location& place,
                                const PythonStages& python_stages) {
  if (!place.Exists() || !(place / "metadata").IsDirectory()) {
    throw Error(ErrorKind::kNotFound,
                fmt::format("{}: there is no pipeline model: the folder 'metadata' is missing",
                            place.path()));
  }
  const Location location = LocalCopy(place);
  const StageMetadata metadata = ReadMetadata(location);
  if (!IsPipelineClass(metadata.class_name)) {
    throw Error(
        ErrorKind::kInvalidArgument,
        fmt::format("{}: class {} is not a fitted pipeline ({})", (location / "metadata").path(),
                    metadata.class_name, "org.apache.spark.ml.PipelineModel"));
  }
  std::vector<std::unique_ptr<FittedStage>> stages;
  for (const StageFolderEntry& entry : ListStages(location, metadata)) {
    stages.push_back(ReadStage(engine, entry, python_stages));
  }
  return PipelineModel(metadata.uid, std::move(stages));
}

}  // namespace firesteel
