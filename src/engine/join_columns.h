#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace firesteel {

/// What a join gives, in the order of its result: keys, the other columns of the left side, those
/// of the right.
struct JoinColumns {
  struct Source {
    bool is_left = true;
    std::string name;  // As that side spells it.
  };

  std::vector<std::pair<std::string, std::string>> keys;  // Left name, right name.
  std::vector<Source> columns;
  Schema schema;  // Of the result; one field per column.
};

/// Throws what Engine::Join throws.
JoinColumns ResolveJoin(const Schema& left, const Schema& right, const JoinOptions& options);

}  // namespace firesteel
