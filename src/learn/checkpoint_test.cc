#include "learn/checkpoint.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "learn/checkpoint_fixture.h"
#include "learn/factorization_machine/factorization_machine_trainer.h"
#include "learn/gbt/gbt_trainer.h"
#include "learn/memory_source.h"
#include "learn/training_state.h"
#include "model/factorization_machine.h"
#include "model/tree_ensemble.h"
#ifdef FIRESTEEL_XGBOOST
#include "learn/xgboost/xgboost_trainer.h"
#include "model/xgboost_model.h"
#endif

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;
using Random = std::mt19937;

std::size_t Below(Random* random, std::size_t bound) { return (*random)() % bound; }

// Rows of continuous features and, if asked for, a nominal one, with labels that are no whole
// numbers, so that sums are not free of rounding.
MemoryRows DrawRows(Random* random, bool has_nominal) {
  MemoryRows rows;
  const std::size_t num_rows = 30 + Below(random, 200);
  const std::size_t d = 1 + Below(random, 4);
  rows.attributes.resize(d);
  if (has_nominal) {
    rows.attributes[0].kind = Attribute::Kind::kNominal;
    rows.attributes[0].num_values = 5;
  }
  const std::size_t num_values = 3 + Below(random, 60);
  for (std::size_t row = 0; row < num_rows; ++row) {
    double label = static_cast<double>(Below(random, 100)) / 17.0;
    for (std::size_t i = 0; i < d; ++i) {
      const bool is_nominal = has_nominal && i == 0;
      const double value = is_nominal ? static_cast<double>(Below(random, 5))
                                      : static_cast<double>(Below(random, num_values)) / 7.0;
      rows.features.push_back(value);
      label += std::sin(value * static_cast<double>(i + 1));
    }
    rows.labels.push_back(label);
  }
  return rows;
}

void DrawWeights(Random* random, MemoryRows* rows) {
  for (std::size_t i = 0; i < rows->labels.size(); ++i) {
    rows->weights.push_back(0.5 + static_cast<double>(Below(random, 3)));
  }
}

void HoldOut(MemoryRows* rows) {
  for (std::size_t i = 0; i < rows->labels.size(); ++i) rows->held_out.push_back(i % 4 == 1);
}

std::uint64_t Bits(double number) { return std::bit_cast<std::uint64_t>(number); }

void ExpectSameBits(std::span<const double> one, std::span<const double> other) {
  ASSERT_EQ(one.size(), other.size());
  for (std::size_t i = 0; i < one.size(); ++i) ASSERT_EQ(Bits(one[i]), Bits(other[i])) << i;
}

void ExpectSameModel(const Regressor& one, const Regressor& other) {
  if (const auto* trees = dynamic_cast<const TreeEnsemble*>(&one)) {
    const auto& others = dynamic_cast<const TreeEnsemble&>(other);
    ExpectSameBits(trees->weights(), others.weights());
    ASSERT_EQ(trees->trees().size(), others.trees().size());
    for (std::size_t m = 0; m < trees->trees().size(); ++m) {
      const std::vector<TreeNode>& nodes = trees->trees()[m].nodes;
      const std::vector<TreeNode>& other_nodes = others.trees()[m].nodes;
      ASSERT_EQ(nodes.size(), other_nodes.size()) << "tree " << m;
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        const TreeNode& a = nodes[i];
        const TreeNode& b = other_nodes[i];
        const double numbers[] = {a.prediction, a.impurity, a.stats[0], a.stats[1],
                                  a.stats[2],   a.gain,     a.threshold};
        const double other_numbers[] = {b.prediction, b.impurity, b.stats[0], b.stats[1],
                                        b.stats[2],   b.gain,     b.threshold};
        ExpectSameBits(numbers, other_numbers);
        ASSERT_EQ(a.num_rows, b.num_rows);
        ASSERT_EQ(a.left, b.left);
        ASSERT_EQ(a.right, b.right);
        ASSERT_EQ(a.feature, b.feature);
        ASSERT_EQ(a.arity, b.arity);
        ASSERT_EQ(a.left_categories, b.left_categories);
      }
    }
    return;
  }
  if (const auto* machine = dynamic_cast<const FactorizationMachine*>(&one)) {
    const auto& parameters = machine->parameters();
    const auto& others = dynamic_cast<const FactorizationMachine&>(other).parameters();
    EXPECT_EQ(Bits(parameters.bias), Bits(others.bias));
    ExpectSameBits(parameters.linear, others.linear);
    ExpectSameBits(parameters.factors, others.factors);
    return;
  }
#ifdef FIRESTEEL_XGBOOST
  EXPECT_EQ(dynamic_cast<const XgboostModel&>(one).file(),
            dynamic_cast<const XgboostModel&>(other).file());
#else
  FAIL() << "no such model";
#endif
}

// An interruption after any iteration, and another after the first, leave the model as it is.
void ExpectSameAfterInterruptions(Random* random, const Trainer& train, int num_iterations) {
  const TrainedModel whole = train({});
  int num_left = 0;
  for (int round = 0; round < 4; ++round) {
    const int last = 1 + static_cast<int>(Below(random, static_cast<std::size_t>(num_iterations)));
    std::optional<std::string> bytes = SaveAt(last, train);
    if (!bytes) continue;  // It stopped early.
    const TrainedModel resumed = TrainFrom(bytes, train, &num_left);
    ASSERT_LE(num_left, num_iterations - last);
    ExpectSameModel(*whole.model, *resumed.model);
    EXPECT_EQ(whole.facts, resumed.facts);

    const int later = last + 1 + static_cast<int>(Below(random, 3));
    bytes = SaveAt(later, train, bytes);
    if (!bytes) continue;
    const TrainedModel again = TrainFrom(bytes, train, &num_left);
    ASSERT_LE(num_left, num_iterations - later);
    ExpectSameModel(*whole.model, *again.model);
    EXPECT_EQ(whole.facts, again.facts);
  }
}

// Bytes that are cut, changed or of another training begin anew: all iterations are done, and the
// model is the same. `other` trains otherwise.
void ExpectUselessBytesIgnored(Random* random, const Trainer& train, const Trainer& other) {
  int num_all = 0;
  const TrainedModel whole = TrainFrom(std::nullopt, train, &num_all);
  const std::optional<std::string> bytes = SaveAt(2, train);
  ASSERT_TRUE(bytes);
  int num_left = 0;
  TrainFrom(bytes, train, &num_left);
  ASSERT_EQ(num_left, num_all - 2);

  std::vector<std::string> useless = {"", "firesteel training 1\n", "whatever", bytes->substr(1),
                                      *bytes + " "};
  for (int i = 0; i < 8; ++i) {
    useless.push_back(bytes->substr(0, Below(random, bytes->size())));
    std::string changed = *bytes;
    changed[Below(random, changed.size())] ^= static_cast<char>(1 << Below(random, 8));
    useless.push_back(changed);
  }
  useless.push_back(SaveAt(2, other).value());
  for (const std::string& text : useless) {
    const TrainedModel trained = TrainFrom(text, train, &num_left);
    ASSERT_EQ(num_left, num_all);
    ExpectSameModel(*whole.model, *trained.model);
    EXPECT_EQ(whole.facts, trained.facts);
  }
}

Trainer Gbt(const MemoryRows& rows, const GbtParameters& parameters) {
  return [rows, parameters](const TrainingRun& run) {
    MemorySource source(rows);
    return TrainGbt(source, parameters, run);
  };
}

TEST(Checkpoint, GbtGoesOnToTheSameBits) {
  Random random(1);
  for (int round = 0; round < 40; ++round) {
    MemoryRows rows = DrawRows(&random, Below(&random, 2) == 0);
    if (Below(&random, 3) == 0) DrawWeights(&random, &rows);
    if (Below(&random, 2) == 0) HoldOut(&rows);
    const GbtParameters parameters = {
        .max_iter = 12,
        .max_depth = 1 + static_cast<int>(Below(&random, 5)),
        .max_bins = 8 + static_cast<int>(Below(&random, 40)),
        .loss = Below(&random, 3) == 0 ? Loss::kAbsolute : Loss::kSquared,
        .step_size = 0.3,
        .subsampling_rate = Below(&random, 2) == 0 ? 1.0 : 0.6,
        .feature_subset_strategy = Below(&random, 2) == 0 ? "all" : "onethird",
        .validation_tol = 0.0001,
        .seed = round};
    ExpectSameAfterInterruptions(&random, Gbt(rows, parameters), parameters.max_iter);
    ASSERT_FALSE(HasFatalFailure()) << round;
  }
}

TEST(Checkpoint, GbtIgnoresUselessBytes) {
  Random random(2);
  const MemoryRows rows = DrawRows(&random, true);
  MemoryRows others = rows;
  others.labels[3] += 0.5;
  const GbtParameters parameters = {.max_iter = 6};
  ExpectUselessBytesIgnored(&random, Gbt(rows, parameters), Gbt(others, parameters));
  ExpectUselessBytesIgnored(&random, Gbt(rows, parameters),
                            Gbt(rows, {.max_iter = 6, .step_size = 0.2}));
}

TEST(Checkpoint, GbtDoesNotGrowMoreAfterAnEarlyStop) {
  // Labels that one tree predicts: the second gains nothing and ends the training.
  const MemoryRows rows = {.attributes = std::vector<Attribute>(1),
                           .features = {1, 1, 2, 2},
                           .labels = {0, 1, 8, 7},
                           .held_out = {false, true, false, true}};
  const Trainer train = Gbt(rows, {});
  const std::optional<std::string> bytes = SaveAt(2, train);
  int num_left = 0;
  const TrainedModel resumed = TrainFrom(bytes, train, &num_left);
  EXPECT_EQ(num_left, 0);
  EXPECT_EQ(resumed.facts["stopped_early"], true);
  ExpectSameModel(*train({}).model, *resumed.model);
}

Trainer Machine(const MemoryRows& rows, const FactorizationMachineParameters& parameters) {
  return [rows, parameters](const TrainingRun& run) {
    MemorySource source(rows);
    return TrainFactorizationMachine(source, parameters, run);
  };
}

TEST(Checkpoint, FactorizationMachineGoesOnToTheSameBits) {
  Random random(3);
  for (int round = 0; round < 40; ++round) {
    const MemoryRows rows = DrawRows(&random, false);
    using enum FactorizationMachineSolver;
    const FactorizationMachineParameters parameters = {
        .factor_size = 1 + static_cast<int>(Below(&random, 4)),
        .fit_intercept = Below(&random, 2) == 0,
        .fit_linear = Below(&random, 2) == 0,
        .reg_param = Below(&random, 2) == 0 ? 0.0 : 0.01,
        .mini_batch_fraction = Below(&random, 2) == 0 ? 1.0 : 0.02,
        .max_iter = 30,
        .step_size = 0.05,
        .tol = Below(&random, 2) == 0 ? 1e-6 : 0.05,
        .solver = Below(&random, 2) == 0 ? kAdamW : kGd,
        .seed = round,
        .standardize = Below(&random, 2) == 0};
    ExpectSameAfterInterruptions(&random, Machine(rows, parameters), parameters.max_iter);
    ASSERT_FALSE(HasFatalFailure()) << round;
  }
}

TEST(Checkpoint, FactorizationMachineIgnoresUselessBytes) {
  Random random(4);
  const MemoryRows rows = DrawRows(&random, false);
  MemoryRows others = rows;
  others.labels[3] += 0.5;
  const FactorizationMachineParameters parameters = {.max_iter = 10, .step_size = 0.1};
  ExpectUselessBytesIgnored(&random, Machine(rows, parameters), Machine(others, parameters));
  ExpectUselessBytesIgnored(&random, Machine(rows, parameters),
                            Machine(rows, {.max_iter = 10, .step_size = 0.2}));
}

#ifdef FIRESTEEL_XGBOOST
Trainer Xgboost(const MemoryRows& rows, Json given) {
  given = CheckParameters(XgboostParameterTable(), given, "test");
  CheckXgboostParameters(given);
  return [rows, parameters = MakeXgboostParameters(given)](const TrainingRun& run) {
    MemorySource source(rows);
    return TrainXgboost(source, parameters, run);
  };
}

TEST(Checkpoint, XgboostGoesOnToTheSameBits) {
  Random random(5);
  const std::vector<std::string> objectives = {"reg:squarederror",  "count:poisson",
                                               "reg:gamma",         "reg:tweedie",
                                               "reg:absoluteerror", "reg:pseudohubererror"};
  const std::vector<std::string> methods = {"hist", "approx", "exact"};
  for (int round = 0; round < 36; ++round) {
    MemoryRows rows = DrawRows(&random, false);
    for (double& label : rows.labels) label = std::fabs(label) + 0.01;
    if (Below(&random, 3) == 0) DrawWeights(&random, &rows);
    Json given = {{"n_estimators", 15},
                  {"objective", objectives[static_cast<std::size_t>(round) % objectives.size()]},
                  {"tree_method", methods[static_cast<std::size_t>(round / 6) % 3]},
                  {"grow_policy", Below(&random, 2) == 0 ? "depthwise" : "lossguide"},
                  {"eta", 0.3},
                  {"max_depth", 1 + Below(&random, 6)},
                  {"num_parallel_tree", 1 + Below(&random, 2)},
                  {"alpha", 0.1 * static_cast<double>(Below(&random, 3))}};
    if (given["tree_method"] == "exact") given["grow_policy"] = "depthwise";
    if (Below(&random, 2) == 0) given["base_score"] = 1.7;
    if (Below(&random, 2) == 0) {
      HoldOut(&rows);
      given["early_stopping_rounds"] = 2;
      given["validation_indicator_col"] = "v";
    }
    ExpectSameAfterInterruptions(&random, Xgboost(rows, given), 15);
    ASSERT_FALSE(HasFailure()) << round << ": " << given.dump();
  }
}

TEST(Checkpoint, XgboostIgnoresUselessBytes) {
  Random random(6);
  const MemoryRows rows = DrawRows(&random, false);
  MemoryRows others = rows;
  others.labels[3] += 0.5;
  const Json given = {{"n_estimators", 6}};
  ExpectUselessBytesIgnored(&random, Xgboost(rows, given), Xgboost(others, given));
  ExpectUselessBytesIgnored(&random, Xgboost(rows, given),
                            Xgboost(rows, {{"n_estimators", 6}, {"eta", 0.2}}));
}

TEST(Checkpoint, XgboostSavesNothingWhereTheLibraryDraws) {
  Random random(7);
  const MemoryRows rows = DrawRows(&random, false);
  for (const char* share :
       {"subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode"}) {
    EXPECT_FALSE(SaveAt(2, Xgboost(rows, {{"n_estimators", 6}, {share, 0.5}}))) << share;
  }
}
#endif

}  // namespace
}  // namespace firesteel
