#include "learn/factorization_machine/factorization_machine_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "learn/memory_source.h"
#include "model/factorization_machine.h"

namespace firesteel {
namespace {

// The rows of spec I.4.
MemoryRows SpecRows() {
  return {.attributes = std::vector<Attribute>(3),
          .features = {1, 0, 2, 0, 1, 0, 1, 0, 0.5, 1, 1, 1},
          .labels = {1, 3, 2, 4}};
}

FactorizationMachineParameters SpecParameters(int max_iter) {
  return {.factor_size = 2, .init_std = 0.1, .max_iter = max_iter, .step_size = 0.1, .seed = 42};
}

FactorizationMachine Train(MemoryRows rows, const FactorizationMachineParameters& parameters,
                           nlohmann::ordered_json* facts = nullptr) {
  MemorySource source(std::move(rows));
  TrainedModel trained = TrainFactorizationMachine(source, parameters, {.num_threads = 2});
  if (facts != nullptr) *facts = trained.facts;
  return dynamic_cast<const FactorizationMachine&>(*trained.model);
}

std::vector<double> Predict(const FactorizationMachine& machine, const MemoryRows& rows) {
  std::vector<double> out(rows.labels.size());
  machine.Predict({rows.features.data(), out.size(), machine.num_features()}, out);
  return out;
}

void ExpectNear(const std::vector<double>& actual, const std::vector<double>& expected,
                double tolerance = 1e-13) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], tolerance) << i;
}

// Outputs of Spark 4.3.0 here and below. Source: spec I.4.
TEST(FactorizationMachineTrainer, BeginsWithSparksFactors) {
  const FactorizationMachine machine = Train(SpecRows(), SpecParameters(0));
  EXPECT_EQ(machine.parameters().factors,
            (std::vector<double>{0.11419053154730548, 0.09194079489827879, -0.09498666368908959,
                                 -0.11069902863993378, 0.02809776380727795, 0.06846227956326555}));
  EXPECT_EQ(machine.parameters().linear, std::vector<double>(3, 0.0));
  EXPECT_EQ(machine.parameters().bias, 0.0);
}

TEST(FactorizationMachineTrainer, GivesSparksNumbersWithAdamW) {
  const FactorizationMachine one = Train(SpecRows(), SpecParameters(1));
  ExpectNear(one.parameters().factors,
             {0.014190542308484932, 0.1919407338396093, 0.005013332815938562, -0.010699031740208462,
              0.12809775899024392, 0.1684622693938352});
  ExpectNear(one.parameters().linear,
             {0.09999999971420455, 0.09999999971517151, 0.09999999971352376});
  EXPECT_NEAR(one.parameters().bias, 0.09999999979996023, 1e-15);
  const FactorizationMachine two = Train(SpecRows(), SpecParameters(2));
  ExpectNear(two.parameters().factors,
             {0.06956914481382569, 0.26877216662299264, 0.1045254796918141, 0.0858516931234963,
              0.2101410442880453, 0.2542369869750388});
  ExpectNear(Predict(two, SpecRows()),
             {0.9617475788956633, 0.3989797113102918, 0.5392907228912226, 0.9538752853844459});
}

TEST(FactorizationMachineTrainer, GivesSparksNumbersWithGd) {
  FactorizationMachineParameters parameters = SpecParameters(2);
  parameters.solver = FactorizationMachineSolver::kGd;
  parameters.reg_param = 0.01;
  const FactorizationMachine machine = Train(SpecRows(), parameters);
  ExpectNear(machine.parameters().linear,
             {0.4506949917305102, 0.5138373139069059, 0.4124749694663674});
  EXPECT_NEAR(machine.parameters().bias, 0.6765679373368331, 1e-14);
  ExpectNear(Predict(machine, SpecRows()),
             {1.976516002778411, 1.1904052512437389, 1.3395761974951104, 2.047007918811878});
}

TEST(FactorizationMachineTrainer, TellsOfItsTraining) {
  nlohmann::ordered_json facts;
  Train(SpecRows(), SpecParameters(2), &facts);
  EXPECT_EQ(facts["trained_on"], "groups");
  EXPECT_EQ(facts["num_rows"], 4);
  EXPECT_EQ(facts["num_groups"], 4);
  EXPECT_EQ(facts["num_iterations"], 2);
  EXPECT_EQ(facts["converged"], false);
  EXPECT_EQ(facts["diverged"], false);
  // Before the second update the predictions are those of spec I.4 after one: 0.468…, 0.2, 0.267…,
  // 0.431…; squared errors 0.2827, 7.84, 3.0030, 12.7377, mean 5.9658.
  EXPECT_NEAR(facts["last_loss"].get<double>(), 5.9658, 1e-3);
}

TEST(FactorizationMachineTrainer, StopsWhenStepsAreSmall) {
  FactorizationMachineParameters parameters = SpecParameters(500);
  parameters.tol = 0.02;
  parameters.solver = FactorizationMachineSolver::kGd;
  nlohmann::ordered_json facts;
  Train(SpecRows(), parameters, &facts);
  EXPECT_EQ(facts["converged"], true);
  EXPECT_LT(facts["num_iterations"], 500);
  EXPECT_GE(facts["num_iterations"], 2);
}

TEST(FactorizationMachineTrainer, RowsAreTakenWhereABatchIsDrawn) {
  FactorizationMachineParameters parameters = SpecParameters(30);
  parameters.mini_batch_fraction = 0.05;
  nlohmann::ordered_json facts;
  Train(SpecRows(), parameters, &facts);
  EXPECT_EQ(facts["trained_on"], "rows");
  // Most batches of four rows are empty, and nothing is updated then.
  EXPECT_LT(facts["num_iterations"], 20);
}

// Whole numbers, so that sums don't depend on their order.
MemoryRows DrawRows(std::size_t num_rows) {
  SplitMix64 random(4);
  MemoryRows rows = {.attributes = std::vector<Attribute>(4), .features = {}, .labels = {}};
  for (std::size_t row = 0; row < num_rows; ++row) {
    double label = static_cast<double>(random.NextBelow(3));
    for (std::size_t j = 0; j < 4; ++j) {
      const auto value = static_cast<double>(random.NextBelow(4));
      rows.features.push_back(value + 10.0 * static_cast<double>(j));
      label += value * static_cast<double>(j);
    }
    rows.labels.push_back(label + rows.features[row * 4] * rows.features[row * 4 + 1] / 8.0);
  }
  return rows;
}

TEST(FactorizationMachineTrainer, RowOrderChangesNothing) {
  const FactorizationMachineParameters parameters = {.max_iter = 50, .step_size = 0.1};
  const MemoryRows rows = DrawRows(2000);
  MemoryRows reversed = {.attributes = rows.attributes, .features = {}, .labels = rows.labels};
  std::reverse(reversed.labels.begin(), reversed.labels.end());
  for (std::size_t row = rows.labels.size(); row-- > 0;) {
    const auto first = rows.features.begin() + static_cast<std::ptrdiff_t>(row * 4);
    reversed.features.insert(reversed.features.end(), first, first + 4);
  }
  nlohmann::ordered_json facts;
  const FactorizationMachine one = Train(rows, parameters, &facts);
  EXPECT_EQ(facts["trained_on"], "moments");
  EXPECT_LE(facts["num_groups"], 256);
  const FactorizationMachine other = Train(reversed, parameters);
  EXPECT_EQ(one.parameters().factors, other.parameters().factors);
  EXPECT_EQ(one.parameters().linear, other.parameters().linear);
  EXPECT_EQ(one.parameters().bias, other.parameters().bias);
}

TEST(FactorizationMachineTrainer, DivergesAsSparkDoes) {
  const FactorizationMachineParameters parameters = {
      .max_iter = 200, .step_size = 100.0, .solver = FactorizationMachineSolver::kGd};
  nlohmann::ordered_json facts;
  const MemoryRows rows = DrawRows(100);
  const FactorizationMachine machine = Train(rows, parameters, &facts);
  EXPECT_EQ(facts["diverged"], true);
  EXPECT_FALSE(facts.contains("last_loss"));
  for (const double prediction : Predict(machine, rows)) EXPECT_FALSE(std::isfinite(prediction));
}

TEST(FactorizationMachineTrainer, StandardizedModelTakesFeaturesAsTheyAre) {
  // Training on features that were scaled by hand must predict the same.
  const MemoryRows rows = DrawRows(600);
  MemoryRows scaled = rows;
  for (std::size_t j = 0; j < 4; ++j) {
    double mean = 0.0;
    double squares = 0.0;
    for (std::size_t row = 0; row < 600; ++row) mean += rows.features[row * 4 + j] / 600.0;
    for (std::size_t row = 0; row < 600; ++row) {
      squares += std::pow(rows.features[row * 4 + j] - mean, 2.0);
    }
    for (std::size_t row = 0; row < 600; ++row) {
      double& value = scaled.features[row * 4 + j];
      value = (value - mean) / std::sqrt(squares / 599.0);
    }
  }
  for (const bool with_terms : {true, false}) {
    FactorizationMachineParameters parameters = {.fit_intercept = with_terms,
                                                 .fit_linear = with_terms,
                                                 .init_std = 0.1,
                                                 .max_iter = 40,
                                                 .step_size = 0.1,
                                                 .seed = 3};
    const std::vector<double> expected = Predict(Train(scaled, parameters), scaled);
    parameters.standardize = true;
    ExpectNear(Predict(Train(rows, parameters), rows), expected, 1e-9);
  }
}

TEST(FactorizationMachineTrainer, RefusesRowsWithoutFeatures) {
  MemorySource source({.attributes = {}, .features = {}, .labels = {1, 2}});
  EXPECT_THROW(TrainFactorizationMachine(source, {}, {}), Error);
}

}  // namespace
}  // namespace firesteel
