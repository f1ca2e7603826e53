#include "sparkml/stage_directory.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include "base/error.h"
#include "sparkml/schema_json.h"
#include "sparkml/vector_udt.h"

namespace firesteel {
namespace {

constexpr std::string_view kPipelineClass = "org.apache.spark.ml.PipelineModel";
// What PySpark writes if a stage exists only in Python; both load in either.
constexpr std::string_view kPythonPipelineClass = "pyspark.ml.pipeline.PipelineModel";
// A pipeline model may be a stage of another; a folder that holds itself (a link) must not recurse
// for ever.
constexpr int kMaxNesting = 16;

// The index is padded to the number of digits that the count of stages has.
std::string StageFolder(std::size_t index, std::size_t count, std::string_view uid) {
  return fmt::format("{:0{}}_{}", index, std::to_string(count).size(), uid);
}

// Type and nullability of a column of a stage's data, as Spark declares them.
std::string FieldJson(const NamedValue& column) {
  struct Describe {
    const char* operator()(std::monostate) const { return R"("void","nullable":true)"; }
    const char* operator()(bool) const { return R"("boolean","nullable":false)"; }
    const char* operator()(std::int32_t) const { return R"("integer","nullable":false)"; }
    const char* operator()(std::int64_t) const { return R"("long","nullable":false)"; }
    const char* operator()(double) const { return R"("double","nullable":false)"; }
    const char* operator()(const std::string&) const { return R"("string","nullable":true)"; }
    const char* operator()(const std::vector<double>&) const { return nullptr; }
    const char* operator()(const std::vector<std::int32_t>&) const {
      return R"({"type":"array","elementType":"integer","containsNull":false},"nullable":true)";
    }
    const char* operator()(const std::vector<std::string>&) const {
      return R"({"type":"array","elementType":"string","containsNull":true},"nullable":true)";
    }
    const char* operator()(const std::vector<std::vector<std::string>>&) const {
      return R"({"type":"array","elementType":{"type":"array","elementType":"string",)"
             R"("containsNull":true},"containsNull":true},"nullable":true)";
    }
  };
  const char* described = std::visit(Describe(), column.value);
  const std::string type = described != nullptr
                               ? std::string(described)
                               : std::string(kVectorUdtJson) + R"(,"nullable":true)";
  return fmt::format(R"({{"name":{},"type":{},"metadata":{{}}}})", ToSparkJson(column.name), type);
}

std::string DataSchemaJson(const std::vector<NamedValue>& row) {
  std::string text = R"({"type":"struct","fields":[)";
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) text += ',';
    text += FieldJson(row[i]);
  }
  return text + "]}";
}

StageRecord ReadStageRecord(Engine& engine, const Location& folder, StageMetadata metadata) {
  StageRecord record;
  record.class_name = std::move(metadata.class_name);
  record.uid = std::move(metadata.uid);
  record.params = std::move(metadata.params);
  record.default_params = std::move(metadata.default_params);
  const Location data = folder / "data";
  if (!data.Exists()) return record;
  try {
    record.data = engine.FetchRow(engine.ReadParquet(ListDataFiles(data)));
  } catch (const Error& error) {
    throw error.Within(data.path());
  }
  return record;
}

void AddStages(const Location& location, const StageMetadata& pipeline, int depth,
               std::vector<StageFolderEntry>* stages) {
  const auto fail = [&](std::string_view problem) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{}: {}", (location / "metadata").path(), problem));
  };
  if (depth > kMaxNesting) fail("pipeline models are nested too deeply");
  const auto uids = pipeline.params.find("stageUids");
  if (uids == pipeline.params.end() || !uids->is_array()) {
    fail("paramMap must have the list 'stageUids'");
  }
  for (std::size_t i = 0; i < uids->size(); ++i) {
    if (!(*uids)[i].is_string()) fail("the list 'stageUids' must hold text");
    const Location folder =
        location / "stages" / StageFolder(i, uids->size(), (*uids)[i].get<std::string>());
    if (!folder.IsDirectory()) {
      throw Error(
          ErrorKind::kInvalidArgument,
          fmt::format("{}: the folder of stage {} of {}, which the metadata of the pipeline "
                      "model names, is missing",
                      folder.path(), i + 1, uids->size()));
    }
    StageMetadata metadata = ReadMetadata(folder);
    if (IsPipelineClass(metadata.class_name)) {
      AddStages(folder, metadata, depth + 1, stages);
    } else {
      stages->push_back({folder, std::move(metadata)});
    }
  }
}

}  // namespace

bool IsPipelineClass(std::string_view name) {
  return name == kPipelineClass || name == kPythonPipelineClass;
}

void MakeDirectories(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    throw Error(ErrorKind::kIo,
                fmt::format("can't make folder '{}': {}", directory, error.message()));
  }
}

std::vector<std::string> WritePipelineFolders(std::string_view uid,
                                              std::span<const std::string> stage_uids,
                                              const std::string& directory,
                                              const SparkMlStamp& stamp) {
  StageMetadata metadata;
  metadata.class_name = kPipelineClass;
  metadata.timestamp_ms = stamp.timestamp_ms;
  metadata.uid = uid;
  metadata.params["stageUids"] = stage_uids;
  MakeDirectories(directory);
  WriteMetadata(metadata, directory, stamp.FileUuid(metadata.uid + "/metadata"));
  MakeDirectories(directory + "/stages");
  std::vector<std::string> folders = FoldersOfStages(stage_uids, directory);
  for (const std::string& folder : folders) MakeDirectories(folder);
  return folders;
}

std::vector<std::string> FoldersOfStages(std::span<const std::string> stage_uids,
                                         const std::string& directory) {
  std::vector<std::string> folders;
  for (std::size_t i = 0; i < stage_uids.size(); ++i) {
    folders.push_back(
        fmt::format("{}/stages/{}", directory, StageFolder(i, stage_uids.size(), stage_uids[i])));
  }
  return folders;
}

void WriteStage(const FittedStage& stage, Engine& engine, const std::string& directory,
                const SparkMlStamp& stamp) {
  const StageRecord record = stage.ToRecord();
  StageMetadata metadata;
  metadata.class_name = record.class_name;
  metadata.timestamp_ms = stamp.timestamp_ms;
  metadata.uid = record.uid;
  metadata.params = record.params;
  metadata.default_params = record.default_params;
  WriteMetadata(metadata, directory, stamp.FileUuid(record.uid + "/metadata"));
  if (record.data.empty()) return;
  WriteOptions options;
  options.directory = directory + "/data";
  options.uuid = stamp.FileUuid(record.uid + "/data");
  options.key_values[std::string(kSparkSchemaKey)] = DataSchemaJson(record.data);
  options.key_values[std::string(kSparkVersionKey)] = std::string(kSparkVersion);
  MakeDirectories(options.directory);
  engine.Write(engine.Values(record.data), options);
  WriteTextFile(options.directory + "/_SUCCESS", "");
}

std::vector<StageFolderEntry> ListStages(const Location& location, const StageMetadata& pipeline) {
  std::vector<StageFolderEntry> stages;
  AddStages(location, pipeline, 0, &stages);
  return stages;
}

std::unique_ptr<FittedStage> ReadStage(Engine& engine, const StageFolderEntry& entry,
                                       const PythonStages& python_stages) {
  const StageRecord record = ReadStageRecord(engine, entry.folder, entry.metadata);
  try {
    return LoadStage(record, python_stages);
  } catch (const Error& error) {
    throw error.Within(entry.folder.path());
  }
}

}  // namespace firesteel
