#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "features/pipeline.h"
#include "table/attribute.h"

namespace firesteel {

/// What the stages before a saved model say of its features, without any rows: the attributes of
/// the vector column `features_column`, as Spark would make them. Columns that no stage makes are
/// taken for text where a StringIndexer reads them and for numbers elsewhere. Nothing if no
/// VectorAssembler makes the column or its width is not `num_features`.
std::vector<Attribute> AttributesFromStages(const PipelineModel& stages,
                                            std::string_view features_column,
                                            std::size_t num_features);

/// Gives a name to each feature that has none: f0, f1, ….
void NameFeatures(std::vector<Attribute>* attributes);

}  // namespace firesteel
