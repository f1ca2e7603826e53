// Compares the trainer of learn/factorization_machine with the plain one, on data and parameters
// drawn from seeds: one for each hundred of FIRESTEEL_FUZZ_SEEDS; without it, 400.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "learn/factorization_machine/factorization_machine_trainer.h"
#include "oracle/plain_factorization_machine.h"

namespace firesteel {
namespace {

constexpr double kTolerance = 1e-8;  // Relative to 1 and the largest prediction.

struct Case {
  MemoryRows rows;
  FactorizationMachineParameters parameters;
};

double DrawValue(SplitMix64& random, std::size_t kind) {
  if (kind == 0) return random.NextDouble() * 4.0 - 1.0;
  if (kind == 1) return static_cast<double>(random.NextBelow(2));
  if (kind == 2) return random.NextBelow(5) == 0 ? random.NextDouble() : 0.0;
  return static_cast<double>(random.NextBelow(9)) / 4.0 - 0.5;
}

Case DrawCase(std::uint64_t seed) {
  SplitMix64 random(seed);
  const auto one_of = [&](const std::vector<double>& values) {
    return values[random.NextBelow(values.size())];
  };
  Case drawn;
  const std::size_t n = 1 + random.NextBelow(300);
  const std::size_t d = random.NextBelow(8) == 0 ? 30 : 1 + random.NextBelow(9);
  drawn.rows.attributes.resize(d);
  std::vector<std::size_t> kinds;
  // Few kinds at a time, so that rows collapse in some cases.
  for (std::size_t j = 0; j < d; ++j) kinds.push_back(random.NextBelow(1 + seed % 4 + 1));
  for (std::size_t row = 0; row < n; ++row) {
    double label = one_of({0.0, 1.0, 2.5});
    for (std::size_t j = 0; j < d; ++j) {
      drawn.rows.features.push_back(DrawValue(random, kinds[j] + 4 - 1 - seed % 4));
      label += drawn.rows.features.back() * static_cast<double>(j % 3);
    }
    drawn.rows.labels.push_back(label);
  }
  FactorizationMachineParameters& p = drawn.parameters;
  p.factor_size = static_cast<int>(one_of({1, 2, 5, 8}));
  p.fit_intercept = random.NextBelow(4) != 0;
  p.fit_linear = random.NextBelow(4) != 0;
  p.reg_param = one_of({0.0, 0.0, 0.01, 0.3});
  p.mini_batch_fraction = one_of({1.0, 1.0, 1.0, 0.6, 0.1});
  p.init_std = one_of({0.01, 0.2});
  p.max_iter = static_cast<int>(one_of({0, 1, 3, 12, 40}));
  p.solver = random.NextBelow(2) == 0 ? FactorizationMachineSolver::kGd
                                      : FactorizationMachineSolver::kAdamW;
  p.step_size =
      p.solver == FactorizationMachineSolver::kGd ? one_of({0.001, 0.01}) : one_of({0.01, 0.1});
  p.tol = one_of({1e-6, 0.0, 0.01});
  p.seed = static_cast<std::int64_t>(random.Next());
  return drawn;
}

int NumSeeds() {
  const char* const given = std::getenv("FIRESTEEL_FUZZ_SEEDS");
  return given != nullptr ? std::stoi(given) / 100 : 400;
}

TEST(FactorizationMachineFuzz, AgreesWithThePlainTrainer) {
  std::map<std::string, int> trained_on;
  for (int seed = 0; seed < NumSeeds(); ++seed) {
    const Case drawn = DrawCase(static_cast<std::uint64_t>(seed));
    MemorySource source(drawn.rows);
    const TrainedModel trained =
        TrainFactorizationMachine(source, drawn.parameters, {.num_threads = 1 + seed % 2});
    ++trained_on[trained.facts["trained_on"].get<std::string>()];
    const FactorizationMachine plain = TrainFactorizationMachinePlain(drawn.rows, drawn.parameters);
    const std::size_t n = drawn.rows.labels.size();
    const MatrixView<const double> rows(drawn.rows.features.data(), n, plain.num_features());
    std::vector<double> actual(n);
    std::vector<double> expected(n);
    trained.model->Predict(rows, actual);
    plain.Predict(rows, expected);
    double largest = 1.0;
    for (const double value : expected) largest = std::max(largest, std::fabs(value));
    for (std::size_t row = 0; row < n; ++row) {
      ASSERT_NEAR(actual[row], expected[row], kTolerance * largest)
          << "seed " << seed << ", row " << row << ", " << trained.facts;
    }
  }
  for (const char* way : {"moments", "groups", "rows"}) EXPECT_GT(trained_on[way], 0) << way;
}

}  // namespace
}  // namespace firesteel
