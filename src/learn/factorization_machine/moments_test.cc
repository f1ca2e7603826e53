#include "learn/factorization_machine/moments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "base/random.h"
#include "learn/factorization_machine/row_loss.h"
#include "learn/memory_source.h"

namespace firesteel {
namespace {

constexpr std::size_t kPlenty = std::size_t{1} << 30;

// Features of few values, about half of them 0.
MemoryRows DrawRows(std::size_t num_rows, std::size_t num_features, std::uint64_t seed) {
  SplitMix64 random(seed);
  MemoryRows rows = {
      .attributes = std::vector<Attribute>(num_features), .features = {}, .labels = {}};
  for (std::size_t row = 0; row < num_rows; ++row) {
    for (std::size_t j = 0; j < num_features; ++j) {
      rows.features.push_back(
          random.NextBelow(2) == 0 ? 0.0 : static_cast<double>(random.NextBelow(3)) - 0.75);
    }
    rows.labels.push_back(std::floor(random.NextDouble() * 20.0) / 4.0);
  }
  return rows;
}

TEST(Moments, LossOfOneRowByHand) {
  // x = (2, 3), y = 4: prediction 0.5 + 2·1 + 3·2 + 2·3·(1·0.5) = 11.5, error 7.5, slope 2·7.5
  // = 15.
  MemorySource source({.attributes = std::vector<Attribute>(2), .features = {2, 3}, .labels = {4}});
  const std::unique_ptr<TrainingRows> rows = GatherGroups(source);
  ThreadPool pool(1);
  const Moments moments(*rows, pool);
  const CoefficientLayout layout = {.num_features = 2, .factor_size = 1};
  const std::vector<double> coefficients = {1.0, 0.5, 1.0, 2.0, 0.5};
  std::vector<double> gradient(layout.size());
  EXPECT_DOUBLE_EQ(moments.Loss(layout, coefficients, gradient), 56.25);
  // By the factors: 15·x0·x1·0.5 and 15·x0·x1·1; by the terms 15·2, 15·3; by the intercept 15.
  EXPECT_EQ(gradient, (std::vector<double>{45, 90, 30, 45, 15}));
}

TEST(Moments, AgreeWithRowsAndGroups) {
  for (const std::size_t num_features : {1, 2, 5, 11}) {
    MemorySource source(DrawRows(3000, num_features, num_features));
    const std::unique_ptr<TrainingRows> groups = GatherGroups(source);
    const std::unique_ptr<TrainingRows> kept = GatherRows(source, kPlenty);
    const std::unique_ptr<TrainingRows> scanned = GatherRows(source, 0);
    EXPECT_EQ(kept->num_groups(), 3000);
    EXPECT_EQ(groups->num_rows(), 3000);
    ThreadPool pool(2);
    const Moments of_groups(*groups, pool);
    const Moments of_rows(*scanned, pool);
    for (const bool has_linear : {true, false}) {
      const CoefficientLayout layout = {.num_features = num_features,
                                        .factor_size = 3,
                                        .has_linear = has_linear,
                                        .has_intercept = !has_linear || num_features > 2};
      const std::vector<double> coefficients = InitialCoefficients(layout, 0.7, 5);
      std::vector<double> expected(layout.size());
      const double loss = RowLoss(*kept, layout, coefficients, std::nullopt, pool, expected);
      const auto check = [&](double of_other, const std::vector<double>& gradient) {
        EXPECT_NEAR(of_other, loss, 1e-12 * loss);
        for (std::size_t i = 0; i < gradient.size(); ++i) {
          EXPECT_NEAR(gradient[i], expected[i], 1e-12 * (1.0 + std::fabs(expected[i]))) << i;
        }
      };
      std::vector<double> gradient(layout.size());
      check(of_groups.Loss(layout, coefficients, gradient), gradient);
      check(of_rows.Loss(layout, coefficients, gradient), gradient);
      check(RowLoss(*groups, layout, coefficients, std::nullopt, pool, gradient), gradient);
      check(RowLoss(*scanned, layout, coefficients, std::nullopt, pool, gradient), gradient);
    }
  }
}

// The first features are different in each row, the others have few values.
MemoryRows DrawRowsWithFree(std::size_t num_free, std::uint64_t seed) {
  MemoryRows rows = DrawRows(2000, 6, seed);
  SplitMix64 random(seed + 1);
  for (std::size_t row = 0; row < rows.labels.size(); ++row) {
    for (std::size_t j = 0; j < num_free; ++j) {
      rows.features[row * 6 + j] = 100.0 + 50.0 * random.NextDouble();
    }
    rows.labels[row] += random.NextDouble();
  }
  return rows;
}

TEST(MomentGroups, AgreeWithRows) {
  for (std::size_t num_free = 0; num_free <= 4; ++num_free) {
    MemorySource source(DrawRowsWithFree(num_free, num_free));
    const MomentGroups gathered(source);
    ASSERT_TRUE(gathered.is_suitable());
    EXPECT_LT(gathered.num_groups(), 2000u);
    for (const bool is_scaled : {false, true}) {
      const std::unique_ptr<TrainingRows> rows = GatherRows(source, kPlenty);
      const FeatureScaling scaling = gathered.MeasureScaling();
      if (is_scaled) {
        const FeatureScaling expected = MeasureScaling(*rows);
        for (std::size_t j = 0; j < 6; ++j) {
          EXPECT_NEAR(scaling.means[j], expected.means[j], 1e-11);
          EXPECT_NEAR(scaling.factors[j], expected.factors[j], 1e-11);
        }
        rows->Scale(expected);
      }
      ThreadPool pool(1);
      const Moments moments(gathered, 6, 2000, is_scaled ? &scaling : nullptr);
      const CoefficientLayout layout = {.num_features = 6, .factor_size = 3};
      std::vector<double> coefficients = InitialCoefficients(layout, 0.7, 5);
      coefficients[layout.linear() + 1] = -0.5;
      coefficients[layout.intercept()] = 2.0;
      std::vector<double> expected(layout.size());
      const double loss = RowLoss(*rows, layout, coefficients, std::nullopt, pool, expected);
      std::vector<double> gradient(layout.size());
      EXPECT_NEAR(moments.Loss(layout, coefficients, gradient), loss, 1e-11 * loss);
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        EXPECT_NEAR(gradient[i], expected[i], 1e-11 * (std::fabs(expected[i]) + loss)) << i;
      }
    }
  }
}

TEST(MomentGroups, RowOrderChangesNothing) {
  const MemoryRows rows = DrawRowsWithFree(1, 3);
  MemoryRows reversed = rows;
  const std::size_t n = rows.labels.size();
  for (std::size_t row = 0; row < n; ++row) {
    reversed.labels[row] = rows.labels[n - 1 - row];
    for (std::size_t j = 0; j < 6; ++j) {
      reversed.features[row * 6 + j] = rows.features[(n - 1 - row) * 6 + j];
    }
  }
  std::vector<std::vector<double>> sums;
  for (const MemoryRows& one : {rows, reversed}) {
    MemorySource source(one);
    sums.emplace_back((Moments::NumTerms(6) + 1) * (Moments::NumTerms(6) + 1), 0.0);
    MomentGroups(source).AddTo(sums.back(), nullptr);
  }
  for (std::size_t i = 0; i < sums[0].size(); ++i) EXPECT_DOUBLE_EQ(sums[0][i], sums[1][i]) << i;
}

TEST(MomentGroups, AreNotForManyFreeFeaturesOrGroups) {
  MemorySource many_free(DrawRowsWithFree(5, 1));
  EXPECT_FALSE(MomentGroups(many_free).is_suitable());
  // 300 features have 45,151 terms, of which a billion products allow no group.
  MemorySource wide(DrawRows(20, 300, 1));
  EXPECT_FALSE(MomentGroups(wide).is_suitable());
}

TEST(Moments, ThreadsChangeNothing) {
  MemorySource source(DrawRows(5000, 40, 3));  // Many enough for tiles.
  const std::unique_ptr<TrainingRows> rows = GatherRows(source, kPlenty);
  const CoefficientLayout layout = {.num_features = 40, .factor_size = 8};
  const std::vector<double> coefficients = InitialCoefficients(layout, 0.3, 1);
  std::vector<std::vector<double>> by_moments;
  std::vector<std::vector<double>> by_rows;
  for (const int num_threads : {1, 3}) {
    ThreadPool pool(num_threads);
    by_moments.emplace_back(layout.size());
    Moments(*rows, pool).Loss(layout, coefficients, by_moments.back());
    by_rows.emplace_back(layout.size());
    RowLoss(*rows, layout, coefficients, std::nullopt, pool, by_rows.back());
  }
  EXPECT_EQ(by_moments[0], by_moments[1]);
  EXPECT_EQ(by_rows[0], by_rows[1]);
}

TEST(RowLoss, BatchIsMadeOfItsRowsAlone) {
  MemoryRows all = DrawRows(2500, 4, 9);
  const std::vector<std::size_t> batch = {0, 3, 1023, 1024, 1500, 2499};
  MemoryRows few = {.attributes = all.attributes, .features = {}, .labels = {}};
  for (const std::size_t row : batch) {
    const auto first = all.features.begin() + static_cast<std::ptrdiff_t>(row * 4);
    few.features.insert(few.features.end(), first, first + 4);
    few.labels.push_back(all.labels[row]);
  }
  MemorySource of_all(std::move(all));
  MemorySource of_few(std::move(few));
  const CoefficientLayout layout = {.num_features = 4, .factor_size = 2};
  const std::vector<double> coefficients = InitialCoefficients(layout, 0.5, 2);
  ThreadPool pool(1);
  std::vector<double> gradient(layout.size());
  std::vector<double> expected(layout.size());
  const double loss =
      RowLoss(*GatherRows(of_few, kPlenty), layout, coefficients, std::nullopt, pool, expected);
  EXPECT_DOUBLE_EQ(
      RowLoss(*GatherRows(of_all, kPlenty), layout, coefficients, batch, pool, gradient), loss);
  for (std::size_t i = 0; i < gradient.size(); ++i) EXPECT_DOUBLE_EQ(gradient[i], expected[i]);
}

TEST(RowLoss, ZerosOfDenseRowsMeetInfiniteErrors) {
  // Of four features, a row with one that is not zero is sparse in Spark, one with two is dense.
  constexpr double kHuge = 1e200;
  const CoefficientLayout layout = {.num_features = 4, .factor_size = 1};
  std::vector<double> coefficients(layout.size(), 0.0);
  coefficients[layout.intercept()] = std::numeric_limits<double>::infinity();
  ThreadPool pool(1);
  std::vector<double> gradient(layout.size());
  MemorySource sparse(
      {.attributes = std::vector<Attribute>(4), .features = {kHuge, 0, 0, 0}, .labels = {1}});
  RowLoss(*GatherRows(sparse, kPlenty), layout, coefficients, std::nullopt, pool, gradient);
  EXPECT_EQ(gradient[layout.linear() + 1], 0.0);
  MemorySource dense(
      {.attributes = std::vector<Attribute>(4), .features = {kHuge, 0, 1, 0}, .labels = {1}});
  RowLoss(*GatherRows(dense, kPlenty), layout, coefficients, std::nullopt, pool, gradient);
  EXPECT_TRUE(std::isnan(gradient[layout.linear() + 1]));
  EXPECT_EQ(gradient[layout.linear() + 2], std::numeric_limits<double>::infinity());
}

TEST(TrainingRows, GroupsHaveNumberMeanAndSpread) {
  // Rows of 1: labels 2, 4, 6 (mean 4, spread 4 + 0 + 4); rows of 3: 5, 5.
  MemorySource source({.attributes = std::vector<Attribute>(1),
                       .features = {1, 3, 1, 3, 1},
                       .labels = {2, 5, 6, 5, 4}});
  const std::unique_ptr<TrainingRows> rows = GatherGroups(source);
  EXPECT_EQ(rows->num_groups(), 2);
  EXPECT_EQ(rows->num_rows(), 5);
  EXPECT_EQ(rows->label_spread(), 8.0);
  rows->Visit([](std::span<const RowBlock> blocks) {
    EXPECT_EQ(blocks[0].counts, (std::vector<double>{3, 2}));
    EXPECT_EQ(blocks[0].labels, (std::vector<double>{4, 5}));
    EXPECT_EQ(blocks[0].values, (std::vector<double>{1, 3}));
  });
}

TEST(TrainingRows, ScalesToMeanZeroAndDeviationOne) {
  // 1, 0, 5: mean 2, squares 1 + 4 + 9 = 14, deviation sqrt(7). The second feature is constant.
  MemorySource source({.attributes = std::vector<Attribute>(2),
                       .features = {1, 0.1, 0, 0.1, 5, 0.1},
                       .labels = {0, 0, 0}});
  for (const std::size_t max_bytes : {kPlenty, std::size_t{0}}) {
    const std::unique_ptr<TrainingRows> rows = GatherRows(source, max_bytes);
    const FeatureScaling scaling = MeasureScaling(*rows);
    EXPECT_EQ(scaling.means[0], 2.0);
    EXPECT_DOUBLE_EQ(scaling.factors[0], 1.0 / std::sqrt(7.0));
    EXPECT_EQ(scaling.factors[1], 0.0);
    rows->Scale(scaling);
    rows->Visit([&](std::span<const RowBlock> blocks) {
      EXPECT_EQ(blocks[0].values,
                (std::vector<double>{-scaling.factors[0], -2.0 * scaling.factors[0],
                                     3.0 * scaling.factors[0]}));
    });
  }
}

}  // namespace
}  // namespace firesteel
