#include "engine/spark/cluster_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "engine/spark/spark_files.h"

namespace firesteel {

namespace connect = ::spark::connect;

namespace {

connect::ObjectRef LoadModel(ConnectClient* client, const ModelFolder& model) {
  connect::Command command;
  connect::MlCommand::Read* read = command.mutable_ml_command()->mutable_read();
  read->mutable_operator_()->set_name(model.class_name);
  read->mutable_operator_()->set_type(connect::MlOperator::OPERATOR_TYPE_MODEL);
  read->set_path(SparkPath(model.directory));
  connect::ObjectRef reference;
  try {
    client->Run(command, [&](const connect::ExecutePlanResponse& response) {
      if (response.has_ml_command_result()) {
        reference = response.ml_command_result().operator_info().obj_ref();
      }
    });
  } catch (const Error& error) {
    throw error.Within(model.directory);
  }
  if (reference.id().empty()) {
    throw Error(ErrorKind::kInternal,
                fmt::format("{}: Spark did not say that it loaded the model", model.directory));
  }
  return reference;
}

}  // namespace

ClusterModels::~ClusterModels() {
  if (!delete_at_end_ || loaded_.empty()) return;
  connect::Command command;
  for (const auto& [directory, reference] : loaded_) {
    *command.mutable_ml_command()->mutable_delete_()->add_obj_refs() = reference;
  }
  try {
    client_->Run(command);
  } catch (const Error& error) {
    LogDebug(fmt::format("models stay in the Spark session: {}", error.what()));
  }
}

const connect::ObjectRef& ClusterModels::Load(const ModelFolder& model) {
  LoadAll({model});
  return loaded_.at(model.directory);
}

void ClusterModels::LoadAll(const std::vector<ModelFolder>& models) {
  std::vector<ModelFolder> missing;
  for (const ModelFolder& model : models) {
    if (!loaded_.contains(model.directory)) missing.push_back(model);
  }
  if (missing.empty()) return;
  // Each takes some jobs of Spark's that read a line or a row, and most of their time is waiting.
  constexpr std::size_t kAtOnce = 4;
  std::vector<connect::ObjectRef> references(missing.size());
  ThreadPool threads(static_cast<int>(std::min(kAtOnce, missing.size())));
  threads.For(missing.size(), [&](std::size_t i) {
    const std::unique_ptr<ConnectClient> client = client_->Sibling();
    references[i] = LoadModel(client.get(), missing[i]);
  });
  for (std::size_t i = 0; i < missing.size(); ++i) {
    loaded_.emplace(missing[i].directory, std::move(references[i]));
  }
}

}  // namespace firesteel
