#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace firesteel {

/// What Spark ML knows of one numeric column or of one slot of a vector (`ml_attr`).
/// A trainer treats kBinary and kNominal slots as categorical.
/// Source: spec C.1 to C.3; Spark's NumericAttribute, NominalAttribute, BinaryAttribute.
struct Attribute {
  enum class Kind { kNumeric, kNominal, kBinary };

  Kind kind = Kind::kNumeric;
  std::optional<std::string> name;
  std::vector<std::string> values;          // Nominal: labels by index; binary: none or two.
  std::optional<std::int32_t> num_values;   // Nominal without labels.
  std::optional<bool> is_ordinal;           // Nominal.
  std::optional<double> min, max, std_dev;  // Numeric statistics, kept but never computed here.
  std::optional<double> sparsity;

  bool operator==(const Attribute&) const = default;

  /// How many categories the slot has: 2 for binary, the labels or `num_values` for nominal;
  /// nothing for numeric, and for a nominal slot that has neither.
  std::optional<std::size_t> Arity() const;
};

/// The attributes of a vector column. `slots` is absent when only the size is known.
struct AttributeGroup {
  std::size_t size = 0;
  std::optional<std::vector<Attribute>> slots;  // Length `size` if present.

  bool operator==(const AttributeGroup&) const = default;
};

/// Nothing known, a scalar column's attribute, or a vector column's group.
using ColumnAttributes = std::variant<std::monostate, Attribute, AttributeGroup>;

}  // namespace firesteel
