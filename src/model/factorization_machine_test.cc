#include "model/factorization_machine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "base/error.h"

namespace firesteel {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<double> Predict(const FactorizationMachine& machine, std::vector<double> features) {
  const std::size_t num_rows = features.size() / machine.num_features();
  std::vector<double> out(num_rows);
  machine.Predict({features.data(), num_rows, machine.num_features()}, out);
  return out;
}

std::string MessageOf(FactorizationMachine::Parameters parameters) {
  try {
    FactorizationMachine machine(std::move(parameters));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
    return error.what();
  }
  return "";
}

TEST(FactorizationMachine, AddsBiasLinearTermsAndPairs) {
  // Row (2, 3): <v0, v1> = 1·3 + 2·(-1) = 1, so 0.5 + (2·1 + 3·(-2)) + 1·2·3 = 2.5. A single
  // feature has no pair: (2, 0) gives 0.5 + 2.
  const FactorizationMachine machine(
      {.bias = 0.5, .linear = {1, -2}, .factors = {1, 2, 3, -1}, .factor_size = 2});
  EXPECT_EQ(Predict(machine, {2, 3, 2, 0, 0, 0}), (std::vector<double>{2.5, 2.5, 0.5}));
}

// Coefficients and predictions of Spark 4.3.0. Source: spec I.4, adamW, two iterations.
TEST(FactorizationMachine, GivesSparksPredictions) {
  const FactorizationMachine machine(
      {.bias = 0.1993521638645876,
       .linear = {0.19911960702515474, 0.1996275474457042, 0.1986867454365741},
       .factors = {0.06956914481382569, 0.26877216662299264, 0.1045254796918141, 0.0858516931234963,
                   0.2101410442880453, 0.2542369869750388},
       .factor_size = 2});
  const std::vector<double> predictions = Predict(machine, {1, 0, 2, 0, 1, 0, 1, 0, 0.5, 1, 1, 1});
  const std::vector<double> expected = {0.9617475788956633, 0.3989797113102918, 0.5392907228912226,
                                        0.9538752853844459};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_DOUBLE_EQ(predictions[i], expected[i]) << i;
  }
}

TEST(FactorizationMachine, SizesOfFactorsAgree) {
  // k equal factors of 1 each: <v0, v1> = k, whichever way the sums are made.
  for (const std::size_t k : {1, 7, 8, 9}) {
    const FactorizationMachine machine(
        {.linear = {0, 0}, .factors = std::vector<double>(2 * k, 1.0), .factor_size = k});
    EXPECT_EQ(Predict(machine, {2, 3}), std::vector<double>{6.0 * static_cast<double>(k)});
  }
}

TEST(FactorizationMachine, NaNStaysInItsRow) {
  const FactorizationMachine machine(
      {.bias = 1, .linear = {1, 1}, .factors = {1, 1}, .factor_size = 1});
  const std::vector<double> predictions = Predict(machine, {1, 1, kNaN, 1, 1, 1});
  EXPECT_EQ(predictions[0], 4.0);
  EXPECT_TRUE(std::isnan(predictions[1]));
  EXPECT_EQ(predictions[2], 4.0);
}

TEST(FactorizationMachine, InfiniteTermsMeetZerosAsInSpark) {
  // Of four features, a row with one that is not zero is stored sparse (1.5 + 2 < 4): its zeros are
  // not there. With two it is dense, and 0 times infinity is NaN.
  const FactorizationMachine machine(
      {.linear = {1, kInf, 1, 1}, .factors = {0, 0, 0, 0}, .factor_size = 1});
  EXPECT_FALSE(machine.is_finite());
  const std::vector<double> predictions = Predict(machine, {3, 0, 0, 0, 3, 0, 1, 0, 0, 2, 0, 0});
  EXPECT_EQ(predictions[0], 3.0);
  EXPECT_TRUE(std::isnan(predictions[1]));
  EXPECT_EQ(predictions[2], kInf);
}

TEST(FactorizationMachine, RefusesShapesThatDisagree) {
  EXPECT_EQ(MessageOf({.linear = {1, 2}, .factors = {1, 2, 3}, .factor_size = 2}),
            "factorization machine: there are 3 factors, but 2 features of 2 factors each need 4");
  EXPECT_EQ(MessageOf({.linear = {1}, .factors = {}, .factor_size = 0}),
            "factorization machine: factor_size is 0; at least 1 is needed");
  const FactorizationMachine machine({.linear = {1}, .factors = {1}, .factor_size = 1});
  std::vector<double> out(1, 7.0);
  const std::vector<double> row = {1, 2};
  EXPECT_THROW(machine.Predict({row.data(), 1, 2}, out), Error);
  EXPECT_THROW(machine.Predict({row.data(), 2, 1}, out), Error);
  EXPECT_EQ(out[0], 7.0);
}

}  // namespace
}  // namespace firesteel
