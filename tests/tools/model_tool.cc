// Trains and predicts for tests/spark/models_on_spark.py:
//   model_tool train MODEL_TYPE FRAME LABEL PARAMS.json MODEL OUTPUT.json
//                                                    every other column is a feature
//   model_tool predict MODEL FRAME OUTPUT.json
// FRAME is a folder of Parquet files, MODEL a folder of Spark ML's (new, for `train`). OUTPUT:
// [prediction, …] in the order of the rows.

#include <fmt/format.h>

#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/duckdb/duckdb_engine.h"
#include "features/pipeline.h"
#include "features/registry.h"
#include "learn/learner.h"
#include "learn/memory_source.h"
#include "sparkml/frame.h"
#include "sparkml/model_directory.h"
#include "sparkml/model_verification.h"
#include "storage/location.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kPrediction = "__prediction";

void WriteJson(const std::string& file, const Json& json) { WriteTextFile(file, json.dump()); }

// The prediction of each row, in order.
Json Predict(Engine& engine, const SavedModel& model, const Relation& frame) {
  Relation rows = frame;
  if (model.stages != nullptr) rows = model.stages->Transform(engine, rows);
  const std::shared_ptr<const Regressor> regressor = model.model;
  const Relation scored =
      engine.Score(rows,
                   {.features = {model.features_column, regressor->num_features()},
                    .output_column = kPrediction},
                   [regressor](MatrixView<const double> features, std::span<double> out) {
                     regressor->Predict(features, out);
                   });
  Json predictions = Json::array();
  engine.Scan(scored, {{kPrediction}}, [&](MatrixView<const double> block) {
    for (std::size_t row = 0; row < block.num_rows(); ++row)
      predictions.push_back(NumberToJson(block(row, 0)));
  });
  return predictions;
}

void Train(Engine& engine, const std::vector<std::string>& args) {
  const Relation frame = ReadFrame(engine, Location::Parse(args[2]));
  const LearnerKind& kind = FindLearner(args[1]);
  const Json params = CheckParameters(kind.parameters, Json::parse(ReadTextFile(args[4])), args[4]);
  const TrainingColumns columns = kind.columns(params);

  SavedModel saved;
  saved.kind = kind.name;
  saved.params = params;
  saved.resolved = DefaultParameters(kind.parameters);
  saved.resolved.update(params);
  saved.label_column = args[3];
  std::vector<std::string> inputs;
  for (const std::string& name : frame.schema().names()) {
    if (name != saved.label_column && name != columns.weight && name != columns.held_out) {
      inputs.push_back(name);
    }
  }
  std::vector<std::unique_ptr<Stage>> stages;
  stages.push_back(MakeStage("VectorAssembler",
                             {{"inputCols", inputs}, {"outputCol", saved.features_column}},
                             "VectorAssembler_0123456789ab", "test"));
  saved.stages = std::make_shared<PipelineModel>(
      Pipeline("PipelineModel_0123456789ab", std::move(stages)).Fit(engine, frame));
  const Relation assembled = saved.stages->Transform(engine, frame);
  const auto& group =
      std::get<AttributeGroup>(assembled.schema().Get(saved.features_column).attributes);
  saved.attributes = group.slots.value();

  MemoryRows rows;
  rows.attributes = saved.attributes;
  std::vector<ScanColumn> scanned = {{saved.features_column, group.size}, {saved.label_column}};
  if (columns.weight) scanned.push_back({*columns.weight});
  if (columns.held_out) scanned.push_back({*columns.held_out});
  engine.Scan(assembled, scanned, [&](MatrixView<const double> block) {
    for (std::size_t row = 0; row < block.num_rows(); ++row) {
      const std::span<const double> values = block.row(row);
      rows.features.insert(rows.features.end(), values.begin(),
                           values.begin() + static_cast<std::ptrdiff_t>(group.size));
      std::size_t next = group.size;
      rows.labels.push_back(values[next++]);
      if (columns.weight) rows.weights.push_back(values[next++]);
      if (columns.held_out) rows.held_out.push_back(values[next++] != 0.0);
    }
  });
  MemorySource source(std::move(rows));
  TrainedModel trained = kind.train(source, params, {});
  saved.model = std::move(trained.model);
  saved.facts = std::move(trained.facts);
  WriteModel(saved, engine, args[5], {.timestamp_ms = 1, .uuid_seed = "test"});
  WriteJson(args[6], Predict(engine, saved, frame));
}

int Run(const std::vector<std::string>& args) {
  const std::unique_ptr<Engine> engine = OpenDuckDb({.num_threads = 1});
  if (args.size() == 7 && args[0] == "train") {
    Train(*engine, args);
    return 0;
  }
  if (args.size() == 4 && args[0] == "predict") {
    const SavedModel model = ReadModel(*engine, Location::Parse(args[1]), {});
    WriteJson(args[3], Predict(*engine, model, ReadFrame(*engine, Location::Parse(args[2]))));
    return 0;
  }
  fmt::print(stderr,
             "usage: model_tool train MODEL_TYPE FRAME LABEL PARAMS MODEL OUTPUT | predict MODEL "
             "FRAME OUTPUT\n");
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
