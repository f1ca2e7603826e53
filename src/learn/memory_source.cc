#include "learn/memory_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/error.h"

namespace firesteel {
namespace {

// Rows that a block of Scan has.
constexpr std::size_t kRowsPerBlock = 1024;

[[noreturn]] void Refuse(const std::string& message) {
  throw Error(ErrorKind::kInvalidArgument, "training rows: " + message);
}

std::string Describe(const std::vector<Attribute>& attributes, std::size_t feature) {
  const std::optional<std::string>& name = attributes[feature].name;
  return name ? fmt::format("feature {} ('{}')", feature, *name)
              : fmt::format("feature {}", feature);
}

void CheckShapes(const MemoryRows& rows) {
  const std::size_t n = rows.labels.size();
  if (rows.features.size() != n * rows.attributes.size()) {
    Refuse(fmt::format("there are {} values for {} labels of {} features each",
                       rows.features.size(), n, rows.attributes.size()));
  }
  if (!rows.weights.empty() && rows.weights.size() != n) {
    Refuse(fmt::format("there are {} weights for {} labels", rows.weights.size(), n));
  }
  if (!rows.held_out.empty() && rows.held_out.size() != n) {
    Refuse(
        fmt::format("there are {} marks of held-out rows for {} labels", rows.held_out.size(), n));
  }
}

void RefuseUnusable(std::int64_t count, std::string_view what, std::string_view problem) {
  if (count == 0) return;
  Refuse(fmt::format("{} is {} in {} row{}; fill in or drop them", what, problem, count,
                     count == 1 ? "" : "s"));
}

void CheckValues(const MemoryRows& rows) {
  const auto unusable = [](double value) { return !std::isfinite(value); };
  const std::size_t d = rows.attributes.size();
  RefuseUnusable(std::count_if(rows.labels.begin(), rows.labels.end(), unusable), "the label",
                 "NaN or infinite");
  RefuseUnusable(std::count_if(rows.weights.begin(), rows.weights.end(),
                               [](double value) { return !std::isfinite(value) || value < 0.0; }),
                 "the weight", "NaN, infinite or negative");
  std::vector<std::int64_t> counts(d, 0);
  for (std::size_t i = 0; i < rows.features.size(); ++i) {
    if (unusable(rows.features[i])) ++counts[i % d];
  }
  for (std::size_t feature = 0; feature < d; ++feature) {
    RefuseUnusable(counts[feature], Describe(rows.attributes, feature), "NaN or infinite");
  }
}

// The rows that are held out, or those that are not.
MemoryRows Select(const MemoryRows& rows, bool held_out) {
  const std::size_t d = rows.attributes.size();
  MemoryRows selected = {.attributes = rows.attributes, .features = {}, .labels = {}};
  for (std::size_t row = 0; row < rows.labels.size(); ++row) {
    if (rows.held_out[row] != held_out) continue;
    const auto first = rows.features.begin() + static_cast<std::ptrdiff_t>(row * d);
    selected.features.insert(selected.features.end(), first,
                             first + static_cast<std::ptrdiff_t>(d));
    selected.labels.push_back(rows.labels[row]);
    if (!rows.weights.empty()) selected.weights.push_back(rows.weights[row]);
  }
  return selected;
}

std::uint16_t BinOf(const FeatureBins& bins, double value, const std::vector<Attribute>& attributes,
                    std::size_t feature) {
  // The value counts whole, so 2.5 is category 2, but nothing below 0 is category 0.
  if (bins.arity && !(value >= 0.0 && value < static_cast<double>(*bins.arity))) {
    Refuse(fmt::format("{} has {} categories, 0 to {}, but a row holds {}",
                       Describe(attributes, feature), *bins.arity, *bins.arity - 1, value));
  }
  return bins.BinOf(value);
}

}  // namespace

MemorySource::MemorySource(MemoryRows rows) : rows_(std::move(rows)) {
  CheckShapes(rows_);
  CheckValues(rows_);
  if (!rows_.held_out.empty()) {
    MemoryRows held_out = Select(rows_, true);
    if (held_out.labels.empty()) Refuse("no row is held out");
    rows_ = Select(rows_, false);
    held_out_ = std::make_unique<MemorySource>(std::move(held_out));
  }
  if (rows_.labels.empty()) Refuse("there is no row to learn from");
}

std::vector<std::vector<WeightedValue>> MemorySource::DistinctValues(
    std::span<const std::size_t> features) {
  const std::size_t d = rows_.attributes.size();
  std::vector<std::vector<WeightedValue>> lists;
  std::vector<std::pair<double, double>> values(rows_.labels.size());
  for (const std::size_t feature : features) {
    for (std::size_t row = 0; row < values.size(); ++row) {
      // Adding 0.0 turns -0.0 into 0.0.
      values[row] = {rows_.features[row * d + feature] + 0.0, weight(row) + 0.0};
    }
    std::sort(values.begin(), values.end());
    std::vector<WeightedValue>& list = lists.emplace_back();
    for (const auto& [value, row_weight] : values) {
      if (list.empty() || list.back().value != value || list.back().weight != row_weight) {
        list.push_back({.value = value, .weight = row_weight, .count = 0});
      }
      ++list.back().count;
    }
  }
  return lists;
}

Cells MemorySource::MakeCells(std::span<const FeatureBins> bins) {
  const std::size_t n = rows_.labels.size();
  const std::size_t d = rows_.attributes.size();
  for (std::size_t feature = 0; feature < d; ++feature) {
    if (bins[feature].num_bins() > kMaxCellBins) {
      throw Error(
          ErrorKind::kUnsupported,
          fmt::format("training rows: {} has {} bins, and cells have {} at most",
                      Describe(rows_.attributes, feature), bins[feature].num_bins(), kMaxCellBins));
    }
  }
  std::vector<std::uint16_t> row_bins(n * d);
  for (std::size_t i = 0; i < row_bins.size(); ++i) {
    row_bins[i] = BinOf(bins[i % d], rows_.features[i], rows_.attributes, i % d);
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto bins_of = [&](std::size_t row) { return std::span(row_bins).subspan(row * d, d); };
  const auto compare = [&](std::size_t a, std::size_t b) {
    const auto differ = std::mismatch(bins_of(a).begin(), bins_of(a).end(), bins_of(b).begin());
    if (differ.first != bins_of(a).end()) return *differ.first < *differ.second ? -1 : 1;
    const auto rest_a = std::make_tuple(rows_.labels[a], weight(a));
    const auto rest_b = std::make_tuple(rows_.labels[b], weight(b));
    return rest_a < rest_b ? -1 : rest_b < rest_a ? 1 : 0;
  };
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return compare(a, b) < 0; });

  Cells cells;
  cells.num_features = d;
  for (std::size_t i = 0; i < n; ++i) {
    if (i == 0 || compare(order[i - 1], order[i]) != 0) {
      const auto of_row = bins_of(order[i]);
      cells.bins.insert(cells.bins.end(), of_row.begin(), of_row.end());
      cells.labels.push_back(rows_.labels[order[i]] + 0.0);
      cells.weights.push_back(weight(order[i]) + 0.0);
      cells.counts.push_back(0);
    }
    ++cells.counts.back();
  }
  return cells;
}

void MemorySource::Scan(const std::function<void(MatrixView<const double> rows)>& visitor) {
  const std::size_t d = rows_.attributes.size();
  std::vector<double> block;
  for (std::size_t begin = 0; begin < rows_.labels.size(); begin += kRowsPerBlock) {
    const std::size_t end = std::min(begin + kRowsPerBlock, rows_.labels.size());
    block.clear();
    for (std::size_t row = begin; row < end; ++row) {
      const auto first = rows_.features.begin() + static_cast<std::ptrdiff_t>(row * d);
      block.insert(block.end(), first, first + static_cast<std::ptrdiff_t>(d));
      block.push_back(rows_.labels[row]);
      block.push_back(weight(row));
    }
    visitor({block.data(), end - begin, d + 2});
  }
}

}  // namespace firesteel
