#include "base/json_text.h"

#include <nlohmann/json.hpp>

#include "base/shown_names.h"

namespace firesteel {

std::string ToJsonText(const nlohmann::ordered_json& json) {
  return WithShownNames(
             json.dump(2, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace)) +
         '\n';
}

}  // namespace firesteel
