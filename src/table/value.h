#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace firesteel {

/// One value on its way between an engine and us. monostate is null; a date is text, yyyy-MM-dd.
/// vector<double> is a dense ML vector unless the receiver says otherwise.
using Value = std::variant<std::monostate, bool, std::int32_t, std::int64_t, double, std::string,
                           std::vector<double>, std::vector<std::int32_t>, std::vector<std::string>,
                           std::vector<std::vector<std::string>>>;

/// A column of a one-row table (the data of a saved pipeline stage).
struct NamedValue {
  std::string name;
  Value value;

  bool operator==(const NamedValue&) const = default;
};

}  // namespace firesteel
