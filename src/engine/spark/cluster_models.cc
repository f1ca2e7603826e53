#include "engine/spark/cluster_models.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "engine/spark/spark_files.h"

namespace firesteel {

namespace connect = ::spark::connect;

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

const connect::ObjectRef& ClusterModels::Load(const std::string& class_name,
                                              const std::string& directory) {
  if (const auto found = loaded_.find(directory); found != loaded_.end()) return found->second;
  connect::Command command;
  connect::MlCommand::Read* read = command.mutable_ml_command()->mutable_read();
  read->mutable_operator_()->set_name(class_name);
  read->mutable_operator_()->set_type(connect::MlOperator::OPERATOR_TYPE_MODEL);
  read->set_path(SparkPath(directory));
  connect::ObjectRef reference;
  try {
    client_->Run(command, [&](const connect::ExecutePlanResponse& response) {
      if (response.has_ml_command_result()) {
        reference = response.ml_command_result().operator_info().obj_ref();
      }
    });
  } catch (const Error& error) {
    throw error.Within(directory);
  }
  if (reference.id().empty()) {
    throw Error(ErrorKind::kInternal,
                fmt::format("{}: Spark did not say that it loaded the model", directory));
  }
  return loaded_.emplace(directory, std::move(reference)).first->second;
}

}  // namespace firesteel
