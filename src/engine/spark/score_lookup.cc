#include "engine/spark/score_lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/spark/bin_keys.h"
#include "engine/spark/connect/arrow_rows.h"
#include "engine/spark/plans.h"

namespace firesteel {
namespace {

using spark_plans::Plan;
using spark_plans::ProjectedColumn;
using spark_plans::Quote;

constexpr int kMaxCombinations = 1 << 17;
constexpr std::size_t kMaxSeenNumbers = std::size_t{1} << 22;
// Of all features together: SQL that is much longer takes seconds to compile.
constexpr std::size_t kMaxBins = 1'024;

constexpr const char* kUsable = "fs_score_usable";
constexpr const char* kScore = "fs_score";

std::string Number(std::size_t i) { return fmt::format("fs_score_number_{}", i); }
std::string Word(std::size_t i) { return fmt::format("fs_score_word_{}", i); }

// A value that falls into a bin.
double ValueIn(const FeatureBins& bins, std::uint16_t bin) {
  if (bins.arity) return bin;
  if (bins.thresholds.empty()) return 0.0;
  if (bin < bins.thresholds.size()) return bins.thresholds[bin];
  return std::nextafter(bins.thresholds.back(), std::numeric_limits<double>::infinity());
}

// Kinds of rows by the numbers of BinKeys, word by word, each kind at least once.
struct RowKinds {
  std::vector<std::vector<std::int64_t>> words;
  // Where rows are counted: the values of columns beside them, shape (n, columns), and how many
  // rows there are of each kind.
  std::vector<double> beside = {};
  std::vector<std::int64_t> counts = {};

  std::size_t size() const { return words.front().size(); }
};

// Whether what a training could not tell apart a model does not either.
bool TellsApart(std::span<const FeatureBins> training, std::span<const FeatureBins> model) {
  for (std::size_t i = 0; i < training.size(); ++i) {
    const std::vector<double>&all = training[i].thresholds, &some = model[i].thresholds;
    if (model[i].arity && model[i].arity != training[i].arity) return false;
    if (training[i].arity && !some.empty()) return false;
    if (!std::includes(all.begin(), all.end(), some.begin(), some.end())) return false;
  }
  return true;
}

std::optional<RowKinds> KindsOf(const SeenRows& seen, std::span<const FeatureBins> bins,
                                const BinKeys& keys) {
  const std::size_t width = bins.size(), num_words = keys.words().size();
  if (!seen.bins.empty() && !TellsApart(seen.bins, bins)) return std::nullopt;
  RowKinds kinds{.words = std::vector<std::vector<std::int64_t>>(num_words),
                 .beside = seen.labels,
                 .counts = seen.counts};
  std::vector<std::uint16_t> bins_of(width);
  std::vector<std::int64_t> words(num_words);
  for (std::size_t begin = 0; begin < seen.values.size(); begin += width) {
    for (std::size_t i = 0; i < width; ++i) {
      const double value = seen.values[begin + i];
      const bool is_category =
          value >= 0.0 && value < bins[i].arity.value_or(0) && value == std::floor(value);
      if (!std::isfinite(value) || (bins[i].arity && !is_category)) return std::nullopt;
      bins_of[i] = bins[i].BinOf(value);
    }
    keys.Encode(bins_of, words);
    for (std::size_t i = 0; i < num_words; ++i) kinds.words[i].push_back(words[i]);
  }
  return kinds;
}

struct UnusableRow {};

// The kinds of rows of a plan that has the numbers of each and whether it is usable, apart by the
// columns `beside` and counted if there are any. Nothing if they are too many. Throws UnusableRow.
std::optional<RowKinds> FetchKinds(ConnectClient* client, const Plan& rows, std::size_t num_words,
                                   const std::vector<std::string>& beside) {
  std::vector<ProjectedColumn> group = {{"", kUsable}}, counts;
  for (std::size_t i = 0; i < num_words; ++i) group.push_back({"", Word(i)});
  for (const std::string& column : beside) {
    group.push_back({"", fmt::format("CAST({} AS DOUBLE)", Quote(column))});
  }
  if (!beside.empty()) counts.push_back({"", "count(*)"});
  RowKinds kinds{.words = std::vector<std::vector<std::int64_t>>(num_words)};
  bool all_usable = true;
  client->Query(
      spark_plans::Limit(spark_plans::Aggregate(rows, group, counts), kMaxCombinations + 1),
      [&](const ArrowRows& batch) {
        for (std::int64_t row = 0; row < batch.num_rows; ++row) {
          auto column = batch.columns.begin();
          if ((column++)->Integer(row) == 0) all_usable = false;
          for (std::vector<std::int64_t>& word : kinds.words) {
            word.push_back((column++)->Integer(row));
          }
          for (std::size_t i = 0; i < beside.size(); ++i) {
            kinds.beside.push_back((column++)->NumberOrNaN(row));
          }
          if (!beside.empty()) kinds.counts.push_back(column->Integer(row));
        }
      });
  if (!all_usable) throw UnusableRow{};
  if (kinds.size() > kMaxCombinations) return std::nullopt;
  return kinds;
}

// Each combination of words once, and which of them the rows of each kind have.
struct Combinations {
  std::vector<std::vector<std::int64_t>> words;  // Word by word, in order.
  std::vector<std::size_t> of;                   // By the number of the kind.

  std::size_t size() const { return words.front().size(); }
};

Combinations CombinationsOf(const RowKinds& kinds) {
  const auto have_same = [&](std::size_t left, std::size_t right) {
    return std::all_of(kinds.words.begin(), kinds.words.end(),
                       [&](const auto& word) { return word[left] == word[right]; });
  };
  std::vector<std::size_t> order(kinds.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    for (const std::vector<std::int64_t>& word : kinds.words) {
      if (word[left] != word[right]) return word[left] < word[right];
    }
    return false;
  });
  Combinations combinations{.words = std::vector<std::vector<std::int64_t>>(kinds.words.size()),
                            .of = std::vector<std::size_t>(kinds.size())};
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || !have_same(order[i - 1], order[i])) {
      for (std::size_t k = 0; k < kinds.words.size(); ++k) {
        combinations.words[k].push_back(kinds.words[k][order[i]]);
      }
    }
    combinations.of[order[i]] = combinations.size() - 1;
  }
  return combinations;
}

// What can be counted beside the predictions: nothing unless all that was asked for.
std::vector<std::string> CountedBeside(const KnownRows& known, const SparkTable& table,
                                       const Schema& schema,
                                       const std::vector<std::string>& columns) {
  const bool is_cheap =
      known.are_alike || (table.num_rows && *table.num_rows <= std::int64_t{kMaxCombinations});
  const bool is_possible = std::all_of(columns.begin(), columns.end(), [&](const auto& column) {
    return schema.Find(column) && schema.Get(column).type.IsNumeric();
  });
  return is_cheap && is_possible ? columns : std::vector<std::string>();
}

CountedRows CountedOf(const RowKinds& kinds, const std::vector<std::string>& beside,
                      const Combinations& combinations, const std::vector<double>& scores,
                      const std::string& output) {
  CountedRows counted{.counts = kinds.counts};
  for (std::size_t i = 0; i < beside.size(); ++i) counted.columns[AsciiLower(beside[i])] = i;
  counted.columns[AsciiLower(output)] = beside.size();
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    const auto begin = kinds.beside.begin() + static_cast<std::ptrdiff_t>(kind * beside.size());
    counted.values.insert(counted.values.end(), begin,
                          begin + static_cast<std::ptrdiff_t>(beside.size()));
    counted.values.push_back(scores[combinations.of[kind]]);
  }
  return counted;
}

// A table of words and scores in the plan itself.
Plan TableOf(const Combinations& combinations, const std::vector<double>& scores) {
  std::vector<ArrowNumbers> columns;
  for (std::size_t i = 0; i < combinations.words.size(); ++i) {
    columns.push_back({Word(i), combinations.words[i]});
  }
  columns.push_back({kScore, scores});
  Plan table;
  table.mutable_local_relation()->set_data(WriteArrowStream(columns));
  // Few enough for each task to hold, whatever the server thinks of tables' sizes.
  Plan hinted;
  *hinted.mutable_hint()->mutable_input() = std::move(table);
  hinted.mutable_hint()->set_name("broadcast");
  return hinted;
}

}  // namespace

std::optional<SeenRows> SeenInCells(const TrainingView& view, std::span<const FeatureBins> bins,
                                    const Cells& cells) {
  if (cells.bins.size() > kMaxSeenNumbers) return std::nullopt;
  SeenRows seen{.features = view.features,
                .label = view.label,
                .bins = std::vector<FeatureBins>(bins.begin(), bins.end()),
                .values = {},
                .labels = cells.labels,
                .counts = cells.counts};
  for (std::size_t i = 0; i < cells.bins.size(); ++i) {
    seen.values.push_back(ValueIn(bins[i % cells.num_features], cells.bins[i]));
  }
  return seen;
}

std::optional<SeenRows> SeenInRows(const TrainingView& view, const DistinctRows& rows) {
  if (rows.size() * rows.num_features > kMaxSeenNumbers) return std::nullopt;
  SeenRows seen{.features = view.features, .label = view.label, .counts = rows.counts};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<const double> row = rows.row(i);
    const std::span<const double> features = row.first(rows.num_features);
    seen.values.insert(seen.values.end(), features.begin(), features.end());
    seen.labels.push_back(row[rows.num_features]);
  }
  return seen;
}

std::optional<SparkTable> LookUpScores(ConnectClient* client, const SparkTable& table,
                                       const VectorSlots& slots, const KnownRows& known,
                                       const Schema& schema, const ScoreOptions& options,
                                       const RowFunction& function) {
  const std::vector<FeatureBins>& bins = *options.bins;
  const std::optional<std::vector<std::string>> numbers =
      NumbersOf(slots, options.features.name, options.features.width);
  std::size_t num_bins = 0;
  for (const FeatureBins& feature : bins) num_bins += feature.num_bins();
  if (!numbers || numbers->size() != bins.size() || num_bins > kMaxBins) return std::nullopt;

  // The table's columns, then each number of the features once.
  std::vector<ProjectedColumn> columns, results;
  std::vector<std::string> names;
  std::string features;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    names.push_back(Number(i));
    features += fmt::format("{}l.{}", i == 0 ? "" : ", ", names.back());
  }
  for (const Field& field : schema.fields()) {
    const std::string name = Quote(field.name);
    const bool is_features = EqualsIgnoringCase(field.name, options.features.name);
    if (field.type == kVectorType && !is_features) return std::nullopt;
    if (!is_features) columns.push_back({field.name, name});
    results.push_back(
        {field.name, is_features ? fmt::format("array({})", features) : fmt::format("l.{}", name)});
  }
  for (std::size_t i = 0; i < bins.size(); ++i)
    columns.push_back({names[i], NanForNullSql((*numbers)[i])});
  const BinKeys keys(bins, names);
  std::string is_usable = keys.is_usable();
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (bins[i].arity) is_usable += fmt::format(" AND {0} = rint({0})", names[i]);
  }
  const Plan numbered = spark_plans::Project(spark_plans::Project(slots.plan, columns),
                                             {{"", "*"}, {kUsable, is_usable}});
  std::vector<ProjectedColumn> with_words = {{"", "*"}};
  std::string condition;
  for (std::size_t i = 0; i < keys.words().size(); ++i) {
    with_words.push_back({Word(i), fmt::format("IF({}, {}, -1L)", kUsable, keys.words()[i])});
    condition += fmt::format("{}l.{} = r.{}", i == 0 ? "" : " AND ", Word(i), Word(i));
  }
  const Plan rows = spark_plans::Project(numbered, with_words);

  std::vector<std::string> beside;
  std::optional<RowKinds> kinds;
  if (known.seen != nullptr) {
    kinds = KindsOf(*known.seen, bins, keys);
    beside = {known.seen->label};
  }
  try {
    if (!kinds) {
      beside = CountedBeside(known, table, schema, options.counted_with);
      kinds = FetchKinds(client, rows, keys.words().size(), beside);
    }
    if (!kinds && !beside.empty()) kinds = FetchKinds(client, rows, keys.words().size(), {});
  } catch (const UnusableRow&) {
    return std::nullopt;
  }
  if (!kinds) return std::nullopt;
  const Combinations combinations = CombinationsOf(*kinds);
  if (combinations.size() > kMaxCombinations) return std::nullopt;
  std::vector<double> values, scores(combinations.size());
  std::vector<std::int64_t> words(combinations.words.size());
  std::vector<std::uint16_t> bins_of(bins.size());
  for (std::size_t row = 0; row < combinations.size(); ++row) {
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = combinations.words[i][row];
    keys.Decode(words, bins_of);
    for (std::size_t i = 0; i < bins.size(); ++i) values.push_back(ValueIn(bins[i], bins_of[i]));
  }
  function(MatrixView<const double>(values.data(), combinations.size(), bins.size()), scores);

  results.push_back({options.output_column,
                     fmt::format("coalesce(r.{}, CAST(raise_error('the rows changed while they "
                                 "were scored: run again') AS DOUBLE))",
                                 kScore)});
  SparkTable scored{
      .plan = spark_plans::Project(
          spark_plans::Join(rows, TableOf(combinations, scores), JoinType::kLeft, condition),
          results),
      .num_rows = table.num_rows,
      .is_looked_up = true};
  if (!kinds->counts.empty()) {
    scored.counted = CountedOf(*kinds, beside, combinations, scores, options.output_column);
  }
  return scored;
}

}  // namespace firesteel
