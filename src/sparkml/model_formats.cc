#include "sparkml/factorization_machine_directory.h"
#include "sparkml/gbt_model_directory.h"
#include "sparkml/model_directory.h"
#include "sparkml/xgboost_model_directory.h"

namespace firesteel {

std::span<const ModelFormat> ModelFormats() {
  static const std::vector<ModelFormat> formats = {GbtModelFormat(), FactorizationMachineFormat(),
                                                   XgboostModelFormat()};
  return formats;
}

}  // namespace firesteel
