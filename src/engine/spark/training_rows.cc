#include "engine/spark/training_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/spark/bin_keys.h"
#include "engine/spark/connect/arrow_rows.h"

namespace firesteel {
namespace {

using spark_plans::Plan;
using spark_plans::ProjectedColumn;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::string Slot(std::size_t i) { return fmt::format("s{}", i); }

// The rows with one column for each feature, `y` and `w`, none of them null.
Plan SlotsOf(const TrainingQuery& query) {
  std::vector<ProjectedColumn> slots;
  for (std::size_t i = 0; i < query.features.size(); ++i) {
    slots.push_back({Slot(i), NanForNullSql(query.features[i])});
  }
  slots.insert(slots.end(), {{"y", NanForNullSql(query.label)},
                             {"w", query.weight ? NanForNullSql(*query.weight) : "1e0"}});
  return spark_plans::Project(query.plan, slots);
}

std::vector<ProjectedColumn> Keys(const std::vector<std::string>& names) {
  std::vector<ProjectedColumn> keys;
  for (const std::string& name : names) keys.push_back({"", name});
  return keys;
}

bool IsBefore(double left, double right) {
  return std::isnan(right) ? !std::isnan(left) : left < right;
}

void Sort(std::vector<WeightedValue>* values) {
  std::sort(values->begin(), values->end(),
            [](const WeightedValue& left, const WeightedValue& right) {
              if (IsBefore(left.value, right.value)) return true;
              if (IsBefore(right.value, left.value)) return false;
              return IsBefore(left.weight, right.weight);
            });
}

constexpr std::int64_t kBytesOfValue = 2 * sizeof(WeightedValue);

[[noreturn]] void RefuseMany(std::string_view what, std::int64_t limit_bytes,
                             std::string_view why) {
  throw Error(
      ErrorKind::kUnsupported,
      fmt::format("there are more {} than the {} MB of memory for them hold: {}; train with fewer "
                  "bins (maxBins) or rounded features, on a sample of the rows, with more memory "
                  "(--memory-limit), or on the cluster itself (--trainer spark)",
                  what, limit_bytes / 1'000'000, why));
}

// Puts cells in order, equal ones together.
Cells Ordered(const Cells& cells) {
  const std::size_t width = cells.num_features;
  std::vector<std::size_t> order(cells.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto bins_of = [&](std::size_t cell) {
    return std::span<const std::uint16_t>(cells.bins).subspan(cell * width, width);
  };
  const auto compare = [&](std::size_t left, std::size_t right) {
    const auto a = bins_of(left), b = bins_of(right);
    if (const auto [i, j] = std::mismatch(a.begin(), a.end(), b.begin()); i != a.end()) {
      return *i < *j ? -1 : 1;
    }
    for (const auto& column : {&cells.labels, &cells.weights}) {
      if ((*column)[left] != (*column)[right]) return (*column)[left] < (*column)[right] ? -1 : 1;
    }
    return 0;
  };
  std::sort(order.begin(), order.end(),
            [&](std::size_t left, std::size_t right) { return compare(left, right) < 0; });
  Cells ordered;
  ordered.num_features = width;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t cell = order[i];
    if (i > 0 && compare(order[i - 1], cell) == 0) {
      ordered.counts.back() += cells.counts[cell];
      continue;
    }
    const auto bins = bins_of(cell);
    ordered.bins.insert(ordered.bins.end(), bins.begin(), bins.end());
    ordered.labels.push_back(cells.labels[cell]);
    ordered.weights.push_back(cells.weights[cell]);
    ordered.counts.push_back(cells.counts[cell]);
  }
  return ordered;
}

}  // namespace

TrainingQuery QueryOfArray(const Plan& plan, const std::string& features, std::size_t width,
                           const std::string& label, const std::optional<std::string>& weight) {
  const Plan columns =
      spark_plans::Project(plan, {{"f", features}, {"y", label}, {"w", weight.value_or("1e0")}});
  const std::string checked = fmt::format(
      "IF(size(f) = {0} OR f IS NULL, f, CAST(raise_error(concat('a vector of ', size(f), ' "
      "numbers where {0} were expected')) AS ARRAY<DOUBLE>))",
      width);
  TrainingQuery query{
      .plan = spark_plans::Project(columns, {{"f", checked}, {"y", "y"}, {"w", "w"}}),
      .features = {},
      .label = "y",
      .weight = std::nullopt};
  for (std::size_t i = 0; i < width; ++i) query.features.push_back(fmt::format("get(f, {})", i));
  if (weight) query.weight = "w";
  return query;
}

std::optional<DistinctRows> FetchDistinctRows(ConnectClient* client, const TrainingQuery& query) {
  if (query.num_rows.value_or(0) > kMaxFetchedRows) return std::nullopt;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < query.features.size(); ++i) keys.push_back(Slot(i));
  keys.insert(keys.end(), {"y", "w"});
  Plan all = SlotsOf(query);
  // Reads no more of many rows than it takes to know that they are many.
  if (!query.num_rows) all = spark_plans::Limit(all, static_cast<int>(kMaxFetchedRows + 1));
  // Few are sooner here than grouped there.
  constexpr std::int64_t kFewRows = std::int64_t{1} << 16;
  std::vector<ProjectedColumn> one = Keys(keys);
  one.push_back({"", "1L"});
  const Plan plan = query.num_rows.value_or(kFewRows) < kFewRows
                        ? spark_plans::Project(all, one)
                        : spark_plans::Aggregate(all, Keys(keys), {{"", "count(*)"}});
  DistinctRows rows;
  rows.num_features = query.features.size();
  const std::size_t width = query.features.size() + 2;
  client->Query(plan, [&](const ArrowRows& batch) {
    for (std::int64_t row = 0; row < batch.num_rows; ++row) {
      for (std::size_t i = 0; i < width; ++i) {
        rows.values.push_back(batch.columns[i].NumberOrNaN(row));
      }
      rows.counts.push_back(batch.columns[width].Integer(row));
    }
  });
  const std::int64_t num_rows =
      std::accumulate(rows.counts.begin(), rows.counts.end(), std::int64_t{0});
  if (num_rows > kMaxFetchedRows) return std::nullopt;
  return rows;
}

std::vector<std::vector<WeightedValue>> DistinctValuesOf(const DistinctRows& rows,
                                                         std::span<const std::size_t> features) {
  std::vector<std::vector<WeightedValue>> all;
  const auto less = [](const std::pair<double, double>& left,
                       const std::pair<double, double>& right) {
    if (IsBefore(left.first, right.first)) return true;
    if (IsBefore(right.first, left.first)) return false;
    return IsBefore(left.second, right.second);
  };
  for (const std::size_t feature : features) {
    std::map<std::pair<double, double>, std::int64_t, decltype(less)> counts(less);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::span<const double> row = rows.row(i);
      counts[{row[feature], row[rows.num_features + 1]}] += rows.counts[i];
    }
    std::vector<WeightedValue>& values = all.emplace_back();
    for (const auto& [key, count] : counts) values.push_back({key.first, key.second, count});
  }
  return all;
}

std::optional<Cells> CellsOf(const DistinctRows& rows, std::span<const FeatureBins> bins) {
  Cells cells;
  cells.num_features = rows.num_features;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<const double> row = rows.row(i);
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (!std::isfinite(row[k])) return std::nullopt;
      if (k >= rows.num_features) continue;
      if (bins[k].arity && !(row[k] >= 0.0 && row[k] < *bins[k].arity)) return std::nullopt;
      cells.bins.push_back(bins[k].BinOf(row[k]));
    }
    cells.labels.push_back(row[rows.num_features]);
    cells.weights.push_back(row[rows.num_features + 1]);
    cells.counts.push_back(rows.counts[i]);
  }
  return Ordered(cells);
}

std::vector<ValueRange> RangesOf(const DistinctRows& rows) {
  std::vector<ValueRange> ranges(rows.num_features, {kNaN, kNaN});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<const double> row = rows.row(i);
    for (std::size_t k = 0; k < rows.num_features; ++k) {
      if (std::isnan(row[k])) continue;
      ranges[k].min = std::fmin(ranges[k].min, row[k]);
      ranges[k].max = std::fmax(ranges[k].max, row[k]);
    }
  }
  return ranges;
}

std::vector<std::int64_t> UnusableOf(const DistinctRows& rows, bool has_weight) {
  std::vector<std::int64_t> counts(rows.num_features + (has_weight ? 2 : 1), 0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<const double> row = rows.row(i);
    for (std::size_t k = 0; k < counts.size(); ++k) {
      if (!std::isfinite(row[k])) counts[k] += rows.counts[i];
    }
  }
  return counts;
}

bool HasAllFeatures(const DistinctRows& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<const double> features = rows.row(i).first(rows.num_features);
    if (std::any_of(features.begin(), features.end(), [](double x) { return std::isnan(x); })) {
      return false;
    }
  }
  return true;
}

bool HasNan(const std::vector<WeightedValue>& values) {
  return std::any_of(values.begin(), values.end(),
                     [](const WeightedValue& value) { return std::isnan(value.value); });
}

ValueRange RangeOf(const std::vector<WeightedValue>& values) {
  ValueRange range{kNaN, kNaN};
  for (const WeightedValue& value : values) {
    range.min = std::fmin(range.min, value.value);
    range.max = std::fmax(range.max, value.value);
  }
  return range;
}

ValueRange RangeOfBins(const Cells& cells, std::size_t feature) {
  ValueRange range{kNaN, kNaN};
  for (std::size_t cell = 0; cell < cells.size(); ++cell) {
    const double bin = cells.bins[cell * cells.num_features + feature];
    range.min = std::fmin(range.min, bin);
    range.max = std::fmax(range.max, bin);
  }
  return range;
}

namespace {

struct TooMany {};

// The values with their weights and counts, where `condition` is true of the feature's number `k`
// and the value `v` (empty: all). Nothing if they take more than `limit_bytes`.
std::optional<std::vector<std::vector<WeightedValue>>> TryFetchValues(
    ConnectClient* client, const TrainingQuery& query, std::span<const std::size_t> features,
    const std::string& condition, std::int64_t limit_bytes) {
  std::string entries;
  for (std::size_t i = 0; i < features.size(); ++i) {
    entries += fmt::format(", {}, {}", i, Slot(features[i]));
  }
  Plan stacked = spark_plans::Project(
      SlotsOf(query),
      {{"", fmt::format("stack({}{}) AS (k, v)", features.size(), entries)}, {"w", "w"}});
  if (!condition.empty()) stacked = spark_plans::Filter(stacked, condition);
  const Plan plan = spark_plans::Aggregate(stacked, Keys({"k", "v", "w"}), {{"", "count(*)"}});
  std::vector<std::vector<WeightedValue>> all(features.size());
  std::int64_t num_values = 0;
  try {
    client->Query(plan, [&](const ArrowRows& batch) {
      num_values += batch.num_rows;
      if (num_values * kBytesOfValue > limit_bytes) throw TooMany{};
      for (std::int64_t row = 0; row < batch.num_rows; ++row) {
        all[static_cast<std::size_t>(batch.columns[0].Integer(row))].push_back(
            {batch.columns[1].NumberOrNaN(row), batch.columns[2].NumberOrNaN(row),
             batch.columns[3].Integer(row)});
      }
    });
  } catch (const TooMany&) {
    return std::nullopt;
  }
  for (std::vector<WeightedValue>& values : all) Sort(&values);
  return all;
}

// About how many values each feature has.
std::vector<std::int64_t> CountValues(ConnectClient* client, const TrainingQuery& query,
                                      std::span<const std::size_t> features) {
  std::vector<ProjectedColumn> counts;
  for (const std::size_t feature : features) {
    counts.push_back({"", fmt::format("approx_count_distinct({})", Slot(feature))});
  }
  return client->QueryNumbers(spark_plans::Aggregate(SlotsOf(query), {}, counts));
}

}  // namespace

FetchedValues FetchDistinctValues(ConnectClient* client, const TrainingQuery& query,
                                  std::span<const std::size_t> features, std::int64_t limit_bytes) {
  FetchedValues fetched{.values = {}, .one_in = std::vector<std::int64_t>(features.size(), 1)};
  if (auto all = TryFetchValues(client, query, features, "", limit_bytes)) {
    fetched.values = std::move(*all);
    return fetched;
  }
  const std::vector<std::int64_t> counts = CountValues(client, query, features);
  // Half of the room, as a value comes once for each weight that it has.
  const std::int64_t room = std::max<std::int64_t>(
      limit_bytes / kBytesOfValue / static_cast<std::int64_t>(features.size()) / 2, 1);
  std::string condition = "CASE k";
  for (std::size_t i = 0; i < features.size(); ++i) {
    if (counts.at(i) <= room) continue;
    fetched.one_in[i] = counts[i] / room + 1;
    condition += fmt::format(" WHEN {} THEN pmod(xxhash64(v), {}) = 0", i, fetched.one_in[i]);
    LogWarning(fmt::format(
        "feature {} has about {} values, more than the {} MB of memory there are for them hold: "
        "its thresholds are chosen among one in {}",
        features[i], WithThousands(counts[i]), limit_bytes / 1'000'000, fetched.one_in[i]));
  }
  condition += " ELSE true END";
  auto some = TryFetchValues(client, query, features, condition, limit_bytes);
  if (!some) RefuseMany("values of features", limit_bytes, "features have very many values");
  fetched.values = std::move(*some);
  return fetched;
}

std::optional<Cells> FetchCells(ConnectClient* client, const TrainingQuery& query,
                                std::span<const FeatureBins> bins, std::int64_t limit_bytes) {
  std::vector<std::string> features;
  for (std::size_t i = 0; i < bins.size(); ++i) features.push_back(Slot(i));
  const BinKeys bin_keys(bins, features);
  const std::size_t num_words = bin_keys.words().size();
  const std::string is_usable =
      fmt::format("{} AND {}", AreFiniteSql({"y", "w"}), bin_keys.is_usable());
  std::vector<std::string> keys = {"u"};
  std::vector<ProjectedColumn> columns = {{"u", "u"}};
  for (std::size_t i = 0; i < num_words; ++i) {
    keys.push_back(fmt::format("k{}", i));
    columns.push_back({keys.back(), fmt::format("IF(u, {}, -1L)", bin_keys.words()[i])});
  }
  keys.insert(keys.end(), {"y", "w"});
  columns.insert(columns.end(), {{"y", "IF(u, y, 0e0)"}, {"w", "IF(u, w, 0e0)"}});
  const Plan slots = SlotsOf(query);
  const Plan plan = spark_plans::Aggregate(
      spark_plans::Project(spark_plans::Project(slots, {{"", "*"}, {"u", is_usable}}), columns),
      Keys(keys), {{"", "count(*)"}});
  Cells cells;
  cells.num_features = bins.size();
  std::vector<std::int64_t> words(num_words);
  bool all_usable = true;
  const std::int64_t bytes_a_cell = static_cast<std::int64_t>(2 * bins.size() + 3 * sizeof(double));
  client->Query(plan, [&](const ArrowRows& batch) {
    for (std::int64_t row = 0; row < batch.num_rows; ++row) {
      if (batch.columns[0].Integer(row) == 0) {
        all_usable = false;
        continue;
      }
      const std::size_t first = cells.bins.size();
      cells.bins.resize(first + bins.size());
      for (std::size_t w = 0; w < num_words; ++w) words[w] = batch.columns[1 + w].Integer(row);
      bin_keys.Decode(words, std::span(cells.bins).subspan(first));
      cells.labels.push_back(batch.columns[1 + num_words].Number(row) + 0.0);
      cells.weights.push_back(batch.columns[2 + num_words].Number(row) + 0.0);
      cells.counts.push_back(batch.columns[3 + num_words].Integer(row));
    }
    // They are held twice while they are put in order.
    if (static_cast<std::int64_t>(cells.size()) * 2 * bytes_a_cell > limit_bytes) {
      RefuseMany("cells", limit_bytes,
                 fmt::format("{} of them came, and the rows do not collapse",
                             WithThousands(static_cast<std::int64_t>(cells.size()))));
    }
  });
  if (!all_usable) return std::nullopt;
  return Ordered(cells);
}

std::vector<ValueRange> FetchRanges(ConnectClient* client, const TrainingQuery& query) {
  std::vector<ProjectedColumn> extremes;
  for (std::size_t i = 0; i < query.features.size(); ++i) {
    for (const char* aggregate : {"min", "max"}) {
      extremes.push_back(
          {"", fmt::format("{0}({1}) FILTER (WHERE NOT isnan({1}))", aggregate, Slot(i))});
    }
  }
  std::vector<ValueRange> ranges(query.features.size(), {kNaN, kNaN});
  client->Query(spark_plans::Aggregate(SlotsOf(query), {}, extremes), [&](const ArrowRows& batch) {
    for (std::size_t i = 0; i < query.features.size() && batch.num_rows > 0; ++i) {
      ranges[i] = {batch.columns[2 * i].NumberOrNaN(0), batch.columns[2 * i + 1].NumberOrNaN(0)};
    }
  });
  return ranges;
}

std::vector<std::int64_t> FetchUnusable(ConnectClient* client, const TrainingQuery& query) {
  std::vector<std::string> columns;
  for (std::size_t i = 0; i < query.features.size(); ++i) columns.push_back(Slot(i));
  columns.emplace_back("y");
  if (query.weight) columns.emplace_back("w");
  std::vector<ProjectedColumn> unusable;
  for (const std::string& column : columns) {
    unusable.push_back({"", fmt::format("count_if(NOT {})", AreFiniteSql({column}))});
  }
  return client->QueryNumbers(spark_plans::Aggregate(SlotsOf(query), {}, unusable));
}

}  // namespace firesteel
