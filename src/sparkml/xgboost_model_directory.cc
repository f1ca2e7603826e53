#include "sparkml/xgboost_model_directory.h"

#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "model/xgboost_model.h"
#include "storage/location.h"

namespace firesteel {
namespace {

constexpr const char* kFile = "model.ubj";

nlohmann::ordered_json Write(const SavedModel& model, Engine&, const std::string& directory,
                             const SparkMlStamp&) {
  const auto* xgboost = dynamic_cast<const XgboostModel*>(model.model.get());
  if (xgboost == nullptr) {
    throw Error(ErrorKind::kInternal, "a model of kind 'xgboost' is not an XgboostModel");
  }
  WriteTextFile(fmt::format("{}/{}", directory, kFile), xgboost->file());
  return nlohmann::ordered_json::object();
}

void Read(Engine&, const Location& directory, const StageMetadata&, SavedModel* model) {
  const std::string path = (directory / kFile).path();
  std::string bytes = ReadTextFile(path);
  try {
    auto xgboost = std::make_shared<const XgboostModel>(std::move(bytes));
    model->attributes.resize(xgboost->num_features());
    for (std::size_t i = 0; i < xgboost->feature_names().size(); ++i) {
      model->attributes[i].name = xgboost->feature_names()[i];
    }
    model->model = std::move(xgboost);
  } catch (const Error& error) {
    throw error.Within(path);
  }
}

}  // namespace

ModelFormat XgboostModelFormat() {
  return {.kind = "xgboost",
          .saved_class = "",
          .uid_prefix = "XGBoostModel",
          .default_params = {},
          .optional_params = {},
          .write = Write,
          .read = Read};
}

}  // namespace firesteel
