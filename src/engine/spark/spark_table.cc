#include "engine/spark/spark_table.h"

#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace firesteel {

using spark_plans::ProjectedColumn;

spark_plans::Plan WithOrigin(const SparkTable& table, const std::vector<ProjectedColumn>& more) {
  std::vector<ProjectedColumn> columns = table.columns;
  columns.insert(columns.end(), more.begin(), more.end());
  return spark_plans::Project(table.reader, columns);
}

spark_plans::Plan WithArrays(const SparkTable& table, const Schema& schema,
                             const std::set<std::string>& wanted) {
  bool is_needed = false;
  std::vector<ProjectedColumn> columns;
  for (const Field& field : schema.fields()) {
    const std::string lower = AsciiLower(field.name);
    ProjectedColumn column{.name = field.name, .sql = spark_plans::Quote(field.name)};
    if (wanted.contains(lower) && table.vectors.contains(lower)) {
      column.function = ProjectedColumn::Function::kToArray;
      is_needed = true;
    }
    columns.push_back(std::move(column));
  }
  return is_needed ? spark_plans::Project(table.plan, columns) : table.plan;
}

spark_plans::Plan WithVectors(const SparkTable& table, const Schema& schema,
                              const std::string& schema_json) {
  std::map<std::string, std::string> metadata;
  const nlohmann::json json = nlohmann::json::parse(schema_json, nullptr, false);
  if (json.is_object() && json.contains("fields")) {
    for (const nlohmann::json& field : json["fields"]) {
      const auto found = field.find("metadata");
      if (found != field.end() && !found->empty()) {
        metadata[AsciiLower(field.value("name", ""))] = found->dump();
      }
    }
  }
  std::vector<ProjectedColumn> columns;
  for (const Field& field : schema.fields()) {
    const std::string lower = AsciiLower(field.name);
    ProjectedColumn column{.name = field.name, .sql = spark_plans::Quote(field.name)};
    if (field.type == kVectorType && !table.vectors.contains(lower)) {
      column.function = ProjectedColumn::Function::kToVector;
    }
    if (const auto found = metadata.find(lower); found != metadata.end()) {
      column.metadata = found->second;
    }
    columns.push_back(std::move(column));
  }
  return spark_plans::Project(table.plan, columns);
}

}  // namespace firesteel
