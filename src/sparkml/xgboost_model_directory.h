#pragma once

#include "sparkml/model_directory.h"

namespace firesteel {

/// An XGBoost model: model.ubj, byte for byte as the library saved it. XGBoost loads that file by
/// itself (in Python: xgboost.Booster(model_file=…)). Spark ML knows no such model.
ModelFormat XgboostModelFormat();

}  // namespace firesteel
