#include "sparkml/model_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/json_text.h"
#include "base/random.h"
#include "base/text.h"
#include "sparkml/feature_names.h"
#include "sparkml/model_description.h"
#include "sparkml/model_verification.h"
#include "sparkml/stage_directory.h"
#include "storage/local_copy.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

const ModelFormat& FormatOfKind(std::string_view kind) {
  std::vector<std::string> kinds;
  for (const ModelFormat& format : ModelFormats()) {
    if (format.kind == kind) return format;
    kinds.push_back(format.kind);
  }
  throw Error(
      ErrorKind::kUnsupported,
      fmt::format("a model of kind '{}' has no format; these have: {}", kind, Join(kinds, ", ")));
}

const ModelFormat* FormatOfClass(std::string_view class_name) {
  for (const ModelFormat& format : ModelFormats()) {
    if (!class_name.empty() && format.saved_class == class_name) return &format;
  }
  return nullptr;
}

bool HasParam(const ModelFormat& format, const std::string& name) {
  const std::vector<std::string>& optional = format.optional_params;
  return format.default_params.contains(name) ||
         std::find(optional.begin(), optional.end(), name) != optional.end();
}

// A value as the parameter's type in Spark wants it: a double with a point, an int without. What
// Python calls None is Java's null, which reads as zero.
Json Typed(const Json& value, const Json& like) {
  if (value.is_null()) {
    if (like.is_boolean()) return false;
    return like.is_number_float() ? Json(0.0) : Json(std::int64_t{0});
  }
  if (like.is_number_float() && value.is_number_integer()) return value.get<double>();
  if (like.is_number_integer() && value.is_number_float()) return value.get<std::int64_t>();
  return value;
}

// `params` over `defaults`, in the order of their names.
Json Resolve(const Json& defaults, const Json& params) {
  Json all = defaults;
  all.update(params);
  std::vector<std::string> names;
  for (const auto& [name, value] : all.items()) names.push_back(name);
  std::sort(names.begin(), names.end());
  Json sorted = Json::object();
  for (const std::string& name : names) sorted[name] = all[name];
  return sorted;
}

std::string TextParam(const Json& params, const char* name, const std::string& otherwise) {
  const auto found = params.find(name);
  return found != params.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

// Names and types must be those of the class, as Spark asks.
void CheckParams(const ModelFormat& format, const Json& params) {
  for (const auto& [name, value] : params.items()) {
    if (!HasParam(format, name)) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("class {} has no parameter '{}'", format.saved_class, name));
    }
    const Json like = format.default_params.value(name, Json(""));
    const bool fits = like.is_number_float()     ? value.is_number() || value.is_string()
                      : like.is_number_integer() ? value.is_number_integer()
                      : like.is_boolean()        ? value.is_boolean()
                                                 : value.is_string();
    if (!fits) {
      throw Error(ErrorKind::kInvalidArgument,
                  fmt::format("the parameter '{}' must not be {}", name, value.dump()));
    }
  }
}

SavedModel ReadModelStage(Engine& engine, const StageFolderEntry& entry) {
  const ModelFormat& format = *FormatOfClass(entry.metadata.class_name);
  const std::string where = (entry.folder / "metadata").path();
  try {
    CheckParams(format, entry.metadata.params);
    CheckParams(format, entry.metadata.default_params);
  } catch (const Error& error) {
    throw error.Within(where);
  }
  SavedModel model;
  model.kind = format.kind;
  model.uid = entry.metadata.uid;
  model.params = entry.metadata.params;
  Json defaults = format.default_params;
  defaults.update(entry.metadata.default_params);
  model.resolved = Resolve(defaults, model.params);
  model.features_column = TextParam(model.resolved, "featuresCol", "features");
  model.label_column = TextParam(model.resolved, "labelCol", "label");
  model.prediction_column = TextParam(model.resolved, "predictionCol", "prediction");
  format.read(engine, entry.folder, entry.metadata, &model);
  model.attributes.resize(model.model->num_features());
  return model;
}

// Names and categories from the stages; what the model's own splits say of categories stays where
// the stages know nothing.
void TakeStages(std::shared_ptr<const PipelineModel> stages, SavedModel* model) {
  std::vector<Attribute> attributes =
      AttributesFromStages(*stages, model->features_column, model->attributes.size());
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    if (!attributes[i].Arity() && model->attributes[i].Arity()) {
      model->attributes[i].name = attributes[i].name;
    } else {
      model->attributes[i] = std::move(attributes[i]);
    }
  }
  model->stages = std::move(stages);
}

[[noreturn]] void RefuseClass(const Location& folder, const std::string& class_name) {
  std::vector<std::string> classes;
  for (const ModelFormat& format : ModelFormats()) {
    if (!format.saved_class.empty()) classes.push_back(format.saved_class);
  }
  throw Error(ErrorKind::kUnsupported,
              fmt::format("{}: class {} is not a model that can be loaded; these can: {}",
                          (folder / "metadata").path(), class_name, Join(classes, ", ")));
}

// The folder of `stages` in a model that Spark ML does not know.
constexpr const char* kPipelineFolder = "pipeline";

// Fills in what is known of a model of a kind that Spark knows once it is saved, and returns the
// parameters that Spark is told.
Json FillIn(const ModelFormat& format, const SparkMlStamp& stamp, SavedModel* model) {
  SavedModel& saved = *model;
  if (saved.uid.empty()) saved.uid = UidOf(format.uid_prefix, stamp.uuid_seed);
  Json params = Json::object();
  for (auto& [name, value] : saved.params.items()) {
    if (!HasParam(format, name)) continue;
    const auto like = format.default_params.find(name);
    if (like != format.default_params.end()) value = Typed(value, *like);
    params[name] = value;
  }
  const auto set_column = [&](const char* name, const std::string& column) {
    if (format.default_params.value(name, "") != column) params[name] = column;
  };
  set_column("featuresCol", saved.features_column);
  set_column("labelCol", saved.label_column);
  set_column("predictionCol", saved.prediction_column);
  saved.params.update(params);
  Json all = saved.resolved;
  all.update(Resolve(format.default_params, params));
  saved.resolved = std::move(all);
  return params;
}

void WriteStageFiles(const ModelFormat& format, const SavedModel& saved, const Json& params,
                     Engine& engine, const std::string& directory, const SparkMlStamp& stamp) {
  StageMetadata metadata;
  metadata.class_name = format.saved_class;
  metadata.timestamp_ms = stamp.timestamp_ms;
  metadata.uid = saved.uid;
  metadata.params = params;
  metadata.default_params = format.default_params;
  metadata.extra = format.write(saved, engine, directory, stamp);
  WriteMetadata(metadata, directory, stamp.FileUuid(saved.uid + "/metadata"));
}

// Saves a model as the last stage of a Spark ML pipeline, and fills in what is known then.
void WriteSparkModel(const ModelFormat& format, Engine& engine, const std::string& directory,
                     const SparkMlStamp& stamp, SavedModel* model) {
  const SavedModel& saved = *model;
  const Json params = FillIn(format, stamp, model);
  std::vector<std::string> uids;
  if (saved.stages != nullptr) {
    for (const auto& stage : saved.stages->stages()) uids.push_back(stage->uid());
  }
  uids.push_back(saved.uid);
  const std::string pipeline_uid =
      saved.stages != nullptr ? saved.stages->uid() : UidOf("PipelineModel", stamp.uuid_seed);
  const std::vector<std::string> folders =
      WritePipelineFolders(pipeline_uid, uids, directory, stamp);
  for (std::size_t i = 0; i + 1 < folders.size(); ++i) {
    WriteStage(*saved.stages->stages()[i], engine, folders[i], stamp);
  }
  WriteStageFiles(format, saved, params, engine, folders.back(), stamp);
}

SavedModel ReadSparkModel(Engine& engine, const Location& location,
                          const PythonStages& python_stages) {
  StageFolderEntry entry{location, ReadMetadata(location)};
  if (!IsPipelineClass(entry.metadata.class_name)) {
    if (FormatOfClass(entry.metadata.class_name) == nullptr) {
      RefuseClass(location, entry.metadata.class_name);
    }
    return ReadModelStage(engine, entry);
  }
  std::vector<StageFolderEntry> entries = ListStages(location, entry.metadata);
  if (entries.empty() || FormatOfClass(entries.back().metadata.class_name) == nullptr) {
    if (!entries.empty() &&
        !entries.back().metadata.class_name.starts_with("org.apache.spark.ml.feature.")) {
      RefuseClass(entries.back().folder, entries.back().metadata.class_name);
    }
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("{}: it is a feature pipeline: none of its {} stages is a model",
                            location.path(), entries.size()));
  }
  SavedModel model = ReadModelStage(engine, entries.back());
  std::vector<std::unique_ptr<FittedStage>> stages;
  for (std::size_t i = 0; i + 1 < entries.size(); ++i) {
    stages.push_back(ReadStage(engine, entries[i], python_stages));
  }
  TakeStages(std::make_shared<PipelineModel>(entry.metadata.uid, std::move(stages)), &model);
  return model;
}

SavedModel ReadOwnModel(Engine& engine, const Location& location, const std::string& kind,
                        const PythonStages& python_stages) {
  const ModelFormat& format = FormatOfKind(kind);
  if (!format.saved_class.empty()) {
    throw Error(ErrorKind::kNotFound,
                fmt::format("{}: of the model only {} is there: the folder 'metadata' is missing",
                            location.path(), kModelDescriptionFile));
  }
  SavedModel model;
  model.kind = kind;
  format.read(engine, location, {}, &model);
  model.attributes.resize(model.model->num_features());
  if ((location / kPipelineFolder).Exists()) {
    TakeStages(std::make_shared<PipelineModel>(
                   ReadPipelineModel(engine, location / kPipelineFolder, python_stages)),
               &model);
  }
  return model;
}

}  // namespace

void WriteModelStage(const ModelFormat& format, SavedModel* model, Engine& engine,
                     const std::string& directory, const SparkMlStamp& stamp) {
  const Json params = FillIn(format, stamp, model);
  WriteStageFiles(format, *model, params, engine, directory, stamp);
}

void WriteModel(const SavedModel& model, Engine& engine, const std::string& directory,
                const SparkMlStamp& stamp) {
  const ModelFormat& format = FormatOfKind(model.kind);
  SavedModel saved = model;
  saved.attributes.resize(saved.model->num_features());
  NameFeatures(&saved.attributes);
  if (!format.saved_class.empty()) {
    WriteSparkModel(format, engine, directory, stamp, &saved);
  } else {
    MakeDirectories(directory);
    format.write(saved, engine, directory, stamp);
    if (saved.stages != nullptr) {
      WritePipelineModel(*saved.stages, engine, fmt::format("{}/{}", directory, kPipelineFolder),
                         stamp);
    }
  }
  const Json description =
      DescriptionToJson(saved, HashFiles(directory, kModelDescriptionFile), stamp.uuid_seed);
  WriteTextFile(directory + "/" + kModelDescriptionFile, ToJsonText(description));
}

bool IsModel(const Location& location) {
  return location.Exists() &&
         ((location / "metadata").IsDirectory() || (location / kModelDescriptionFile).Exists());
}

SavedModel ReadModel(Engine& engine, const Location& place, const PythonStages& python_stages) {
  if (!IsModel(place)) {
    throw Error(
        ErrorKind::kNotFound,
        fmt::format("{}: there is no model: {}", place.path(),
                    place.Exists() ? "the folder 'metadata' is missing" : "nothing has this name"));
  }
  const Location location = LocalCopy(place);
  const std::optional<Json> description = ReadDescription(location);
  SavedModel model;
  if ((location / "metadata").IsDirectory()) {
    model = ReadSparkModel(engine, location, python_stages);
  } else {
    model = ReadOwnModel(engine, location, (*description)["kind"], python_stages);
  }
  if (description) {
    const auto files = HashFiles(location.path(), kModelDescriptionFile);
    try {
      ApplyDescription(*description, files, &model);
    } catch (const Error& error) {
      throw error.Within((location / kModelDescriptionFile).path());
    }
  }
  NameFeatures(&model.attributes);
  return model;
}

}  // namespace firesteel
