// How long 32 trees of depth 5 take to train once values and cells are gathered. Checks that the
// first tree saw every row and that the trees explain most of what can be explained.

#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "learn/gbt/feature_bins.h"
#include "learn/gbt/gbt_trainer.h"
#include "learn/memory_source.h"
#include "model/tree_ensemble.h"
#include "shipping_rows.h"

namespace firesteel {
namespace {

// Hands out what another source gathered once.
class GatheredSource : public TrainingSource {
 public:
  GatheredSource(TrainingSource& source, int max_bins) : source_(source) {
    for (std::size_t i = 0; i < source.attributes().size(); ++i) {
      if (source.attributes()[i].kind == Attribute::Kind::kNumeric) continuous_.push_back(i);
    }
    values_ = source.DistinctValues(continuous_);
    cells_ = source.MakeCells(ChooseBins(source, max_bins));
  }

  std::int64_t num_rows() const override { return source_.num_rows(); }
  const std::vector<Attribute>& attributes() const override { return source_.attributes(); }
  std::vector<std::vector<WeightedValue>> DistinctValues(std::span<const std::size_t>) override {
    return values_;
  }
  Cells MakeCells(std::span<const FeatureBins>) override { return cells_; }
  void Scan(const std::function<void(MatrixView<const double>)>& visitor) override {
    source_.Scan(visitor);
  }
  TrainingSource* held_out() override { return nullptr; }

 private:
  TrainingSource& source_;
  std::vector<std::size_t> continuous_;
  std::vector<std::vector<WeightedValue>> values_;
  Cells cells_;
};

// Ten continuous features and a label that are different in every row.
MemoryRows MakeDistinctRows(std::size_t num_rows) {
  SplitMix64 random(5);
  MemoryRows rows = {.attributes = std::vector<Attribute>(10), .features = {}, .labels = {}};
  for (std::size_t row = 0; row < num_rows; ++row) {
    double label = 0.2 * random.NextDouble();
    for (int feature = 0; feature < 10; ++feature) {
      rows.features.push_back(random.NextDouble());
      label += rows.features.back() * (feature - 4.5) / 10.0;
    }
    rows.labels.push_back(label);
  }
  return rows;
}

double MeanAbsoluteError(const Regressor& model, const MemoryRows& rows) {
  std::vector<double> predictions(rows.labels.size());
  model.Predict({rows.features.data(), rows.labels.size(), rows.attributes.size()}, predictions);
  double sum = 0.0;
  for (std::size_t row = 0; row < predictions.size(); ++row) {
    sum += std::fabs(predictions[row] - rows.labels[row]);
  }
  return sum / static_cast<double>(predictions.size());
}

void Train(benchmark::State& state, const MemoryRows& rows, double largest_error, Loss loss) {
  MemorySource memory(rows);
  GatheredSource source(memory, 32);
  const GbtParameters parameters = {.max_iter = 32, .loss = loss};
  const double sum = std::accumulate(rows.labels.begin(), rows.labels.end(), 0.0);
  TrainedModel trained;
  for (auto _ : state) {
    trained = TrainGbt(source, parameters, {.num_threads = static_cast<int>(state.range(1))});
  }
  const auto& forest = dynamic_cast<const TreeEnsemble&>(*trained.model);
  if (forest.trees().size() != 32 ||
      std::fabs(forest.trees()[0].nodes[0].stats[1] - sum) > 1e-9 * std::fabs(sum) ||
      MeanAbsoluteError(forest, rows) > largest_error) {
    state.SkipWithError("the model is wrong");
  }
  state.counters["cells"] = trained.facts["num_cells"].get<double>();
  state.counters["combinations"] = trained.facts["num_bin_combinations"].get<double>();
}

void TrainOnShippingRows(benchmark::State& state) {
  Train(state, MakeShippingRows(static_cast<std::size_t>(state.range(0))), 1.0, Loss::kSquared);
}
BENCHMARK(TrainOnShippingRows)
    ->ArgNames({"rows", "threads"})
    ->ArgsProduct({{9005, 1'000'000}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void TrainOnShippingRowsWithAbsoluteLoss(benchmark::State& state) {
  Train(state, MakeShippingRows(static_cast<std::size_t>(state.range(0))), 1.0, Loss::kAbsolute);
}
BENCHMARK(TrainOnShippingRowsWithAbsoluteLoss)
    ->ArgNames({"rows", "threads"})
    ->Args({9005, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void TrainOnDistinctRows(benchmark::State& state) {
  Train(state, MakeDistinctRows(static_cast<std::size_t>(state.range(0))), 0.2, Loss::kSquared);
}
BENCHMARK(TrainOnDistinctRows)
    ->ArgNames({"rows", "threads"})
    ->ArgsProduct({{1'000'000}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace firesteel

BENCHMARK_MAIN();
