#pragma once

#include "sparkml/model_directory.h"

namespace firesteel {

/// Gradient-boosted trees as Spark ML's GBTRegressionModel: data/ has a row for each node,
/// treesMetadata/ one for each tree. The latter's columns have the names of Spark 3.5, which 4.x
/// reads too; both releases' names are read.
/// Source: Spark 4.3.0 and 3.5.6 (spec D.4, D.5).
ModelFormat GbtModelFormat();

}  // namespace firesteel
