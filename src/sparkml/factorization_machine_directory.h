#pragma once

#include "sparkml/model_directory.h"

namespace firesteel {

/// Spark ML's FMRegressionModel: one row of intercept, linear terms and factors. Source: spec D.6.
ModelFormat FactorizationMachineFormat();

}  // namespace firesteel
