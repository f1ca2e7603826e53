// Needs the library.
#ifdef FIRESTEEL_XGBOOST

#include "learn/xgboost/xgboost_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/error.h"
#include "learn/memory_source.h"
#include "learn/xgboost/training_rows.h"
#include "learn/xgboost/xgboost_library.h"
#include "model/xgboost_model.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

XgboostParameters Parameters(Json given) {
  given["n_estimators"] = given.value("n_estimators", 10);
  given = CheckParameters(XgboostParameterTable(), given, "test");
  CheckXgboostParameters(given);
  return MakeXgboostParameters(given);
}

// Rows of `num_features` features of a few values each, among them neighbours in 32 bits, and
// labels that depend on them.
MemoryRows DrawRows(std::mt19937* random, std::size_t num_rows, std::size_t num_features,
                    std::size_t num_values) {
  MemoryRows rows;
  rows.attributes.resize(num_features);
  std::vector<std::vector<double>> values(num_features);
  for (std::vector<double>& own : values) {
    for (std::size_t i = 0; i < num_values; ++i) {
      const auto number = static_cast<float>((*random)() % 1000) / 7.0F - 50.0F;
      own.push_back(number);
      own.push_back(std::nextafter(number, 1e9F));  // Just beyond it.
    }
  }
  for (std::size_t row = 0; row < num_rows; ++row) {
    double label = 1.0;
    for (std::size_t feature = 0; feature < num_features; ++feature) {
      const double value = values[feature][(*random)() % (2 * num_values)];
      rows.features.push_back(value);
      label += std::fabs(value) * static_cast<double>(feature + 1);
    }
    rows.labels.push_back(1.0 + std::floor(label / 20.0 + static_cast<double>((*random)() % 5)));
    rows.weights.push_back(1.0 + static_cast<double>((*random)() % 3));
  }
  return rows;
}

std::vector<double> PredictRows(const Regressor& model, const MemoryRows& rows) {
  std::vector<double> out(rows.labels.size());
  model.Predict(MatrixView<const double>(rows.features.data(), out.size(), rows.attributes.size()),
                out);
  return out;
}

// Trains on each row by itself, its features replaced by their bins' representatives.
std::unique_ptr<XgboostModel> TrainOnBinnedRows(const MemoryRows& rows,
                                                const XgboostParameters& parameters) {
  MemorySource source(rows);
  std::vector<std::size_t> all(rows.attributes.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  std::vector<FloatBins> bins;
  for (const auto& values : source.DistinctValues(all)) {
    bins.push_back(MakeFloatBins(values, static_cast<std::size_t>(parameters.max_bin)));
  }
  std::vector<float> features;
  for (std::size_t i = 0; i < rows.features.size(); ++i) {
    const FloatBins& own = bins[i % bins.size()];
    features.push_back(own.representatives[own.bins.BinOf(rows.features[i])]);
  }
  const std::vector<float> labels(rows.labels.begin(), rows.labels.end());
  const std::vector<float> weights(rows.weights.begin(), rows.weights.end());
  const XgboostMatrix matrix(
      {.features = features, .num_features = bins.size(), .labels = labels, .weights = weights}, 1);
  const XgboostMatrix* const matrices[] = {&matrix};
  XgboostBooster::Parameters settings = parameters.own;
  settings.emplace_back("nthread", "1");
  XgboostBooster booster(matrices, settings);
  for (int i = 0; i < parameters.n_estimators; ++i) booster.Update(i, matrix);
  return std::make_unique<XgboostModel>(booster.Save());
}

TEST(XgboostTrainer, CellsGiveTheTreesOfRowsBinnedAlike) {
  std::mt19937 random(7);
  const std::vector<std::string> objectives = {"reg:squarederror",    "count:poisson",
                                               "reg:gamma",           "reg:tweedie",
                                               "reg:squaredlogerror", "reg:pseudohubererror"};
  const std::vector<std::string> methods = {"hist", "approx", "exact"};
  int num_cells = 0;
  for (int round = 0; round < 36; ++round) {
    const MemoryRows rows = DrawRows(&random, 400 + random() % 1200, 1 + random() % 3, 6);
    const std::string& method = methods[static_cast<std::size_t>(round / 6) % 3];
    const Json given = {{"objective", objectives[static_cast<std::size_t>(round) % 6]},
                        {"tree_method", method},
                        // Fewer than there are values, at times.
                        {"max_bin", method == "hist" ? 4 + random() % 20 : 256},
                        {"eta", 0.3},
                        {"max_depth", 2 + random() % 5},
                        {"min_child_weight", random() % 4},
                        {"alpha", 0.1 * static_cast<double>(random() % 3)},
                        {"colsample_bytree", random() % 2 == 0 ? 1.0 : 0.6},
                        {"seed", round}};
    const XgboostParameters parameters = Parameters(given);
    MemorySource source(rows);
    const TrainedModel trained = TrainXgboost(source, parameters, {});
    // Too many cells to be worth it: XGBoost bins the rows itself.
    if (trained.facts["trained_on"] == "rows") continue;
    ++num_cells;
    const std::vector<double> own = PredictRows(*trained.model, rows);
    const std::vector<double> other = PredictRows(*TrainOnBinnedRows(rows, parameters), rows);
    for (std::size_t row = 0; row < own.size(); ++row) {
      ASSERT_NEAR(own[row], other[row], 1e-5 * std::max(1.0, std::fabs(other[row])))
          << "row " << row << " of round " << round << ": " << given.dump();
    }
  }
  EXPECT_GT(num_cells, 25);
}

TEST(XgboostTrainer, SampledRowsAndQuantilesTrainOnRows) {
  std::mt19937 random(3);
  const MemoryRows rows = DrawRows(&random, 500, 2, 3);
  for (const Json& given : {Json{{"subsample", 0.5}}, Json{{"objective", "reg:absoluteerror"}},
                            Json{{"objective", "reg:quantileerror"}, {"quantile_alpha", 0.9}}}) {
    MemorySource source(rows);
    EXPECT_EQ(TrainXgboost(source, Parameters(given), {}).facts["trained_on"], "rows");
  }
}

TEST(XgboostTrainer, RowsThatDoNotCollapseStayRows) {
  std::mt19937 random(3);
  MemoryRows rows;
  rows.attributes.resize(2);
  for (int row = 0; row < 2000; ++row) {
    rows.features.push_back(static_cast<double>(random()));
    rows.features.push_back(static_cast<double>(random()));
    rows.labels.push_back(static_cast<double>(random() % 10));
  }
  MemorySource source(rows);
  const TrainedModel trained = TrainXgboost(source, Parameters({{"max_bin", 128}}), {});
  EXPECT_EQ(trained.facts["trained_on"], "rows");
  EXPECT_EQ(trained.facts["num_cells"], 2000);
}

TEST(XgboostTrainer, TheNumberOfThreadsIsNotSeen) {
  std::mt19937 random(5);
  MemoryRows rows;
  rows.attributes.resize(8);
  for (int row = 0; row < 60000; ++row) {
    for (int feature = 0; feature < 8; ++feature) {
      rows.features.push_back(static_cast<double>(random()) / 1e6);
    }
    rows.labels.push_back(static_cast<double>(random() % 1000) / 7.0);
  }
  std::string first;
  for (const int num_threads : {1, 2, 5}) {
    MemorySource source(rows);
    const TrainedModel trained =
        TrainXgboost(source, Parameters({{"n_estimators", 3}}), {.num_threads = num_threads});
    const std::string& file = dynamic_cast<const XgboostModel&>(*trained.model).file();
    if (first.empty()) first = file;
    EXPECT_EQ(file, first) << num_threads;
  }
}

TEST(XgboostTrainer, EarlyStoppingKeepsTheBestIteration) {
  std::mt19937 random(11);
  const MemoryRows rows = DrawRows(&random, 400, 2, 8);
  const MemoryRows others = DrawRows(&random, 200, 2, 8);  // Of other values: nothing to learn.
  MemorySource source(rows);
  MemorySource validation(others);
  int num_told = 0;
  const TrainedModel trained = TrainXgboost(
      source,
      Parameters(
          {{"n_estimators", 200}, {"early_stopping_rounds", 3}, {"eval_metric", {"rmse", "mae"}}}),
      {.validation = &validation, .progress = [&](int done, int) { num_told = done; }});
  const int best = trained.facts["best_iteration"].get<int>();
  EXPECT_EQ(trained.facts["num_trees"], best + 1);
  EXPECT_EQ(trained.facts["stopped_early"], true);
  EXPECT_EQ(trained.facts["eval_metric"], "mae");
  EXPECT_EQ(num_told, best + 1 + 3);
  // The score is the weighted mean absolute error of the model that was kept.
  const std::vector<double> predictions = PredictRows(*trained.model, others);
  double error = 0.0;
  double weight = 0.0;
  for (std::size_t row = 0; row < predictions.size(); ++row) {
    error += std::fabs(predictions[row] - others.labels[row]) * others.weights[row];
    weight += others.weights[row];
  }
  EXPECT_NEAR(trained.facts["best_score"].get<double>(), error / weight, 1e-4);
}

TEST(XgboostTrainer, EarlyStoppingNeedsRowsToWatch) {
  std::mt19937 random(1);
  MemorySource source(DrawRows(&random, 50, 1, 3));
  EXPECT_THROW(TrainXgboost(source, Parameters({{"early_stopping_rounds", 2}}), {}), Error);
}

TEST(XgboostTrainer, HeldOutRowsAreWatchedFirst) {
  std::mt19937 random(1);
  MemoryRows rows = DrawRows(&random, 300, 2, 3);
  for (std::size_t row = 0; row < 300; ++row) rows.held_out.push_back(row % 3 == 0);
  MemorySource source(rows);
  MemorySource validation(DrawRows(&random, 10, 2, 3));
  const TrainedModel trained = TrainXgboost(
      source, Parameters({{"early_stopping_rounds", 2}, {"validation_indicator_col", "v"}}),
      {.validation = &validation});
  EXPECT_EQ(trained.facts["num_watched_rows"], 100);
  EXPECT_EQ(trained.facts["num_rows"], 200);
}

TEST(XgboostTrainer, MonotoneConstraintsHold) {
  std::mt19937 random(2);
  MemoryRows rows = DrawRows(&random, 500, 1, 20);
  rows.attributes[0].name = "x";
  MemorySource source(rows);
  const TrainedModel trained =
      TrainXgboost(source, Parameters({{"monotone_constraints", {{"x", 1}}}}), {});
  std::vector<double> values;
  for (int i = -60; i < 110; ++i) values.push_back(i);
  std::vector<double> out(values.size());
  trained.model->Predict(MatrixView<const double>(values.data(), values.size(), 1), out);
  EXPECT_TRUE(std::is_sorted(out.begin(), out.end()));
  EXPECT_LT(out.front(), out.back());
}

TEST(XgboostTrainer, SaysWhatIsWrongWithTheData) {
  const auto refused = [](MemoryRows rows, const Json& given) -> std::string {
    MemorySource source(std::move(rows));
    try {
      TrainXgboost(source, Parameters(given), {});
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      return error.what();
    }
    return "";
  };
  MemoryRows large = {.attributes = {Attribute()}, .features = {1, 1e300}, .labels = {1, 2}};
  large.attributes[0].name = "x";
  EXPECT_THAT(refused(large, Json::object()),
              testing::HasSubstr("feature 0 ('x') holds 1e+300, and XGBoost computes with 32-bit"));
  EXPECT_THAT(refused({.attributes = {{}}, .features = {1, 1}, .labels = {-1, 5}},
                      {{"objective", "count:poisson"}}),
              testing::HasSubstr("a label is -1; count:poisson needs labels of 0 or more"));
  EXPECT_THAT(refused({.attributes = {{}}, .features = {1, 1}, .labels = {-2, 5}},
                      {{"objective", "reg:squaredlogerror"}}),
              testing::HasSubstr("XGBoost says: label must be greater than -1"));
}

TEST(XgboostTrainer, ProgressMayEndTheTraining) {
  std::mt19937 random(1);
  MemorySource source(DrawRows(&random, 50, 1, 3));
  EXPECT_THROW(TrainXgboost(source, Parameters(Json::object()),
                            {.progress = [](int, int) { throw std::runtime_error("stop"); }}),
               std::runtime_error);
}

}  // namespace
}  // namespace firesteel

#endif
