#include "engine/spark/ml_stages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "engine/spark/plans.h"
#include "engine/spark/spark_files.h"

namespace firesteel {
namespace {

namespace connect = ::spark::connect;
using spark_plans::Plan;
using Literal = connect::Expression::Literal;

struct LiteralOf {
  Literal operator()(bool value) const {
    Literal literal;
    literal.set_boolean(value);
    return literal;
  }
  Literal operator()(std::int64_t value) const {
    Literal literal;
    // As Spark's own clients do; the server widens it where the parameter is a long.
    if (value >= std::numeric_limits<std::int32_t>::min() &&
        value <= std::numeric_limits<std::int32_t>::max()) {
      literal.set_integer(static_cast<std::int32_t>(value));
    } else {
      literal.set_long_(value);
    }
    return literal;
  }
  Literal operator()(double value) const {
    Literal literal;
    literal.set_double_(value);
    return literal;
  }
  Literal operator()(const std::string& value) const {
    Literal literal;
    literal.set_string(value);
    return literal;
  }
  template <typename T>
  Literal operator()(const std::vector<T>& values) const {
    Literal literal;
    SetType(T(), literal.mutable_data_type()->mutable_array()->mutable_element_type());
    literal.mutable_array();
    for (const T& value : values) *literal.mutable_array()->add_elements() = (*this)(value);
    return literal;
  }

  static void SetType(const std::string&, connect::DataType* type) { type->mutable_string(); }
  static void SetType(double, connect::DataType* type) { type->mutable_double_(); }
  static void SetType(const std::vector<double>&, connect::DataType* type) {
    type->mutable_array()->mutable_element_type()->mutable_double_();
  }
};

void SetParams(const SparkStage& stage, connect::MlParams* params) {
  for (const auto& [name, value] : stage.params) {
    (*params->mutable_params())[name] = std::visit(LiteralOf(), value);
  }
}

void SetOperator(const SparkStage& stage, connect::MlOperator::OperatorType type,
                 connect::MlOperator* stage_operator) {
  stage_operator->set_name(stage.class_name);
  stage_operator->set_uid(stage.uid);
  stage_operator->set_type(type);
}

// Whether as many rows come out of a stage as go in. A statement may have a condition, and what is
// saved may have been told to skip rows.
bool KeepsAllRows(const SparkStage& stage) {
  const auto invalid = stage.params.find("handleInvalid");
  return stage.directory.empty() && !stage.class_name.ends_with(".SQLTransformer") &&
         (invalid == stage.params.end() || invalid->second != SparkParam(std::string("skip")));
}

}  // namespace

SparkTable StagedTable(const SparkTable& table, const Schema& input,
                       std::span<const SparkStage> stages, const Schema& output,
                       ClusterModels* models) {
  std::vector<ModelFolder> folders;
  for (const SparkStage& stage : stages) {
    if (!stage.directory.empty()) folders.push_back({stage.class_name, stage.directory});
  }
  models->LoadAll(folders);
  Plan plan = WithVectors(table, input, "");
  for (const SparkStage& stage : stages) {
    Plan staged;
    connect::MlRelation::Transform* transform = staged.mutable_ml_relation()->mutable_transform();
    *transform->mutable_input() = std::move(plan);
    if (!stage.directory.empty()) {
      *transform->mutable_obj_ref() = models->Load({stage.class_name, stage.directory});
    } else {
      SetOperator(stage, connect::MlOperator::OPERATOR_TYPE_TRANSFORMER,
                  transform->mutable_transformer());
    }
    SetParams(stage, transform->mutable_params());
    plan = std::move(staged);
  }
  SparkTable result{.plan = std::move(plan)};
  if (std::all_of(stages.begin(), stages.end(), KeepsAllRows)) result.num_rows = table.num_rows;
  if (table.slots) result.slots = SlotsOfStages(*table.slots, input, stages);
  for (const Field& field : output.fields()) {
    if (field.type == kVectorType) result.vectors.insert(AsciiLower(field.name));
  }
  return result;
}

void FitStage(ConnectClient* client, const Plan& rows, const SparkStage& estimator,
              const std::string& directory) {
  connect::Command command;
  connect::MlCommand::Fit* fit = command.mutable_ml_command()->mutable_fit();
  SetOperator(estimator, connect::MlOperator::OPERATOR_TYPE_ESTIMATOR, fit->mutable_estimator());
  SetParams(estimator, fit->mutable_params());
  *fit->mutable_dataset() = rows;
  connect::ObjectRef model;
  client->Run(command, [&](const connect::ExecutePlanResponse& response) {
    if (response.has_ml_command_result()) {
      model = response.ml_command_result().operator_info().obj_ref();
    }
  });
  if (model.id().empty()) {
    throw Error(ErrorKind::kInternal,
                fmt::format("{}: Spark did not say that it fitted a model", estimator.class_name));
  }
  command.Clear();
  connect::MlCommand::Write* write = command.mutable_ml_command()->mutable_write();
  *write->mutable_obj_ref() = model;
  write->set_path(SparkPath(directory));
  client->Run(command);
  command.Clear();
  *command.mutable_ml_command()->mutable_delete_()->add_obj_refs() = std::move(model);
  client->Run(command);
}

}  // namespace firesteel
