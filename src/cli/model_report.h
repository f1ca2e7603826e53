#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sparkml/model_directory.h"

namespace firesteel {

/// What `describe` says of a model: kind, parameters (given and resolved), features with their
/// categories, importances (by Spark's definition, or shares of XGBoost's total gain), the size of
/// the forest, what training said.
/// forest, what training said. `with_trees`: every tree too, node by node.
nlohmann::ordered_json ModelReportToJson(const SavedModel& model, bool with_trees);

/// The same for people: importances that are not zero, the largest first; trees in words.
std::string ModelReportToText(const SavedModel& model, bool with_trees);

}  // namespace firesteel
