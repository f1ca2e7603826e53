#include "sparkml/feature_names.h"

#include <fmt/format.h>

#include <optional>
#include <variant>

#include "base/error.h"
#include "base/text.h"
#include "features/stage_params.h"
#include "sql/resolve.h"

namespace firesteel {
namespace {

constexpr std::string_view kSqlTransformer = "org.apache.spark.ml.feature.SQLTransformer";
constexpr std::string_view kStringIndexer = "org.apache.spark.ml.feature.StringIndexerModel";

Schema Advance(const FittedStage& stage, const Schema& input) {
  const StagePlan plan = stage.Plan(input);
  Schema output = sql::Resolve(plan.select, input).schema;
  for (const auto& [name, attributes] : plan.attributes) {
    if (const std::optional<std::size_t> position = output.Find(name)) {
      output.at(*position).attributes = attributes;
    }
  }
  return output;
}

}  // namespace

std::vector<Attribute> AttributesFromStages(const PipelineModel& stages,
                                            std::string_view features_column,
                                            std::size_t num_features) {
  Schema schema;
  try {
    for (const auto& stage : stages.stages()) {
      const StageRecord record = stage->ToRecord();
      // Which columns a statement reads and makes does not matter: those that a later stage reads
      // are taken in then.
      if (record.class_name == kSqlTransformer) continue;
      for (const std::string& column : InputColumns(record)) {
        if (schema.Find(column)) continue;
        schema.Add({column, record.class_name == kStringIndexer ? kStringType : kDoubleType});
      }
      schema = Advance(*stage, schema);
    }
  } catch (const Error&) {
    return {};  // Of such columns we do not know enough.
  }
  const std::optional<std::size_t> position = schema.Find(features_column);
  if (!position) return {};
  const auto* group = std::get_if<AttributeGroup>(&schema.fields()[*position].attributes);
  if (group == nullptr || group->size != num_features || !group->slots) return {};
  return *group->slots;
}

void NameFeatures(std::vector<Attribute>* attributes) {
  for (std::size_t i = 0; i < attributes->size(); ++i) {
    Attribute& attribute = (*attributes)[i];
    if (!attribute.name) attribute.name = fmt::format("f{}", i);
  }
}

}  // namespace firesteel
