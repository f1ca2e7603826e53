#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/spark/connect/connect_client.h"
#include "spark/connect/ml_common.pb.h"

namespace firesteel {

/// Where a fitted stage or model of Spark ML is saved.
struct ModelFolder {
  std::string class_name;  // Spark's, "org.apache.spark.ml.feature.StringIndexerModel"
  std::string directory;
};

/// Fitted stages and models of Spark ML that the cluster holds for this session.
class ClusterModels {
 public:
  /// A session that ends takes them along; one that goes on needs them deleted.
  ClusterModels(ConnectClient* client, bool delete_at_end)
      : client_(client), delete_at_end_(delete_at_end) {}
  ~ClusterModels();
  ClusterModels(const ClusterModels&) = delete;
  ClusterModels& operator=(const ClusterModels&) = delete;

  /// Loads what was saved in a folder, which has been read when this returns; the same folder is
  /// loaded once.
  const spark::connect::ObjectRef& Load(const ModelFolder& model);
  /// Loads several, side by side.
  void LoadAll(const std::vector<ModelFolder>& models);

 private:
  ConnectClient* client_;
  bool delete_at_end_;
  std::map<std::string, spark::connect::ObjectRef> loaded_;  // By directory.
};

}  // namespace firesteel
