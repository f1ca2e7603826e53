// Fits and applies pipelines for tests/spark/stages_on_spark.py:
//   pipeline_tool fit STAGES.json FRAME MODEL OUTPUT       STAGES: [{"StringIndexer": {params}}, …]
//   pipeline_tool transform MODEL FRAME OUTPUT
// FRAME and OUTPUT are folders of Parquet files, MODEL a folder of Spark ML's pipeline model.
// OUTPUT and MODEL are new.

#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "engine/duckdb/duckdb_engine.h"
#include "features/pipeline.h"
#include "features/registry.h"
#include "sparkml/frame.h"
#include "sparkml/pipeline_directory.h"
#include "storage/location.h"

namespace firesteel {
namespace {

constexpr const char* kUuid = "00000000-0000-4000-8000-000000000000";

Pipeline ReadStages(const std::string& file) {
  const auto list = nlohmann::ordered_json::parse(ReadTextFile(file));
  std::vector<std::unique_ptr<Stage>> stages;
  for (const auto& entry : list) {
    const auto stage = entry.begin();
    const std::string uid = fmt::format("{}_{:012x}", stage.key(), stages.size());
    stages.push_back(MakeStage(stage.key(), stage.value(), uid, file));
  }
  return Pipeline("PipelineModel_0123456789ab", std::move(stages));
}

void WriteOutput(Engine& engine, const Relation& rows, const std::string& directory) {
  std::filesystem::create_directories(directory);
  WriteFrame(engine, rows, directory, kUuid);
}

int Run(const std::vector<std::string>& args) {
  const std::unique_ptr<Engine> engine = OpenDuckDb({});
  if (args.size() == 5 && args[0] == "fit") {
    const Relation frame = ReadFrame(*engine, Location::Parse(args[2]));
    const PipelineModel model = ReadStages(args[1]).Fit(*engine, frame);
    WritePipelineModel(model, *engine, args[3], {.timestamp_ms = 1, .uuid_seed = "test"});
    WriteOutput(*engine, model.Transform(*engine, frame), args[4]);
    return 0;
  }
  if (args.size() == 4 && args[0] == "transform") {
    const PipelineModel model = ReadPipelineModel(*engine, Location::Parse(args[1]), {});
    const Relation frame = ReadFrame(*engine, Location::Parse(args[2]));
    WriteOutput(*engine, model.Transform(*engine, frame), args[3]);
    return 0;
  }
  fmt::print(stderr,
             "usage: pipeline_tool fit STAGES FRAME MODEL OUTPUT | transform MODEL FRAME OUTPUT\n");
  return 2;
}

}  // namespace
}  // namespace firesteel

int main(int argc, char** argv) {
  try {
    return firesteel::Run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
