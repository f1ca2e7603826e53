// How many rows a second a forest of 32 trees predicts, on one thread, Spark's and XGBoost's, and
// how long a lone row takes. Checks every prediction against a walk through the trees one by one.
// bench/predictors.py predicts the same with XGBoost's own library.

#include <benchmark/benchmark.h>

#include <vector>

#include "learn/gbt/gbt_trainer.h"
#include "learn/xgboost/xgboost_trainer.h"
#include "model/tree_ensemble.h"
#include "model/xgboost_model.h"
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

XgboostParameters ThirtyTwoTrees() {
  XgboostParameters parameters;
  parameters.n_estimators = 32;
  parameters.own = {{"max_depth", "5"}, {"eta", "0.1"}};
  return parameters;
}

void PredictXgboost(benchmark::State& state) {
  const auto num_rows = static_cast<std::size_t>(state.range(0));
  const MemoryRows rows = MakeShippingRows(num_rows);
  const MatrixView<const double> features(rows.features.data(), num_rows, rows.attributes.size());
  MemorySource source(MakeShippingRows(5000));
  const TrainedModel trained = TrainXgboost(source, ThirtyTwoTrees(), {});
  const auto& model = dynamic_cast<const XgboostModel&>(*trained.model);
  std::vector<double> predictions(num_rows);
  for (auto _ : state) {
    model.Predict(features, predictions);
    benchmark::DoNotOptimize(predictions.data());
  }
  for (std::size_t row = 0; row < num_rows; ++row) {
    float margin = model.base_margin();
    for (const XgboostTree& tree : model.trees()) {
      const XgboostNode* node = &tree.nodes[0];
      while (!node->is_leaf()) {
        const auto value =
            static_cast<float>(features(row, static_cast<std::size_t>(node->feature)));
        node = &tree.nodes[static_cast<std::size_t>(value < node->cut ? node->left : node->right)];
      }
      margin += node->leaf;
    }
    if (predictions[row] != margin) {
      state.SkipWithError("a prediction is wrong");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(PredictXgboost)->Arg(1)->Arg(1000)->Arg(100000);

}  // namespace
}  // namespace firesteel

BENCHMARK_MAIN();
