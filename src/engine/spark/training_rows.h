#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/spark/connect/connect_client.h"
#include "engine/spark/plans.h"

namespace firesteel {

/// A TrainingView said in SQL over a plan, each number as a double.
struct TrainingQuery {
  spark_plans::Plan plan;
  std::vector<std::string> features;
  std::string label;
  std::optional<std::string> weight;
  std::optional<std::int64_t> num_rows = {};  // Where that is known before a job counts them.
};

/// The same rows where `features` is the SQL of an array. One of another length is an error.
TrainingQuery QueryOfArray(const spark_plans::Plan& plan, const std::string& features,
                           std::size_t width, const std::string& label,
                           const std::optional<std::string>& weight);

/// The distinct rows of a TrainingView with their numbers: all that a learner can ask, of little
/// data in one job. A null is NaN, -0.0 is 0.0. Of few rows, the same one may come more than once.
struct DistinctRows {
  std::size_t num_features = 0;
  std::vector<double> values;        // Shape (n, num_features + 2): features, label, weight.
  std::vector<std::int64_t> counts;  // Shape (n).

  std::size_t size() const { return counts.size(); }
  std::span<const double> row(std::size_t i) const {
    return {values.data() + i * (num_features + 2), num_features + 2};
  }
};

/// Of more rows, values and cells are counted on the cluster.
inline constexpr std::int64_t kMaxFetchedRows = std::int64_t{1} << 18;

/// One job, which reads no more rows than that. Nothing if there are more.
std::optional<DistinctRows> FetchDistinctRows(ConnectClient* client, const TrainingQuery& query);

// What Engine's verbs of the same names say, of distinct rows.
std::vector<std::vector<WeightedValue>> DistinctValuesOf(const DistinctRows& rows,
                                                         std::span<const std::size_t> features);
std::optional<Cells> CellsOf(const DistinctRows& rows, std::span<const FeatureBins> bins);
std::vector<ValueRange> RangesOf(const DistinctRows& rows);
std::vector<std::int64_t> UnusableOf(const DistinctRows& rows, bool has_weight);

/// Whether no feature is null or NaN.
bool HasAllFeatures(const DistinctRows& rows);
bool HasNan(const std::vector<WeightedValue>& values);

/// Of the values of one feature.
ValueRange RangeOf(const std::vector<WeightedValue>& values);
/// Of the bins of one feature, as numbers.
ValueRange RangeOfBins(const Cells& cells, std::size_t feature);

/// The values of features, or of those with very many a part, chosen by a hash of the value: the
/// same in each run, and enough to choose thresholds by.
struct FetchedValues {
  std::vector<std::vector<WeightedValue>> values;
  std::vector<std::int64_t> one_in;  // Of each feature's values; 1: all of them.
};

// The same of all rows, one job each; three for values that don't fit. Both throw
// Error(kUnsupported) if what comes here takes more than `limit_bytes`.
FetchedValues FetchDistinctValues(ConnectClient* client, const TrainingQuery& query,
                                  std::span<const std::size_t> features, std::int64_t limit_bytes);
std::optional<Cells> FetchCells(ConnectClient* client, const TrainingQuery& query,
                                std::span<const FeatureBins> bins, std::int64_t limit_bytes);
std::vector<ValueRange> FetchRanges(ConnectClient* client, const TrainingQuery& query);
std::vector<std::int64_t> FetchUnusable(ConnectClient* client, const TrainingQuery& query);

}  // namespace firesteel
