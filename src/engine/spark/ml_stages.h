#pragma once

#include <span>
#include <string>

#include "engine/spark/cluster_models.h"
#include "engine/spark/connect/connect_client.h"
#include "engine/spark/plans.h"
#include "engine/spark/spark_table.h"
#include "engine/spark_ml.h"
#include "table/schema.h"

namespace firesteel {

/// The table transformed by Spark ML's stages. `input` and `output` are the schemas of before and
/// after; all vectors of the result are Spark's.
SparkTable StagedTable(const SparkTable& table, const Schema& input,
                       std::span<const SparkStage> stages, const Schema& output,
                       ClusterModels* models);

/// Fits an estimator of Spark ML on a plan's rows and saves the model in `directory`, which is new.
void FitStage(ConnectClient* client, const spark_plans::Plan& rows, const SparkStage& estimator,
              const std::string& directory);

}  // namespace firesteel
