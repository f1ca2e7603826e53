#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace firesteel {

/// The values of one column, one a row.
using RecordValues =
    std::variant<std::vector<std::int32_t>, std::vector<std::int64_t>, std::vector<double>,
                 std::vector<std::string>, std::vector<std::vector<double>>, std::vector<bool>,
                 std::vector<std::vector<std::int32_t>>>;

struct RecordColumn {
  /// A column's name, or the way to a field of a field: "nodeData.split.featureIndex".
  std::string path;
  RecordValues values;
  /// Whether a value may be null. If so, `nulls` has one entry a row: true for null, whose value is
  /// then empty or 0. Elements of a list are never null.
  bool nullable = false;
  std::vector<bool> nulls = {};
};

/// A small table of nested columns, held whole: what the data of a saved model is made of.
/// Fields of one struct are adjacent.
struct RecordTable {
  std::vector<RecordColumn> columns;

  std::size_t num_rows() const {
    return columns.empty()
               ? 0
               : std::visit([](const auto& v) { return v.size(); }, columns.front().values);
  }
  /// The values of a column that exists and is of type T.
  template <typename T>
  const std::vector<T>& Get(std::size_t column) const {
    return std::get<std::vector<T>>(columns.at(column).values);
  }
};

}  // namespace firesteel
