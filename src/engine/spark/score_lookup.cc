#include "engine/spark/score_lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
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

// Combinations of bins as the numbers of BinKeys, word by word.
using Combinations = std::vector<std::vector<std::int64_t>>;

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

std::optional<Combinations> CombinationsOf(const SeenRows& seen, std::span<const FeatureBins> bins,
                                           const BinKeys& keys) {
  const std::size_t width = bins.size(), num_words = keys.words().size();
  if (!seen.bins.empty() && !TellsApart(seen.bins, bins)) return std::nullopt;
  std::set<std::vector<std::int64_t>> distinct;
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
    distinct.insert(words);
    if (distinct.size() > kMaxCombinations) return std::nullopt;
  }
  Combinations combinations(num_words);
  for (const std::vector<std::int64_t>& row : distinct) {
    for (std::size_t i = 0; i < num_words; ++i) combinations[i].push_back(row[i]);
  }
  return combinations;
}

// The combinations of a plan that has the numbers of each row and whether it is usable. Nothing if
// a row is not, or if they are too many.
std::optional<Combinations> FetchCombinations(ConnectClient* client, const Plan& rows,
                                              std::size_t num_words) {
  std::vector<ProjectedColumn> group = {{"", kUsable}};
  for (std::size_t i = 0; i < num_words; ++i) group.push_back({"", Word(i)});
  Combinations combinations(num_words);
  bool all_usable = true;
  client->Query(spark_plans::Limit(spark_plans::Aggregate(rows, group, {}), kMaxCombinations + 1),
                [&](const ArrowRows& batch) {
                  for (std::int64_t row = 0; row < batch.num_rows; ++row) {
                    all_usable = all_usable && batch.columns[0].Integer(row) != 0;
                    for (std::size_t i = 0; i < num_words; ++i) {
                      combinations[i].push_back(batch.columns[1 + i].Integer(row));
                    }
                  }
                });
  if (!all_usable || combinations.front().size() > kMaxCombinations) return std::nullopt;
  return combinations;
}

// A table of words and scores in the plan itself.
Plan TableOf(const Combinations& combinations, const std::vector<double>& scores) {
  std::vector<ArrowNumbers> columns;
  for (std::size_t i = 0; i < combinations.size(); ++i) {
    columns.push_back({Word(i), combinations[i]});
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

std::optional<SeenRows> SeenInCells(const Relation& relation, const ScanColumn& features,
                                    std::span<const FeatureBins> bins, const Cells& cells) {
  SeenRows seen{.relation = relation.name(),
                .features = features,
                .bins = std::vector<FeatureBins>(bins.begin(), bins.end())};
  const std::size_t width = cells.num_features;
  const auto bins_of = [&](std::size_t cell) {
    return std::span<const std::uint16_t>(cells.bins).subspan(cell * width, width);
  };
  for (std::size_t cell = 0; cell < cells.size(); ++cell) {
    const auto combination = bins_of(cell);
    // Cells are in the order of their bins.
    if (cell > 0 && std::ranges::equal(combination, bins_of(cell - 1))) continue;
    if (seen.values.size() == width * kMaxCombinations) return std::nullopt;
    for (std::size_t i = 0; i < width; ++i) {
      seen.values.push_back(ValueIn(bins[i], combination[i]));
    }
  }
  return seen;
}

std::optional<SeenRows> SeenInRows(const Relation& relation, const ScanColumn& features,
                                   const DistinctRows& rows) {
  constexpr std::size_t kMaxNumbers = std::size_t{1} << 22;
  if (rows.size() * rows.num_features > kMaxNumbers) return std::nullopt;
  SeenRows seen{.relation = relation.name(), .features = features};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::span<const double> row = rows.row(i).first(rows.num_features);
    seen.values.insert(seen.values.end(), row.begin(), row.end());
  }
  return seen;
}

std::optional<SparkTable> LookUpScores(ConnectClient* client, const SparkTable& table,
                                       const VectorSlots& slots, const SeenRows* seen,
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
  for (std::size_t i = 0; i < bins.size(); ++i) columns.push_back({names[i], (*numbers)[i]});
  const BinKeys keys(bins, names);
  std::string is_usable = keys.is_usable();
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (bins[i].arity) is_usable += fmt::format(" AND {0} = floor({0})", names[i]);
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

  std::optional<Combinations> combinations;
  if (seen != nullptr) combinations = CombinationsOf(*seen, bins, keys);
  if (!combinations) combinations = FetchCombinations(client, rows, keys.words().size());
  if (!combinations) return std::nullopt;
  const std::size_t num_combinations = combinations->front().size();
  std::vector<double> values, scores(num_combinations);
  std::vector<std::int64_t> words(combinations->size());
  std::vector<std::uint16_t> bins_of(bins.size());
  for (std::size_t row = 0; row < num_combinations; ++row) {
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = (*combinations)[i][row];
    keys.Decode(words, bins_of);
    for (std::size_t i = 0; i < bins.size(); ++i) values.push_back(ValueIn(bins[i], bins_of[i]));
  }
  function(MatrixView<const double>(values.data(), num_combinations, bins.size()), scores);

  results.push_back({options.output_column,
                     fmt::format("coalesce(r.{}, CAST(raise_error('the rows changed while they "
                                 "were scored: run again') AS DOUBLE))",
                                 kScore)});
  return SparkTable{
      .plan = spark_plans::Project(
          spark_plans::Join(rows, TableOf(*combinations, scores), JoinType::kLeft, condition),
          results),
      .num_rows = table.num_rows};
}

}  // namespace firesteel
