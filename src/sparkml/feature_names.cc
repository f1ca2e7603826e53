#include "sparkml/feature_names.h"

#include <fmt/format.h>

#include <optional>
#include <variant>

#include "base/error.h"
#include "base/text.h"
#include "features/stage_columns.h"

namespace firesteel {
std::vector<Attribute> AttributesFromStages(const PipelineModel& stages,
                                            std::string_view features_column,
                                            std::size_t num_features) {
  Schema schema;
  try {
    for (const auto& stage : stages.stages()) {
      const StageColumns columns = ColumnsOf(*stage);
      // Which columns a statement reads and makes does not matter: those that a later stage reads
      // are taken in then.
      if (columns.statement) continue;
      for (const std::string& column : columns.inputs) {
        if (schema.Find(column)) continue;
        schema.Add({column, columns.are_numbers ? kDoubleType : kStringType});
      }
      schema = OutputSchema(*stage, schema);
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
