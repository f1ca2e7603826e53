#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"
#include "features/stage.h"

namespace firesteel {

/// Sees to text columns of new rows where fitted stages take something else. A column without a
/// single value, which is text for want of a better type (CSV), becomes a null of the type that the
/// stages take: double where it is one of a stage's numbers, else the first of double, date and
/// boolean that a statement's expression accepts. Other columns stay. `label` may be missing.
/// Costs one pass over such columns, if there are any.
///
/// Throws Error(kInvalidArgument), naming the column, the type that it must have and, if that is
/// the trouble, the most frequent value that is none, for a text column that has values.
Relation FitTextColumns(Engine& engine, const std::vector<const FittedStage*>& stages,
                        const Relation& rows, const std::string& label = "");

}  // namespace firesteel
