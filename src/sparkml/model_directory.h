#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "features/pipeline.h"
#include "features/registry.h"
#include "model/regressor.h"
#include "sparkml/metadata.h"
#include "sparkml/pipeline_directory.h"
#include "storage/location.h"
#include "table/attribute.h"

namespace firesteel {

/// A trained model with all that its folder says of it.
struct SavedModel {
  std::string kind;      // As --model-type spells it: "gbt".
  std::string uid = {};  // Spark's; WriteModel derives it from the stamp if it is empty.
  std::shared_ptr<const Regressor> model;
  /// What was set, by Spark's names. WriteModel adds featuresCol, labelCol and, where it is not
  /// Spark's default, predictionCol; ReadModel gives the whole paramMap.
  nlohmann::ordered_json params = nlohmann::ordered_json::object();
  /// Every parameter that has a value: `params` over Spark's defaults. WriteModel computes it;
  /// ReadModel fills it in.
  nlohmann::ordered_json resolved = nlohmann::ordered_json::object();
  std::string features_column = "training_cols";
  std::string label_column = "label";
  std::string prediction_column = "prediction";
  /// What each feature is, length d; a name that nobody knows is f<position>.
  std::vector<Attribute> attributes = {};
  /// The stages before the model, a VectorAssembler as a rule; null if the model was saved alone.
  std::shared_ptr<const PipelineModel> stages = {};
  /// What training had to say of itself.
  nlohmann::ordered_json facts = nlohmann::ordered_json::object();
};

/// Saves a model: Spark ML's PipelineModel of `stages` and the model (spec D.1 to D.5), which Spark
/// 3.5 and 4.x load, and firesteel.json, which Spark ignores. `directory` must be new. The same
/// model and stamp give the same bytes.
/// Throws Error(kUnsupported) for a kind that Spark ML has no format for.
void WriteModel(const SavedModel& model, Engine& engine, const std::string& directory,
                const SparkMlStamp& stamp);

/// Loads a model that Spark (3.5, 4.x) or we saved: a PipelineModel that ends in a model, or a
/// model's own folder. Without firesteel.json, the features are named after the assembler's
/// columns where their widths are known, and are categorical where a split says so.
/// Throws Error(kNotFound) if there is nothing at `location`, Error(kInvalidArgument) naming the
/// file for a broken model or one that is none, Error(kUnsupported) for a class we do not know and
/// a firesteel.json of a later version.
SavedModel ReadModel(Engine& engine, const Location& location, const PythonStages& python_stages);

/// How one kind of model lies on disk. A new kind is a new file in this folder, a line in
/// model_formats.cc and a test.
struct ModelFormat {
  std::string kind;         // "gbt"
  std::string saved_class;  // Class of the fitted model: "….GBTRegressionModel"
  std::string uid_prefix;   // Class of its estimator, with which uids begin: "GBTRegressor"
  nlohmann::ordered_json default_params;     // defaultParamMap: all of Spark's defaults.
  std::vector<std::string> optional_params;  // Those without a default: texts.
  /// Writes what stands beside metadata/ in the model's folder, which exists, and returns the
  /// class's own keys of the metadata.
  nlohmann::ordered_json (*write)(const SavedModel& model, Engine& engine,
                                  const std::string& directory, const SparkMlStamp& stamp);
  /// Reads what `write` wrote. Fills in `model` and those attributes that the data tells of.
  void (*read)(Engine& engine, const Location& directory, const StageMetadata& metadata,
               SavedModel* model);
};

std::span<const ModelFormat> ModelFormats();

}  // namespace firesteel
