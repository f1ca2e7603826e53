#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "features/stage.h"

namespace firesteel {

/// Fitted stages in order. An empty pipeline is legal and changes nothing.
class PipelineModel {
 public:
  PipelineModel(std::string uid, std::vector<std::unique_ptr<FittedStage>> stages)
      : uid_(std::move(uid)), stages_(std::move(stages)) {}

  const std::string& uid() const { return uid_; }
  const std::vector<std::unique_ptr<FittedStage>>& stages() const { return stages_; }

  /// Returns the transformed rows, lazily. Rows that no stage may meet (RowCheck) are an
  /// Error(kInvalidArgument) naming `where` (unless empty), column, value and count, at once or as
  /// Engine::Require says.
  Relation Transform(Engine& engine, const Relation& input, const std::string& where = "") const;
  /// The same. An engine that is Spark uses its own stages, so that vectors are as Spark makes
  /// them, dense or sparse, but for statements of SQL, which make none: `folders` says where each
  /// stage is saved, or none if no stage has data.
  Relation TransformBySparkStages(Engine& engine, const Relation& input,
                                  std::span<const std::string> folders,
                                  const std::string& where = "") const;

 private:
  struct Checked {
    Relation input = {};   // Without the rows that no stage may meet.
    Relation output = {};  // Made of all rows.
    std::vector<StagePlan> plans = {};
    std::vector<Schema> schemas = {};  // What comes out of each stage.
  };
  Checked Check(Engine& engine, const Relation& input, const std::string& where) const;

  std::string uid_;
  std::vector<std::unique_ptr<FittedStage>> stages_;
};

/// Stages in order, not fitted.
class Pipeline {
 public:
  Pipeline(std::string uid, std::vector<std::unique_ptr<Stage>> stages)
      : uid_(std::move(uid)), stages_(std::move(stages)) {}

  /// Fits each stage on the rows that the stages before it made. Rows that a stage can't transform
  /// are not looked for here: Transform finds them, over these rows too, and before any of its rows
  /// is used.
  PipelineModel Fit(Engine& engine, const Relation& input) const;

 private:
  std::string uid_;
  std::vector<std::unique_ptr<Stage>> stages_;
};

}  // namespace firesteel
