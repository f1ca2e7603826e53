// How many rows a second a forest of 32 trees predicts, on one thread. Checks every prediction
// against a walk through the trees one by one.

#include <benchmark/benchmark.h>

#include <vector>

#include "learn/gbt/gbt_trainer.h"
#include "model/tree_ensemble.h"
#include "shipping_rows.h"

namespace firesteel {
namespace {

void PredictForest(benchmark::State& state) {
  const MemoryRows rows = MakeShippingRows(static_cast<std::size_t>(state.range(0)));
  const MatrixView<const double> features(rows.features.data(), rows.labels.size(),
                                          rows.attributes.size());
  MemorySource source(MakeShippingRows(5000));
  const TrainedModel trained = TrainGbt(source, {.max_iter = 32}, {});
  const auto& model = dynamic_cast<const TreeEnsemble&>(*trained.model);
  std::vector<double> predictions(rows.labels.size());
  for (auto _ : state) {
    model.Predict(features, predictions);
    benchmark::DoNotOptimize(predictions.data());
  }
  for (std::size_t row = 0; row < predictions.size(); ++row) {
    double expected = 0.0;
    for (std::size_t t = 0; t < model.trees().size(); ++t) {
      const Tree& tree = model.trees()[t];
      expected += tree.nodes[tree.Leaf(features.row(row))].prediction * model.weights()[t];
    }
    if (predictions[row] != expected) {
      state.SkipWithError("a prediction is wrong");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PredictForest)->Arg(1000)->Arg(100000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace firesteel

BENCHMARK_MAIN();
