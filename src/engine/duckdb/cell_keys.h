#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/duckdb/connection.h"
#include "engine/duckdb/training_query.h"
#include "engine/duckdb/vector_column.h"
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

/// Throws Error(kInvalidArgument), naming the column, if a vector of `part` is malformed or not as
/// long as the part is wide.
void CheckVector(const FeaturePart& part, const VectorColumn& vectors, idx_t row);

/// The types of parts as arguments of a function.
std::vector<LogicalType> PartTypes(std::span<const FeaturePart> parts);

/// Bins rows: which part the features come from, which bins they have.
class CellKeyMaker {
 public:
  /// `bins` has one entry per slot of the parts; each arity is at least 1.
  CellKeyMaker(std::span<const FeaturePart> parts, std::span<const FeatureBins> bins);
  CellKeyMaker(CellKeyMaker&&) noexcept;
  ~CellKeyMaker();

  const CellKeyLayout& layout() const { return layout_; }

 private:
  friend class CellKeyChunk;
  struct SlotBinner;
  struct OneHotTable;

  std::vector<FeaturePart> parts_;
  CellKeyLayout layout_;
  std::vector<SlotBinner> slots_;
  std::vector<OneHotTable> one_hots_;  // Of the parts that are one-hot columns, in order.
};

/// The keys of the rows of one chunk. Kept from chunk to chunk for its memory.
class CellKeyChunk {
 public:
  /// The first columns of `input` are the parts. Throws as CheckVector does.
  void Compute(const CellKeyMaker& maker, duckdb_data_chunk input);

  /// False for a row with a feature that is null, NaN, infinite or a category out of range.
  bool IsUsable(std::size_t row) const { return is_usable_[row] != 0; }
  /// Word `word` of each row, side by side.
  const std::uint64_t* Words(std::size_t word) const { return words_.data() + word * num_rows_; }

 private:
  using SlotBinner = CellKeyMaker::SlotBinner;
  void AddNumbers(const SlotBinner& slot, const VectorView& view);
  void AddOneHot(const CellKeyMaker::OneHotTable& table, std::size_t width, const VectorView& view);
  void AddVectors(const FeaturePart& part, std::span<const SlotBinner> slots,
                  const VectorView& view);
  void RefuseNulls(const VectorView& view);
  template <typename ValueOf>
  void AddSlot(const SlotBinner& slot, std::size_t count, ValueOf value_of);

  std::size_t num_rows_ = 0;
  std::vector<std::uint64_t> words_;     // Shape (words, n).
  std::vector<std::uint8_t> is_usable_;  // Shape (n).
  std::vector<std::uint64_t> zeros_;     // The words of a vector without entries.
  std::vector<std::pair<std::size_t, const double*>> dense_;  // Rows and their first values.
};

/// Registers `name(part, …)`: the key of a row, a UBIGINT if the layout has one word, else a BLOB
/// of its words, highest byte first; null for a row that is not usable.
void RegisterCellKeyFunction(Connection* connection, const std::string& name,
                             std::span<const FeaturePart> parts, std::span<const FeatureBins> bins);

/// Registers `name(vector, slot INTEGER) -> DOUBLE`: one number of a vector of `part`; null for a
/// null vector.
void RegisterSlotFunction(Connection* connection, const std::string& name, const FeaturePart& part);

}  // namespace firesteel::duckdb
