#include "engine/duckdb/cell_queries.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>

#include "base/error.h"
#include "engine/duckdb/cell_keys.h"
#include "engine/duckdb/counting_functions.h"
#include "engine/duckdb/group_counter.h"

namespace firesteel::duckdb {
namespace {

// -0.0 becomes 0.0.
double WithoutSign(double zero) { return zero + 0.0; }

std::string Key(Connection* connection, const TrainingQuery& query,
                std::span<const FeatureBins> bins) {
  const std::string name = connection->NewName("fs_cell_key");
  RegisterCellKeyFunction(connection, name, query.parts, bins);
  return fmt::format("{}({})", name, PartsSql(query.parts));
}

// By value, then weight; NaN comes last.
void Sort(std::vector<WeightedValue>* values) {
  const auto less = [](double left, double right) {
    return std::isnan(right) ? !std::isnan(left) : left < right;
  };
  std::sort(values->begin(), values->end(),
            [&](const WeightedValue& left, const WeightedValue& right) {
              if (less(left.value, right.value)) return true;
              if (less(right.value, left.value)) return false;
              return less(left.weight, right.weight);
            });
}

// The values of features in SQL, null where they are.
std::vector<std::string> SlotsSql(Connection* connection, const TrainingQuery& query) {
  std::vector<std::string> slots;
  for (const FeaturePart& part : query.parts) {
    switch (part.kind) {
      case FeaturePart::Kind::kNumber:
        slots.push_back(part.sql);
        break;
      case FeaturePart::Kind::kOneHot:
        for (std::size_t i = 0; i < part.width; ++i) {
          slots.push_back(
              fmt::format("CASE WHEN trunc({}) = {} THEN 1e0 ELSE 0e0 END", part.sql, i));
        }
        break;
      case FeaturePart::Kind::kVector: {
        const std::string name = connection->NewName("fs_slot");
        RegisterSlotFunction(connection, name, part);
        for (std::size_t i = 0; i < part.width; ++i) {
          slots.push_back(fmt::format("{}({}, CAST({} AS INTEGER))", name, part.sql, i));
        }
        break;
      }
    }
  }
  return slots;
}

// The values of one feature, grouped by DuckDB.
std::vector<WeightedValue> GroupValues(Connection* connection, const TrainingQuery& query,
                                       const std::string& slot) {
  const auto not_null = [](const std::string& sql) {
    return fmt::format("coalesce({}, CAST('NaN' AS DOUBLE))", sql);
  };
  std::string any_null;
  for (const FeaturePart& part : query.parts) {
    any_null += fmt::format("{}{} IS NULL", any_null.empty() ? "" : " OR ", part.sql);
  }
  Result result = connection->Query(fmt::format(
      "SELECT CASE WHEN {} THEN CAST('NaN' AS DOUBLE) ELSE {} END, {}, count(*) FROM {} "
      "GROUP BY 1, 2",
      any_null, not_null(slot), query.weight ? not_null(*query.weight) : "CAST(1 AS DOUBLE)",
      query.source));
  std::vector<WeightedValue> values;
  while (result.Next()) {
    const VectorView slots = result.column(0), weights = result.column(1),
                     counts = result.column(2);
    for (idx_t row = 0; row < result.num_rows(); ++row) {
      values.push_back({WithoutSign(slots.data<double>()[row]),
                        WithoutSign(weights.data<double>()[row]),
                        counts.data<std::int64_t>()[row]});
    }
  }
  return values;
}

Cells SortedCells(const GroupCounter& groups, const CellKeyLayout& layout) {
  std::vector<std::uint32_t> order(groups.size());
  std::iota(order.begin(), order.end(), 0);
  const std::size_t num_words = layout.num_words();
  std::sort(order.begin(), order.end(), [&](std::uint32_t left, std::uint32_t right) {
    const std::span<const std::uint64_t> a = groups.words(left), b = groups.words(right);
    for (std::size_t i = 0; i < num_words; ++i) {
      if (a[i] != b[i]) return a[i] < b[i];
    }
    for (std::size_t i = num_words; i < a.size(); ++i) {
      if (a[i] != b[i]) return std::bit_cast<double>(a[i]) < std::bit_cast<double>(b[i]);
    }
    return false;
  });
  Cells cells;
  cells.num_features = layout.slots().size();
  cells.bins.resize(groups.size() * cells.num_features);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::span<const std::uint64_t> words = groups.words(order[i]);
    layout.Unpack(words, cells.bins.data() + i * cells.num_features);
    cells.labels.push_back(std::bit_cast<double>(words[num_words]));
    cells.weights.push_back(std::bit_cast<double>(words[num_words + 1]));
    cells.counts.push_back(groups.count(order[i]));
  }
  return cells;
}

// Grouped and sorted by DuckDB: for rows that do not collapse.
std::optional<Cells> GroupCells(Connection* connection, const TrainingQuery& query,
                                std::span<const FeatureBins> bins) {
  const CellKeyLayout layout(bins);
  const bool is_word = layout.num_words() == 1;
  Result result = connection->Query(
      fmt::format("SELECT {}, {}, {}, count(*) FROM {} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
                  Key(connection, query, bins), query.label,
                  query.weight.value_or("CAST(1 AS DOUBLE)"), query.source));
  Cells cells;
  cells.num_features = bins.size();
  std::vector<std::uint64_t> words(layout.num_words());
  while (result.Next()) {
    const VectorView keys = result.column(0), labels = result.column(1), weights = result.column(2),
                     counts = result.column(3);
    const std::size_t num_before = cells.size(), num_rows = result.num_rows();
    cells.bins.resize((num_before + num_rows) * bins.size());
    for (std::size_t row = 0; row < num_rows; ++row) {
      if (!keys.IsValid(row) || !labels.IsValid(row) || !weights.IsValid(row)) return std::nullopt;
      const double label = labels.data<double>()[row], weight = weights.data<double>()[row];
      if (!std::isfinite(label) || !std::isfinite(weight)) return std::nullopt;
      if (is_word) {
        words[0] = keys.data<std::uint64_t>()[row];
      } else {
        const std::string_view bytes = keys.Text(row);
        std::fill(words.begin(), words.end(), 0);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
          words[i / 8] = (words[i / 8] << 8) | static_cast<unsigned char>(bytes[i]);
        }
      }
      layout.Unpack(words, cells.bins.data() + (num_before + row) * bins.size());
      cells.labels.push_back(WithoutSign(label));
      cells.weights.push_back(WithoutSign(weight));
      cells.counts.push_back(counts.data<std::int64_t>()[row]);
    }
  }
  return cells;
}

}  // namespace

std::vector<std::vector<WeightedValue>> FindDistinctValues(Connection* connection,
                                                           const TrainingQuery& query,
                                                           std::span<const std::size_t> features) {
  std::vector<std::vector<WeightedValue>> values(features.size());
  if (features.empty()) return values;
  const std::vector<std::optional<GroupCounter>> counts = CountValues(connection, query, features);
  std::vector<std::string> slots;
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (!counts[i]) {
      if (slots.empty()) slots = SlotsSql(connection, query);
      values[i] = GroupValues(connection, query, slots[features[i]]);
    } else {
      for (std::size_t group = 0; group < counts[i]->size(); ++group) {
        const std::span<const std::uint64_t> words = counts[i]->words(group);
        values[i].push_back({std::bit_cast<double>(words[0]), std::bit_cast<double>(words[1]),
                             counts[i]->count(group)});
      }
    }
    Sort(&values[i]);
  }
  return values;
}

std::optional<Cells> GatherCells(Connection* connection, const TrainingQuery& query,
                                 std::span<const FeatureBins> bins) {
  const CellCount count = CountCells(connection, query, bins);
  if (count.has_unusable) return std::nullopt;
  if (count.cells) return SortedCells(*count.cells, CellKeyLayout(bins));
  return GroupCells(connection, query, bins);
}

bool HasUnusableRow(Connection* connection, const TrainingQuery& query) {
  std::size_t num_slots = 0;
  for (const FeaturePart& part : query.parts) num_slots += part.width;
  const std::vector<FeatureBins> one_bin(num_slots);
  Result result =
      connection->Query(fmt::format("SELECT count(*) FROM (SELECT {} AS k, {} AS l, {} AS w FROM "
                                    "{}) WHERE k IS NULL OR l IS NULL "
                                    "OR w IS NULL OR NOT isfinite(l) OR NOT isfinite(w)",
                                    Key(connection, query, one_bin), query.label,
                                    query.weight.value_or("CAST(1 AS DOUBLE)"), query.source));
  if (!result.Next()) throw Error(ErrorKind::kInternal, "a count came back without a row");
  return result.column(0).data<std::int64_t>()[0] > 0;
}

}  // namespace firesteel::duckdb
