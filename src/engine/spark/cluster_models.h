#pragma once

#include <map>
#include <string>

#include "engine/spark/connect/connect_client.h"
#include "spark/connect/ml_common.pb.h"

namespace firesteel {

/// Fitted stages and models of Spark ML that the cluster holds for this session.
class ClusterModels {
 public:
  /// A session that ends takes them along; one that goes on needs them deleted.
  ClusterModels(ConnectClient* client, bool delete_at_end)
      : client_(client), delete_at_end_(delete_at_end) {}
  ~ClusterModels();
  ClusterModels(const ClusterModels&) = delete;
  ClusterModels& operator=(const ClusterModels&) = delete;

  /// Loads what was saved in `directory`, which has been read when this returns; the same folder is
  /// loaded once. `class_name` is Spark's, "org.apache.spark.ml.feature.StringIndexerModel".
  const spark::connect::ObjectRef& Load(const std::string& class_name,
                                        const std::string& directory);

 private:
  ConnectClient* client_;
  bool delete_at_end_;
  std::map<std::string, spark::connect::ObjectRef> loaded_;  // By directory.
};

}  // namespace firesteel
