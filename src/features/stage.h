#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "sql/select.h"
#include "table/schema.h"
#include "table/value.h"

namespace firesteel {

/// A stage as Spark ML saves it: what stands in its metadata file and, for a fitted stage that has
/// any, its data.
struct StageRecord {
  std::string class_name;  // "org.apache.spark.ml.feature.StringIndexerModel"
  std::string uid;
  nlohmann::ordered_json params = nlohmann::ordered_json::object();  // paramMap: what was set.
  nlohmann::ordered_json default_params = nlohmann::ordered_json::object();  // defaultParamMap.
  std::vector<NamedValue> data;  // The one row of data/; empty: the stage has no data folder.
};

/// A parameter of a record as an engine that is Spark is told of it.
SparkParam ToSparkParam(const nlohmann::ordered_json& value);

/// A row that a stage cannot transform, and what to say of it. Spark fails while it computes such a
/// row; we count them first, so that the message can say which column, which value and how often.
struct RowCheck {
  sql::ExpressionPtr is_bad;  // Over the stage's input.
  sql::ExpressionPtr value;   // The offending value, shown in the message.
  std::string column;
  std::string problem;  // "has a category that the pipeline model does not know"
  std::string advice;   // "set handleInvalid to keep or skip"
};

/// How a fitted stage transforms one relation: a select over its input.
struct StagePlan {
  sql::Select select;
  /// Of output columns that have new ones.
  std::vector<std::pair<std::string, ColumnAttributes>> attributes;
  /// Of output columns whose nullability the expression does not show.
  std::vector<std::pair<std::string, bool>> nullable;
  std::vector<RowCheck> checks;
};

/// A stage that can transform. Immutable; any thread.
class FittedStage {
 public:
  virtual ~FittedStage() = default;

  const std::string& uid() const { return uid_; }
  /// Throws Error(kNotFound or kInvalidArgument) if `input` lacks a column or one has the wrong
  /// type, naming stage and column.
  virtual StagePlan Plan(const Schema& input) const = 0;
  /// What Spark ML would save for this stage.
  virtual StageRecord ToRecord() const = 0;

 protected:
  explicit FittedStage(std::string uid) : uid_(std::move(uid)) {}

 private:
  std::string uid_;
};

/// A stage of a workflow, not fitted yet. A transformer that learns nothing returns a stage at
/// once.
class Stage {
 public:
  virtual ~Stage() = default;

  /// Learns from `input`. The model has the uid of its stage. Throws as FittedStage::Plan does.
  virtual std::unique_ptr<FittedStage> Fit(Engine& engine, const Relation& input) const = 0;
};

}  // namespace firesteel
