#pragma once

#include "engine/engine.h"
#include "engine/spark/cluster_models.h"
#include "engine/spark/spark_table.h"
#include "table/schema.h"

namespace firesteel {

/// The table with the predictions of `options.on_spark` appended: Spark's own model finds the leaf
/// of each tree, SQL adds up what the leaves give. To put the trees themselves into SQL makes plans
/// that take seconds to analyse and compile, and to take the model's own prediction another sum.
/// Throws as Engine::Score does, Error(kUnsupported) without `on_spark`.
SparkTable ScoreTable(const SparkTable& table, const Schema& schema, const ScoreOptions& options,
                      ClusterModels* models);

}  // namespace firesteel
