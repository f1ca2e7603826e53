// How long a factorization machine of eight factors takes: 100 iterations of adamW with Spark's
// defaults on the features of shipping data, from rows in memory. Checks the number of updates, the
// way of training and that nothing overflowed.

#include <benchmark/benchmark.h>

#include <cmath>
#include <utility>
#include <vector>

#include "learn/factorization_machine/factorization_machine_trainer.h"
#include "learn/memory_source.h"
#include "shipping_rows.h"

namespace firesteel {
namespace {

void Train(benchmark::State& state, FactorizationMachineParameters parameters, const char* way) {
  parameters.seed = 1;
  MemorySource source(MakeShippingRows(static_cast<std::size_t>(state.range(0))));
  TrainedModel trained;
  for (auto _ : state) {
    trained = TrainFactorizationMachine(source, parameters,
                                        {.num_threads = static_cast<int>(state.range(1))});
  }
  if (trained.facts["num_iterations"] != parameters.max_iter ||
      trained.facts["trained_on"] != way || trained.facts["diverged"] != false) {
    state.SkipWithError("the model is wrong");
  }
  state.counters["groups"] = trained.facts["num_groups"].get<double>();
}

void TrainWithDefaults(benchmark::State& state) { Train(state, {}, "moments"); }
BENCHMARK(TrainWithDefaults)
    ->ArgNames({"rows", "threads"})
    ->ArgsProduct({{9005, 1'000'000}, {1}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// A batch of nearly all rows, so that rows are gone over, as Spark does.
void TrainOverRows(benchmark::State& state) {
  Train(state, {.mini_batch_fraction = 0.999}, "rows");
}
BENCHMARK(TrainOverRows)
    ->ArgNames({"rows", "threads"})
    ->ArgsProduct({{9005}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace firesteel

BENCHMARK_MAIN();
