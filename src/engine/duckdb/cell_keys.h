#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/duckdb/connection.h"
#include "engine/duckdb/training_query.h"
#include "table/cells.h"

namespace firesteel::duckdb {

/// How the bins of one row are packed into whole words: the first feature in the highest bits of
/// the first word, no feature in two words. Keys so made order rows as their bins do.
class CellKeyLayout {
 public:
  struct Slot {
    std::size_t word = 0;
    unsigned shift = 0;
    unsigned num_bits = 0;  // At most 16.
  };

  explicit CellKeyLayout(std::span<const FeatureBins> bins);

  std::size_t num_words() const { return num_words_; }  // At least 1.
  const std::vector<Slot>& slots() const { return slots_; }

  /// Writes the bin of each feature of a key to `bins`, shape (d).
  void Unpack(std::span<const std::uint64_t> words, std::uint16_t* bins) const;

 private:
  std::size_t num_words_ = 1;
  std::vector<Slot> slots_;
};

/// Registers `name(part, …)`, which packs the bins of a row into a key: a UBIGINT if the layout has
/// one word, else a BLOB of its words, highest byte first. Null for a row with a feature that is
/// null, NaN, infinite or a category out of range. A vector that is malformed or not as long as its
/// part is wide ends the query. `bins` has one entry per slot; each arity is at least 1.
void RegisterCellKeyFunction(Connection* connection, const std::string& name,
                             std::span<const FeaturePart> parts, std::span<const FeatureBins> bins);

/// Registers `name(vector, slot INTEGER) -> DOUBLE`: one number of a vector of `part`; null for a
/// null vector. A vector that is malformed or not as long as the part is wide ends the query.
void RegisterSlotFunction(Connection* connection, const std::string& name, const FeaturePart& part);

}  // namespace firesteel::duckdb
