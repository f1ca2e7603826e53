#pragma once

#include <cstddef>
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
#include "table/data_type.h"
#include "table/value_range.h"

namespace firesteel {

/// A column of the frame that a model's stages take.
struct ModelColumn {
  std::string name;
  DataType type;
  std::size_t width = 1;  // Of a vector, 0 if unknown; 1 for a number.

  bool operator==(const ModelColumn&) const = default;
};

/// A trained model with all that its folder says of it.
struct SavedModel {
  std::string kind;      // As --model-type spells it: "gbt".
  std::string uid = {};  // Spark's; WriteModel derives it from the stamp if it is empty.
  std::shared_ptr<const Regressor> model;
  /// What was set. Of a kind that Spark ML knows: by Spark's names; WriteModel adds featuresCol,
  /// labelCol and, where it is not Spark's default, predictionCol; ReadModel gives the whole
  /// paramMap. Names that Spark does not know are kept in firesteel.json alone.
  nlohmann::ordered_json params = nlohmann::ordered_json::object();
  /// Every parameter that has a value. WriteModel computes those that Spark knows: `params` over
  /// Spark's defaults.
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
  /// The columns of the frame that the stages take, in order; empty: not known.
  std::vector<ModelColumn> columns = {};
  /// What each feature was in training, length d; empty: not known, and nothing to verify with.
  std::vector<ValueRange> ranges = {};
  /// The workflow that it was trained by, as its file read; empty: not known.
  std::string workflow_text = {};
  /// Where it comes from: {"created_by": {program: version}, "inputs": [{"role", "bytes",
  /// "sha256"}]}.
  nlohmann::ordered_json origin = nlohmann::ordered_json::object();
};

/// Saves a model. A kind that Spark ML knows: as a PipelineModel of `stages` and the model (spec
/// D.1 to D.6), which Spark 3.5 and 4.x load. Another: its own files, and `stages` as a
/// PipelineModel in pipeline/. Beside either firesteel.json, which Spark ignores: what Spark's
/// files can't hold, the hashes of all files and, as `ranges` are known, rows with the predictions
/// that the model must give for them. `directory` must be new. The same model and stamp give the
/// same bytes. Throws Error(kUnsupported) for a kind without a format.
void WriteModel(const SavedModel& model, Engine& engine, const std::string& directory,
                const SparkMlStamp& stamp);

/// Whether there seems to be a model at `location`.
bool IsModel(const Location& location);

/// Loads a model that Spark (3.5, 4.x) or we saved: a folder that WriteModel wrote, a PipelineModel
/// that ends in a model, or a model's own folder. With firesteel.json, the files must be those that
/// were saved, and the model must give the predictions that it gave then. Without, the features are
/// named after the assembler's columns where their widths are known, and are categorical where a
/// split says so.
/// Throws Error(kNotFound) if there is nothing at `place`, Error(kInvalidArgument) naming the
/// file for a broken model, one that was changed and one that is none, Error(kUnsupported) for a
/// class we do not know and a firesteel.json of another version.
SavedModel ReadModel(Engine& engine, const Location& place, const PythonStages& python_stages);

/// How one kind of model lies on disk. A new kind is a new file in this folder, a line in
/// model_formats.cc and a test.
struct ModelFormat {
  std::string kind;  // "gbt"
  /// Class of the fitted model: "….GBTRegressionModel". Empty: Spark ML knows no such model, and
  /// what follows of uids and parameters does not matter.
  std::string saved_class;
  std::string uid_prefix;  // Class of its estimator, with which uids begin: "GBTRegressor"
  nlohmann::ordered_json default_params;     // defaultParamMap: all of Spark's defaults.
  std::vector<std::string> optional_params;  // Those without a default: texts.
  /// Writes what stands beside metadata/ (without a class: beside firesteel.json) in the model's
  /// folder, which exists, and returns the class's own keys of the metadata.
  nlohmann::ordered_json (*write)(const SavedModel& model, Engine& engine,
                                  const std::string& directory, const SparkMlStamp& stamp);
  /// Reads what `write` wrote; without a class, `metadata` is empty. Fills in `model` and those
  /// attributes that the data tells of.
  void (*read)(Engine& engine, const Location& directory, const StageMetadata& metadata,
               SavedModel* model);
};

std::span<const ModelFormat> ModelFormats();

/// Saves a model of a kind that Spark ML knows as Spark saves one model: without stages and without
/// firesteel.json. Fills in uid and parameters, as WriteModel says. `directory` exists.
void WriteModelStage(const ModelFormat& format, SavedModel* model, Engine& engine,
                     const std::string& directory, const SparkMlStamp& stamp);

}  // namespace firesteel
