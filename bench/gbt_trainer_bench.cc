// How long 32 trees take to train. Checks that the first tree saw every row and that the trees
// explain most of what can be explained.

#include <benchmark/benchmark.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "learn/gbt/plain_trainer.h"
#include "shipping_rows.h"

namespace firesteel {
namespace {

double MeanAbsoluteError(const TreeEnsemble& model, const TrainingData& data) {
  std::vector<double> predictions(data.labels.size());
  model.Predict(data.features, predictions);
  double sum = 0.0;
  for (std::size_t row = 0; row < predictions.size(); ++row) {
    sum += std::fabs(predictions[row] - data.labels[row]);
  }
  return sum / static_cast<double>(predictions.size());
}

void TrainPlain(benchmark::State& state) {
  const ShippingRows rows(static_cast<std::size_t>(state.range(0)));
  const TrainingData data = rows.Data();
  // Whole days add up exactly, so the root's sum is a number to check to the last bit.
  const double sum = std::accumulate(data.labels.begin(), data.labels.end(), 0.0);
  for (auto _ : state) {
    const TreeEnsemble model = TrainGbtPlain(data, {.max_iter = 32});
    state.PauseTiming();
    if (model.trees().size() != 32 || model.trees()[0].nodes[0].stats[1] != sum ||
        MeanAbsoluteError(model, data) > 1.5) {
      state.SkipWithError("the model is wrong");
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(TrainPlain)->Arg(9000)->Arg(900000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace firesteel

BENCHMARK_MAIN();
