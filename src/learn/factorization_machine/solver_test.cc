#include "learn/factorization_machine/solver.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace firesteel {
namespace {

TEST(Solver, GdStepsShrinkWithTheRootOfTheIteration) {
  // Step 0.5 / sqrt(4) = 0.25: 2 (1 - 0.25·0.2) - 0.25·4 = 0.9.
  const FactorizationMachineParameters parameters = {
      .reg_param = 0.2, .step_size = 0.5, .solver = FactorizationMachineSolver::kGd};
  Solver solver(parameters, 1);
  std::vector<double> coefficients = {2.0};
  solver.Update(4, std::vector<double>{4.0}, coefficients);
  EXPECT_DOUBLE_EQ(coefficients[0], 0.9);
  EXPECT_EQ(solver.num_updates(), 1);
}

TEST(Solver, AdamWBeginsWithAStepOfFullSize) {
  // The corrected means of one gradient g are g and g², so the step is stepSize g / (|g| + 1e-8),
  // whatever the iteration, and then comes regParam times the coefficient.
  const FactorizationMachineParameters parameters = {.reg_param = 0.25, .step_size = 0.5};
  Solver solver(parameters, 3);
  std::vector<double> coefficients = {2.0, 2.0, 2.0};
  solver.Update(7, std::vector<double>{4.0, -3.0, 0.0}, coefficients);
  EXPECT_NEAR(coefficients[0], 2.0 - 0.5 - 0.5, 1e-8);
  EXPECT_NEAR(coefficients[1], 2.0 + 0.5 - 0.5, 1e-8);
  EXPECT_DOUBLE_EQ(coefficients[2], 1.5);
}

TEST(Solver, ConvergesFromTheSecondUpdateOn) {
  const FactorizationMachineParameters parameters = {
      .step_size = 1.0, .tol = 0.1, .solver = FactorizationMachineSolver::kGd};
  Solver solver(parameters, 2);
  std::vector<double> coefficients = {3.0, 4.0};
  const std::vector<double> nothing = {0.0, 0.0};
  EXPECT_FALSE(solver.HasConverged(coefficients));
  solver.Update(1, nothing, coefficients);
  EXPECT_FALSE(solver.HasConverged(coefficients));
  // Moved by 0.6 from a norm of 4.4: not below 0.44. Then by 0.3 / sqrt(9) = 0.1.
  solver.Update(1, std::vector<double>{0.0, 0.6}, coefficients);
  EXPECT_FALSE(solver.HasConverged(coefficients));
  solver.Update(9, std::vector<double>{0.0, 0.3}, coefficients);
  EXPECT_TRUE(solver.HasConverged(coefficients));
}

TEST(Solver, WithoutToleranceNothingConverges) {
  const FactorizationMachineParameters parameters = {.tol = 0.0};
  Solver solver(parameters, 1);
  std::vector<double> coefficients = {1.0};
  for (int i = 1; i < 4; ++i) {
    solver.Update(i, std::vector<double>{0.0}, coefficients);
    EXPECT_FALSE(solver.HasConverged(coefficients));
  }
}

TEST(Solver, NaNNeverConverges) {
  const FactorizationMachineParameters parameters = {.tol = 0.5};
  Solver solver(parameters, 2);
  std::vector<double> coefficients = {1.0, 1.0};
  for (int i = 1; i < 4; ++i) {
    solver.Update(i, std::vector<double>{std::numeric_limits<double>::quiet_NaN(), 0.0},
                  coefficients);
    EXPECT_FALSE(solver.HasConverged(coefficients));
  }
  EXPECT_TRUE(std::isnan(coefficients[0]));
  EXPECT_EQ(coefficients[1], 1.0);
}

}  // namespace
}  // namespace firesteel
