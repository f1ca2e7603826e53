#pragma once

#include <string_view>

namespace firesteel {

/// The version of this build: "0.1.0".
std::string_view Version();

}  // namespace firesteel
