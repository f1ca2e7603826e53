#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace firesteel {

/// Reads a dict as `--model-params` takes it: a Python literal ({'maxIter': 32, 'cacheNodeIds':
/// True}) or JSON. None and null become JSON null, later duplicates win. Throws Error(kUsage) with
/// the position: malformed text, anything but a dict, keys that are no text, expressions and names
/// (2+3, true in a Python literal is taken as JSON's). Source: Python's ast.literal_eval; spec G.
nlohmann::ordered_json ParseParameterLiteral(std::string_view text);

}  // namespace firesteel
