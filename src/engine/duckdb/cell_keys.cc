#include "engine/duckdb/cell_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/duckdb/stateful_function.h"
#include "engine/duckdb/types.h"
#include "engine/duckdb/vector_column.h"

namespace firesteel::duckdb {
namespace {

constexpr unsigned kWordBits = 64;

}  // namespace

// The values of one feature, prepared to be binned.
struct CellKeyMaker::SlotBinner {
  CellKeyLayout::Slot place;
  bool is_categorical = false;
  double arity = 0.0;
  // Filled up with infinities to a power of two less one: a search takes as many steps for all.
  std::vector<double> thresholds;
  std::uint64_t zero = 0;  // The bin of 0, where it belongs in its word.
  bool is_zero_usable = true;

  explicit SlotBinner(const FeatureBins& bins, const CellKeyLayout::Slot& slot)
      : place(slot), is_categorical(bins.arity.has_value()), arity(bins.arity.value_or(0)) {
    if (!is_categorical && !bins.thresholds.empty()) {
      thresholds = bins.thresholds;
      thresholds.resize(std::bit_ceil(thresholds.size() + 1) - 1,
                        std::numeric_limits<double>::infinity());
    }
    std::uint64_t bin = 0;
    is_zero_usable = Find(0.0, &bin);
    zero = bin << place.shift;
  }

  // Whether the value can be used, and its bin.
  bool Find(double value, std::uint64_t* bin) const {
    return is_categorical ? FindCategory(value, bin) : FindInterval(value, bin);
  }
  bool FindCategory(double value, std::uint64_t* bin) const {
    const bool is_inside = value >= 0.0 && value < arity;  // False for NaN.
    *bin = is_inside ? static_cast<std::uint64_t>(value) : 0;
    return is_inside;
  }
  bool FindInterval(double value, std::uint64_t* bin) const {
    std::size_t found = 0;
    for (std::size_t step = (thresholds.size() + 1) / 2; step > 0; step /= 2) {
      found += thresholds[found + step - 1] < value ? step : 0;
    }
    *bin = found;
    return std::isfinite(value);
  }
};

// What a one-hot column adds to a key, by index; the last entry is for an index without a slot.
struct CellKeyMaker::OneHotTable {
  std::vector<std::uint64_t> words;     // Shape (width + 1, words of the layout).
  std::vector<std::uint8_t> is_usable;  // Shape (width + 1).

  OneHotTable(std::span<const SlotBinner> slots, std::size_t num_words)
      : words((slots.size() + 1) * num_words, 0), is_usable(slots.size() + 1, 1) {
    for (std::size_t index = 0; index <= slots.size(); ++index) {
      for (std::size_t i = 0; i < slots.size(); ++i) {
        std::uint64_t bin = 0;
        is_usable[index] &= slots[i].Find(i == index ? 1.0 : 0.0, &bin) ? 1 : 0;
        words[index * num_words + slots[i].place.word] |= bin << slots[i].place.shift;
      }
    }
  }
};

CellKeyMaker::CellKeyMaker(std::span<const FeaturePart> parts, std::span<const FeatureBins> bins)
    : parts_(parts.begin(), parts.end()), layout_(bins) {
  for (std::size_t i = 0; i < bins.size(); ++i) {
    slots_.emplace_back(bins[i], layout_.slots()[i]);
  }
  std::span<const SlotBinner> slots(slots_);
  for (const FeaturePart& part : parts) {
    if (part.kind == FeaturePart::Kind::kOneHot) {
      one_hots_.emplace_back(slots.first(part.width), layout_.num_words());
    }
    slots = slots.subspan(part.width);
  }
}

CellKeyMaker::CellKeyMaker(CellKeyMaker&&) noexcept = default;
CellKeyMaker::~CellKeyMaker() = default;

void CheckVector(const FeaturePart& part, const VectorColumn& vectors, idx_t row) {
  const bool is_sound = vectors.IsSound(row);
  if (is_sound && vectors.Length(row) == part.width) return;
  throw Error(
      ErrorKind::kInvalidArgument,
      fmt::format(
          "column '{}' has {} where a vector of {} numbers was expected", part.column,
          is_sound ? fmt::format("a vector of {}", vectors.Length(row)) : "a malformed vector",
          part.width));
}

std::vector<LogicalType> PartTypes(std::span<const FeaturePart> parts) {
  std::vector<LogicalType> types;
  for (const FeaturePart& part : parts) {
    types.push_back(part.kind == FeaturePart::Kind::kVector ? MakeVectorType()
                                                            : LogicalType(DUCKDB_TYPE_DOUBLE));
  }
  return types;
}

// Adds one feature of `count` rows; `value_of(i)` gives row and value.
template <typename ValueOf>
void CellKeyChunk::AddSlot(const SlotBinner& slot, std::size_t count, ValueOf value_of) {
  std::uint64_t* words = words_.data() + slot.place.word * num_rows_;
  const auto add = [&](auto find) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto [row, value] = value_of(i);
      std::uint64_t bin = 0;
      is_usable_[row] &= find(value, &bin) ? 1 : 0;
      words[row] |= bin << slot.place.shift;
    }
  };
  if (slot.is_categorical) {
    add([&](double value, std::uint64_t* bin) { return slot.FindCategory(value, bin); });
  } else if (slot.thresholds.empty()) {
    add([](double value, std::uint64_t*) { return std::isfinite(value); });
  } else {
    add([&](double value, std::uint64_t* bin) { return slot.FindInterval(value, bin); });
  }
}

void CellKeyChunk::Compute(const CellKeyMaker& maker, duckdb_data_chunk input) {
  num_rows_ = duckdb_data_chunk_get_size(input);
  zeros_.resize(maker.layout_.num_words());
  words_.assign(num_rows_ * zeros_.size(), 0);
  is_usable_.assign(num_rows_, 1);
  std::span<const SlotBinner> slots(maker.slots_);
  auto one_hot = maker.one_hots_.begin();
  for (std::size_t i = 0; i < maker.parts_.size(); ++i) {
    const FeaturePart& part = maker.parts_[i];
    const VectorView view(duckdb_data_chunk_get_vector(input, i));
    switch (part.kind) {
      case FeaturePart::Kind::kNumber:
        AddNumbers(slots.front(), view);
        break;
      case FeaturePart::Kind::kOneHot:
        AddOneHot(*one_hot++, part.width, view);
        break;
      case FeaturePart::Kind::kVector:
        AddVectors(part, slots.first(part.width), view);
        break;
    }
    slots = slots.subspan(part.width);
  }
}

void CellKeyChunk::AddNumbers(const SlotBinner& slot, const VectorView& view) {
  const double* values = view.data<double>();
  AddSlot(slot, num_rows_, [&](std::size_t i) { return std::pair(i, values[i]); });
  RefuseNulls(view);
}

void CellKeyChunk::AddOneHot(const CellKeyMaker::OneHotTable& table, std::size_t width,
                             const VectorView& view) {
  const double* indices = view.data<double>();
  const std::size_t num_words = zeros_.size();
  for (std::size_t row = 0; row < num_rows_; ++row) {
    const double index = indices[row];
    const bool has_slot = index > -1.0 && index < static_cast<double>(width);  // False for NaN.
    const std::size_t entry = has_slot ? static_cast<std::size_t>(std::max(index, 0.0)) : width;
    is_usable_[row] &= table.is_usable[entry];
    for (std::size_t word = 0; word < num_words; ++word) {
      words_[word * num_rows_ + row] |= table.words[entry * num_words + word];
    }
  }
  RefuseNulls(view);
}

void CellKeyChunk::RefuseNulls(const VectorView& view) {
  if (!view.MayHaveNull()) return;
  for (std::size_t row = 0; row < num_rows_; ++row) is_usable_[row] &= view.IsValid(row) ? 1 : 0;
}

void CellKeyChunk::AddVectors(const FeaturePart& part, std::span<const SlotBinner> slots,
                              const VectorView& view) {
  const VectorColumn vectors(view);
  dense_.clear();
  std::fill(zeros_.begin(), zeros_.end(), 0);
  bool are_zeros_usable = true;
  for (const SlotBinner& slot : slots) {
    zeros_[slot.place.word] |= slot.zero;
    are_zeros_usable &= slot.is_zero_usable;
  }
  for (std::size_t row = 0; row < num_rows_; ++row) {
    if (!vectors.IsValid(row)) {
      is_usable_[row] = 0;
      continue;
    }
    CheckVector(part, vectors, row);
    const std::span<const double> values = vectors.Values(row);
    if (vectors.IsDense(row)) {
      dense_.emplace_back(row, values.data());
      continue;
    }
    is_usable_[row] &= are_zeros_usable ? 1 : 0;
    for (std::size_t word = slots.empty() ? 0 : slots.front().place.word;
         word < zeros_.size() && !slots.empty() && word <= slots.back().place.word; ++word) {
      words_[word * num_rows_ + row] |= zeros_[word];
    }
    const std::span<const std::int32_t> indices = vectors.Indices(row);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const SlotBinner& slot = slots[static_cast<std::size_t>(indices[i])];
      std::uint64_t bin = 0;
      is_usable_[row] &= slot.Find(values[i], &bin) ? 1 : 0;
      words_[slot.place.word * num_rows_ + row] ^= slot.zero ^ (bin << slot.place.shift);
    }
  }
  if (dense_.empty()) return;
  for (std::size_t j = 0; j < slots.size(); ++j) {
    AddSlot(slots[j], dense_.size(),
            [&](std::size_t i) { return std::pair(dense_[i].first, dense_[i].second[j]); });
  }
}

namespace {

void WriteKeys(const CellKeyMaker& maker, duckdb_data_chunk input, duckdb_vector output) {
  thread_local CellKeyChunk keys;
  keys.Compute(maker, input);
  const idx_t num_rows = duckdb_data_chunk_get_size(input);
  const std::size_t num_words = maker.layout().num_words();
  udf::NullWriter nulls(output);
  if (num_words == 1) {
    std::copy_n(keys.Words(0), num_rows,
                static_cast<std::uint64_t*>(duckdb_vector_get_data(output)));
  }
  std::string bytes(num_words * sizeof(std::uint64_t), '\0');
  for (idx_t row = 0; row < num_rows; ++row) {
    if (!keys.IsUsable(row)) {
      nulls.SetNull(row);
      continue;
    }
    if (num_words == 1) continue;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<char>(keys.Words(i / 8)[row] >> (8 * (7 - i % 8)));
    }
    duckdb_vector_assign_string_element_len(output, row, bytes.data(), bytes.size());
  }
}

void PickSlot(const FeaturePart& part, duckdb_data_chunk input, duckdb_vector output) {
  const VectorView view(duckdb_data_chunk_get_vector(input, 0));
  const auto* slots = VectorView(duckdb_data_chunk_get_vector(input, 1)).data<std::int32_t>();
  const VectorColumn vectors(view);
  auto* out = static_cast<double*>(duckdb_vector_get_data(output));
  udf::NullWriter nulls(output);
  const idx_t num_rows = duckdb_data_chunk_get_size(input);
  for (idx_t row = 0; row < num_rows; ++row) {
    if (!vectors.IsValid(row)) {
      nulls.SetNull(row);
      continue;
    }
    CheckVector(part, vectors, row);
    const std::span<const double> values = vectors.Values(row);
    const std::int32_t slot = slots[row];
    if (vectors.IsDense(row)) {
      out[row] = values[static_cast<std::size_t>(slot)];
      continue;
    }
    const std::span<const std::int32_t> indices = vectors.Indices(row);
    const auto found = std::lower_bound(indices.begin(), indices.end(), slot);
    out[row] = found != indices.end() && *found == slot
                   ? values[static_cast<std::size_t>(found - indices.begin())]
                   : 0.0;
  }
}

}  // namespace

CellKeyLayout::CellKeyLayout(std::span<const FeatureBins> bins) {
  unsigned num_free = kWordBits;
  for (const FeatureBins& feature : bins) {
    Slot slot;
    slot.num_bits =
        feature.num_bins() < 2 ? 0 : static_cast<unsigned>(std::bit_width(feature.num_bins() - 1));
    if (slot.num_bits > num_free) {
      ++num_words_;
      num_free = kWordBits;
    }
    num_free -= slot.num_bits;
    slot.word = num_words_ - 1;
    slot.shift = slot.num_bits == 0 ? 0 : num_free;
    slots_.push_back(slot);
  }
}

void CellKeyLayout::Unpack(std::span<const std::uint64_t> words, std::uint16_t* bins) const {
  for (const Slot& slot : slots_) {
    const std::uint64_t mask = (std::uint64_t{1} << slot.num_bits) - 1;
    *bins++ = static_cast<std::uint16_t>((words[slot.word] >> slot.shift) & mask);
  }
}

void RegisterCellKeyFunction(Connection* connection, const std::string& name,
                             std::span<const FeaturePart> parts,
                             std::span<const FeatureBins> bins) {
  CellKeyMaker maker(parts, bins);
  const LogicalType result(maker.layout().num_words() == 1 ? DUCKDB_TYPE_UBIGINT
                                                           : DUCKDB_TYPE_BLOB);
  RegisterStatefulFunction<WriteKeys>(connection, name, PartTypes(parts), result, std::move(maker));
}

void RegisterSlotFunction(Connection* connection, const std::string& name,
                          const FeaturePart& part) {
  const LogicalType arguments[] = {MakeVectorType(), LogicalType(DUCKDB_TYPE_INTEGER)};
  RegisterStatefulFunction<PickSlot>(connection, name, arguments, LogicalType(DUCKDB_TYPE_DOUBLE),
                                     part);
}

}  // namespace firesteel::duckdb
