#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace firesteel {

/// JSON for a file that people read: indented, with a line end. Names and paths may be any bytes;
/// what is not UTF-8 is replaced.
std::string ToJsonText(const nlohmann::ordered_json& json);

}  // namespace firesteel
