#include "table/attribute.h"

namespace firesteel {

std::optional<std::size_t> Attribute::Arity() const {
  switch (kind) {
    case Kind::kNumeric:
      return std::nullopt;
    case Kind::kBinary:
      return 2;
    case Kind::kNominal:
      if (!values.empty()) return values.size();
      if (num_values) return static_cast<std::size_t>(*num_values);
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace firesteel
