#include "engine/duckdb/counting_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "engine/duckdb/vector_column.h"

namespace firesteel::duckdb {
namespace {

constexpr std::uint64_t kWeightOne = std::bit_cast<std::uint64_t>(1.0);

// An aggregate function over all rows of a query, whose state is a C++ object: a Counter with
// Add(chunk) and Merge(Counter). What it has counted does not travel through DuckDB: it is left in
// the task.
template <typename Counter>
struct Task {
  typename Counter::Plan plan;
  std::shared_ptr<ErrorSlot> errors;
  std::unique_ptr<Counter> result = nullptr;  // Null if there was no row.
};

template <typename Counter>
class Aggregate {
 public:
  // Returns what all rows of `source` count to, given the arguments in SQL. Null without rows.
  static std::unique_ptr<Counter> Run(Connection* connection, typename Counter::Plan plan,
                                      std::span<const LogicalType> types,
                                      const std::string& arguments, const std::string& source) {
    auto task =
        std::make_shared<Task<Counter>>(Task<Counter>{std::move(plan), connection->error_slot()});
    const std::string name = connection->NewName("fs_count");
    const LogicalType result(DUCKDB_TYPE_BOOLEAN);
    duckdb_aggregate_function function = duckdb_create_aggregate_function();
    duckdb_aggregate_function_set_name(function, name.c_str());
    for (const LogicalType& type : types) {
      duckdb_aggregate_function_add_parameter(function, type.get());
    }
    duckdb_aggregate_function_set_return_type(function, result.get());
    duckdb_aggregate_function_set_special_handling(function);
    duckdb_aggregate_function_set_functions(function, StateSize, Init, Update, Combine, Finalize);
    duckdb_aggregate_function_set_destructor(function, Destroy);
    duckdb_aggregate_function_set_extra_info(
        function, new std::shared_ptr<Task<Counter>>(task),
        [](void* extra) { delete static_cast<std::shared_ptr<Task<Counter>>*>(extra); });
    const duckdb_state state = duckdb_register_aggregate_function(connection->get(), function);
    duckdb_destroy_aggregate_function(&function);
    if (state == DuckDBError) {
      throw Error(ErrorKind::kInternal, fmt::format("DuckDB did not register {}", name));
    }
    connection->Run(fmt::format("SELECT {}({}) FROM {}", name, arguments, source));
    return std::move(task->result);
  }

 private:
  static Task<Counter>& TaskOf(duckdb_function_info info) {
    return **static_cast<std::shared_ptr<Task<Counter>>*>(
        duckdb_aggregate_function_get_extra_info(info));
  }
  static Counter*& CounterOf(duckdb_aggregate_state state) {
    return *reinterpret_cast<Counter**>(state);
  }

  template <typename Body>
  static void Guard(duckdb_function_info info, Body&& body) noexcept {
    TaskOf(info).errors->Guard(
        body, [&](const char* text) { duckdb_aggregate_function_set_error(info, text); });
  }

  static idx_t StateSize(duckdb_function_info) { return sizeof(Counter*); }
  static void Init(duckdb_function_info, duckdb_aggregate_state state) {
    CounterOf(state) = nullptr;
  }
  static void Update(duckdb_function_info info, duckdb_data_chunk input,
                     duckdb_aggregate_state* states) {
    Guard(info, [&] {
      if (duckdb_data_chunk_get_size(input) == 0) return;
      Counter*& counter = CounterOf(states[0]);  // Without GROUP BY all rows have the same.
      if (counter == nullptr) counter = new Counter(TaskOf(info).plan);
      counter->Add(input);
    });
  }
  static void Combine(duckdb_function_info info, duckdb_aggregate_state* sources,
                      duckdb_aggregate_state* targets, idx_t count) {
    Guard(info, [&] {
      for (idx_t i = 0; i < count; ++i) {
        Counter*& source = CounterOf(sources[i]);
        Counter*& target = CounterOf(targets[i]);
        if (source == nullptr) continue;
        if (target == nullptr) {
          std::swap(source, target);
        } else {
          target->Merge(*source);
        }
      }
    });
  }
  static void Finalize(duckdb_function_info info, duckdb_aggregate_state* states,
                       duckdb_vector result, idx_t count, idx_t offset) {
    for (idx_t i = 0; i < count; ++i) {
      TaskOf(info).result.reset(std::exchange(CounterOf(states[i]), nullptr));
      static_cast<bool*>(duckdb_vector_get_data(result))[offset + i] = true;
    }
  }
  static void Destroy(duckdb_aggregate_state* states, idx_t count) {
    for (idx_t i = 0; i < count; ++i) delete std::exchange(CounterOf(states[i]), nullptr);
  }
};

class CellCounter {
 public:
  struct Plan {
    CellKeyMaker maker;
    std::size_t num_parts;
    bool has_weight;
  };

  explicit CellCounter(const Plan& plan)
      : plan_(plan), cells_(plan.maker.layout().num_words() + 2) {}

  void Add(duckdb_data_chunk input) {
    if (IsLost()) return;
    keys_.Compute(plan_.maker, input);
    const VectorView labels(duckdb_data_chunk_get_vector(input, plan_.num_parts));
    const VectorView weights(duckdb_data_chunk_get_vector(
        input, plan_.has_weight ? plan_.num_parts + 1 : plan_.num_parts));
    const std::size_t num_words = plan_.maker.layout().num_words();
    const idx_t num_rows = duckdb_data_chunk_get_size(input);
    words_.resize(num_rows * (num_words + 2));
    std::uint64_t* words = words_.data();
    for (idx_t row = 0; row < num_rows; ++row) {
      const double label = labels.data<double>()[row];
      const double weight = plan_.has_weight ? weights.data<double>()[row] : 1.0;
      if (!keys_.IsUsable(row) || !labels.IsValid(row) || !weights.IsValid(row) ||
          !std::isfinite(label) || !std::isfinite(weight)) {
        has_unusable_ = true;
        return;
      }
      for (std::size_t word = 0; word < num_words; ++word) *words++ = keys_.Words(word)[row];
      *words++ = GroupBits(label);
      *words++ = GroupBits(weight);
    }
    cells_.AddRows(words_.data(), num_rows);
  }

  void Merge(const CellCounter& other) {
    has_unusable_ = has_unusable_ || other.has_unusable_;
    is_full_ = is_full_ || other.is_full_;
    if (!IsLost()) cells_.Merge(other.cells_);
  }

  CellCount Take() {
    if (has_unusable_) return {true, std::nullopt};
    if (IsLost()) return {false, std::nullopt};
    return {false, std::move(cells_)};
  }

 private:
  // Whether there is nothing more to learn from the rows to come.
  bool IsLost() {
    is_full_ = is_full_ || cells_.size() > kMaxCountedGroups;
    return is_full_ || has_unusable_;
  }

  const Plan& plan_;
  GroupCounter cells_;
  CellKeyChunk keys_;
  std::vector<std::uint64_t> words_;  // Shape (n, words of a cell).
  bool has_unusable_ = false;
  bool is_full_ = false;
};

class ValueCounter {
 public:
  struct Plan {
    std::vector<FeaturePart> parts;
    // For each part: slots that are asked for, and where in the answer they belong.
    std::vector<std::vector<std::pair<std::size_t, std::size_t>>> slots;
    std::size_t num_features;
    bool has_weight;
  };

  explicit ValueCounter(const Plan& plan)
      : plan_(plan), counters_(plan.num_features, GroupCounter(2)) {}

  void Add(duckdb_data_chunk input) {
    if (std::none_of(counters_.begin(), counters_.end(),
                     [](const auto& counter) { return counter.has_value(); })) {
      return;
    }
    num_rows_ = duckdb_data_chunk_get_size(input);
    ReadNulls(input);
    ReadWeights(input);
    for (std::size_t i = 0; i < plan_.parts.size(); ++i) {
      if (plan_.slots[i].empty()) continue;
      const VectorView view(duckdb_data_chunk_get_vector(input, i));
      values_.resize(num_rows_);
      switch (plan_.parts[i].kind) {
        case FeaturePart::Kind::kNumber:
          std::copy_n(view.data<double>(), num_rows_, values_.data());
          for (const auto& [slot, feature] : plan_.slots[i])
            Count(feature, values_.data(), 0, num_rows_);
          break;
        case FeaturePart::Kind::kOneHot:
          AddOneHot(i, view);
          break;
        case FeaturePart::Kind::kVector:
          AddVectors(i, view);
          break;
      }
    }
  }

  void Merge(const ValueCounter& other) {
    for (std::size_t i = 0; i < counters_.size(); ++i) {
      if (!other.counters_[i]) counters_[i].reset();
      if (counters_[i]) counters_[i]->Merge(*other.counters_[i]);
    }
  }

  std::vector<std::optional<GroupCounter>> Take() { return std::move(counters_); }

 private:
  void ReadNulls(duckdb_data_chunk input) {
    is_null_.assign(num_rows_, 0);
    has_null_ = false;
    for (std::size_t i = 0; i < plan_.parts.size(); ++i) {
      const VectorView view(duckdb_data_chunk_get_vector(input, i));
      if (!view.MayHaveNull()) continue;
      for (idx_t row = 0; row < num_rows_; ++row) is_null_[row] |= view.IsValid(row) ? 0 : 1;
      has_null_ = true;
    }
  }

  void ReadWeights(duckdb_data_chunk input) {
    weights_.assign(num_rows_, kWeightOne);
    if (!plan_.has_weight) return;
    const VectorView view(duckdb_data_chunk_get_vector(input, plan_.parts.size()));
    for (idx_t row = 0; row < num_rows_; ++row) {
      weights_[row] = GroupBits(view.IsValid(row) ? view.data<double>()[row] : kNaN);
    }
  }

  void AddOneHot(std::size_t part, const VectorView& view) {
    const double* indices = view.data<double>();
    for (const auto& [slot, feature] : plan_.slots[part]) {
      for (idx_t row = 0; row < num_rows_; ++row) {
        values_[row] = std::trunc(indices[row]) == static_cast<double>(slot) ? 1.0 : 0.0;
      }
      Count(feature, values_.data(), 0, num_rows_);
    }
  }

  void AddVectors(std::size_t part, const VectorView& view) {
    const VectorColumn vectors(view);
    const std::size_t width = plan_.parts[part].width;
    // In blocks of rows, as vectors may be wide.
    const std::size_t num_block_rows =
        std::max<std::size_t>(1, kMaxBlock / std::max<std::size_t>(1, width));
    for (std::size_t first = 0; first < num_rows_; first += num_block_rows) {
      const std::size_t count = std::min(num_block_rows, num_rows_ - first);
      dense_.assign(width * count, 0.0);  // Shape (width, count).
      for (std::size_t i = 0; i < count; ++i) {
        const idx_t row = first + i;
        if (!vectors.IsValid(row)) continue;
        CheckVector(plan_.parts[part], vectors, row);
        const std::span<const double> values = vectors.Values(row);
        if (vectors.IsDense(row)) {
          for (std::size_t slot = 0; slot < width; ++slot) dense_[slot * count + i] = values[slot];
          continue;
        }
        const std::span<const std::int32_t> indices = vectors.Indices(row);
        for (std::size_t entry = 0; entry < values.size(); ++entry) {
          dense_[static_cast<std::size_t>(indices[entry]) * count + i] = values[entry];
        }
      }
      for (const auto& [slot, feature] : plan_.slots[part]) {
        Count(feature, dense_.data() + slot * count, first, count);
      }
    }
  }

  // Rows of equal value and weight that follow each other are looked up once.
  void Count(std::size_t feature, const double* values, std::size_t first, std::size_t count) {
    std::optional<GroupCounter>& counter = counters_[feature];
    if (!counter) return;
    std::uint64_t group[2] = {0, 0};
    std::int64_t run = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = first + i;
      const std::uint64_t value = GroupBits(has_null_ && is_null_[row] != 0 ? kNaN : values[i]);
      if (run > 0 && value == group[0] && weights_[row] == group[1]) {
        ++run;
        continue;
      }
      if (run > 0) counter->Add(group, run);
      group[0] = value;
      group[1] = weights_[row];
      run = 1;
    }
    counter->Add(group, run);
    if (counter->size() > kMaxCountedGroups) counter.reset();
  }

  static constexpr std::size_t kMaxBlock = std::size_t{1} << 17;
  static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

  const Plan& plan_;
  std::vector<std::optional<GroupCounter>> counters_;  // Nothing: too many groups.
  std::size_t num_rows_ = 0;
  bool has_null_ = false;
  std::vector<std::uint8_t> is_null_;
  std::vector<std::uint64_t> weights_;
  std::vector<double> values_, dense_;
};

class RowCounter {
 public:
  struct Plan {
    std::size_t num_columns;
  };

  explicit RowCounter(const Plan& plan) : rows_(plan.num_columns) {}

  void Add(duckdb_data_chunk input) {
    if (IsLost()) return;
    const idx_t num_rows = duckdb_data_chunk_get_size(input);
    const std::size_t num_columns = rows_.num_words();
    words_.resize(num_rows * num_columns);
    for (std::size_t i = 0; i < num_columns; ++i) {
      const VectorView view(duckdb_data_chunk_get_vector(input, i));
      const double* values = view.data<double>();
      for (idx_t row = 0; row < num_rows; ++row) {
        words_[row * num_columns + i] =
            GroupBits(view.IsValid(row) ? values[row] : std::numeric_limits<double>::quiet_NaN());
      }
    }
    rows_.AddRows(words_.data(), num_rows);
    num_added_ += num_rows;
  }

  void Merge(const RowCounter& other) {
    is_full_ = is_full_ || other.is_full_;
    if (!IsLost()) rows_.Merge(other.rows_);
    num_added_ += other.num_added_;
  }

  std::optional<GroupCounter> Take() {
    if (IsLost()) return std::nullopt;
    return std::move(rows_);
  }

 private:
  // Whether there are too many groups, or nearly as many as rows.
  bool IsLost() {
    constexpr std::size_t kMaxFew = std::size_t{1} << 15;
    is_full_ = is_full_ || rows_.size() > kMaxCountedGroups ||
               (rows_.size() > kMaxFew && 2 * rows_.size() > num_added_);
    return is_full_;
  }

  GroupCounter rows_;
  std::size_t num_added_ = 0;
  std::vector<std::uint64_t> words_;  // Shape (n, columns).
  bool is_full_ = false;
};

class RangeFinder {
 public:
  struct Plan {
    std::vector<FeaturePart> parts;
    std::size_t num_features;
  };

  explicit RangeFinder(const Plan& plan) : plan_(plan), slots_(plan.num_features) {}

  void Add(duckdb_data_chunk input) {
    rows_.clear();
    for (idx_t row = 0; row < duckdb_data_chunk_get_size(input); ++row) rows_.push_back(row);
    for (std::size_t i = 0; i < plan_.parts.size(); ++i) {
      const VectorView view(duckdb_data_chunk_get_vector(input, i));
      if (view.MayHaveNull()) {
        std::erase_if(rows_, [&](idx_t row) { return !view.IsValid(row); });
      }
    }
    num_rows_ += static_cast<std::int64_t>(rows_.size());
    Slot* slots = slots_.data();
    for (std::size_t i = 0; i < plan_.parts.size(); ++i) {
      const FeaturePart& part = plan_.parts[i];
      const VectorView view(duckdb_data_chunk_get_vector(input, i));
      switch (part.kind) {
        case FeaturePart::Kind::kNumber:
          for (const idx_t row : rows_) slots->Extend(view.data<double>()[row]);
          break;
        case FeaturePart::Kind::kOneHot:
          for (const idx_t row : rows_) {
            const double index = std::trunc(view.data<double>()[row]);
            if (!(index >= 0.0 && index < static_cast<double>(part.width))) continue;
            slots[static_cast<std::size_t>(index)].Extend(1.0);
          }
          break;
        case FeaturePart::Kind::kVector:
          AddVectors(part, view, slots);
          break;
      }
      slots += part.width;
    }
  }

  void Merge(const RangeFinder& other) {
    for (std::size_t i = 0; i < slots_.size(); ++i) slots_[i].Merge(other.slots_[i]);
    num_rows_ += other.num_rows_;
  }

  std::vector<ValueRange> Take() {
    std::vector<ValueRange> ranges;
    for (Slot& slot : slots_) {
      if (slot.num_values < num_rows_) slot.Extend(0.0);  // What a sparse vector leaves out.
      const bool is_known = slot.range.min <= slot.range.max;
      ranges.push_back(is_known ? slot.range : ValueRange{kNaN, kNaN});
    }
    return ranges;
  }

 private:
  struct Slot {
    ValueRange range = {std::numeric_limits<double>::infinity(),
                        -std::numeric_limits<double>::infinity()};
    std::int64_t num_values = 0;

    void Extend(double value) {
      ++num_values;
      range.min = value < range.min ? value + 0.0 : range.min;
      range.max = value > range.max ? value + 0.0 : range.max;
    }
    void Merge(const Slot& other) {
      num_values += other.num_values;
      range.min = std::min(range.min, other.range.min);
      range.max = std::max(range.max, other.range.max);
    }
  };

  void AddVectors(const FeaturePart& part, const VectorView& view, Slot* slots) const {
    const VectorColumn vectors(view);
    for (const idx_t row : rows_) {
      CheckVector(part, vectors, row);
      const std::span<const double> values = vectors.Values(row);
      if (vectors.IsDense(row)) {
        for (std::size_t slot = 0; slot < values.size(); ++slot) slots[slot].Extend(values[slot]);
        continue;
      }
      const std::span<const std::int32_t> indices = vectors.Indices(row);
      for (std::size_t i = 0; i < values.size(); ++i) {
        slots[static_cast<std::size_t>(indices[i])].Extend(values[i]);
      }
    }
  }

  static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

  const Plan& plan_;
  std::vector<Slot> slots_;    // Length d.
  std::int64_t num_rows_ = 0;  // In which no part is null.
  std::vector<idx_t> rows_;    // Of the chunk, likewise.
};

}  // namespace

CellCount CountCells(Connection* connection, const TrainingQuery& query,
                     std::span<const FeatureBins> bins) {
  std::vector<LogicalType> types = PartTypes(query.parts);
  types.emplace_back(DUCKDB_TYPE_DOUBLE);
  std::string arguments = fmt::format("{}, {}", PartsSql(query.parts), query.label);
  if (query.weight) {
    types.emplace_back(DUCKDB_TYPE_DOUBLE);
    arguments += ", " + *query.weight;
  }
  CellCounter::Plan plan{CellKeyMaker(query.parts, bins), query.parts.size(),
                         query.weight.has_value()};
  const std::size_t num_words = plan.maker.layout().num_words();
  const std::unique_ptr<CellCounter> counter =
      Aggregate<CellCounter>::Run(connection, std::move(plan), types, arguments, query.source);
  if (counter == nullptr) return {false, GroupCounter(num_words + 2)};
  return counter->Take();
}

std::vector<std::optional<GroupCounter>> CountValues(Connection* connection,
                                                     const TrainingQuery& query,
                                                     std::span<const std::size_t> features) {
  ValueCounter::Plan plan{query.parts, {}, features.size(), query.weight.has_value()};
  plan.slots.resize(query.parts.size());
  std::size_t first = 0;
  for (std::size_t i = 0; i < query.parts.size(); ++i) {
    for (std::size_t j = 0; j < features.size(); ++j) {
      if (features[j] < first || features[j] >= first + query.parts[i].width) continue;
      plan.slots[i].emplace_back(features[j] - first, j);
    }
    first += query.parts[i].width;
    if (plan.parts[i].kind != FeaturePart::Kind::kVector || !plan.slots[i].empty()) continue;
    // Only whether it is null matters, which one field of a vector tells without reading the rest.
    plan.parts[i].kind = FeaturePart::Kind::kNumber;
    plan.parts[i].sql =
        fmt::format("CAST(struct_extract({}, 'type') AS DOUBLE)", plan.parts[i].sql);
  }
  std::vector<LogicalType> types = PartTypes(plan.parts);
  std::string arguments = PartsSql(plan.parts);
  if (query.weight) {
    types.emplace_back(DUCKDB_TYPE_DOUBLE);
    arguments += ", " + *query.weight;
  }
  const std::unique_ptr<ValueCounter> counter =
      Aggregate<ValueCounter>::Run(connection, std::move(plan), types, arguments, query.source);
  if (counter == nullptr) return {features.size(), GroupCounter(2)};
  return counter->Take();
}

std::optional<GroupCounter> CountRows(Connection* connection, std::span<const std::string> columns,
                                      const std::string& source) {
  std::vector<LogicalType> types;
  std::string arguments;
  for (const std::string& column : columns) {
    types.emplace_back(DUCKDB_TYPE_DOUBLE);
    arguments += (arguments.empty() ? "" : ", ") + column;
  }
  const std::unique_ptr<RowCounter> counter = Aggregate<RowCounter>::Run(
      connection, RowCounter::Plan{columns.size()}, types, arguments, source);
  if (counter == nullptr) return GroupCounter(columns.size());
  return counter->Take();
}

std::vector<ValueRange> FindRanges(Connection* connection, const TrainingQuery& query) {
  RangeFinder::Plan plan{query.parts, 0};
  for (const FeaturePart& part : query.parts) plan.num_features += part.width;
  const std::size_t num_features = plan.num_features;
  const std::unique_ptr<RangeFinder> finder = Aggregate<RangeFinder>::Run(
      connection, std::move(plan), PartTypes(query.parts), PartsSql(query.parts), query.source);
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  if (finder == nullptr) return {num_features, ValueRange{kNaN, kNaN}};
  return finder->Take();
}

}  // namespace firesteel::duckdb
