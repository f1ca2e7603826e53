#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "table/attribute.h"
#include "table/data_type.h"

namespace firesteel {

struct Field {
  std::string name;
  DataType type;
  bool nullable = true;
  ColumnAttributes attributes = {};

  bool operator==(const Field&) const = default;
};

/// The columns of a relation, in order. Names are compared as Spark does, ignoring ASCII case.
class Schema {
 public:
  Schema() = default;
  explicit Schema(std::vector<Field> fields) : fields_(std::move(fields)) {}

  const std::vector<Field>& fields() const { return fields_; }
  std::size_t num_fields() const { return fields_.size(); }

  /// The position of the column, or nothing.
  std::optional<std::size_t> Find(std::string_view name) const;
  /// Throws Error(kNotFound) that names the column, the nearest one, and all there are.
  const Field& Get(std::string_view name) const;
  std::vector<std::string> names() const;

  void Add(Field field) { fields_.push_back(std::move(field)); }
  Field& at(std::size_t position) { return fields_.at(position); }

  bool operator==(const Schema&) const = default;

 private:
  std::vector<Field> fields_;
};

}  // namespace firesteel
