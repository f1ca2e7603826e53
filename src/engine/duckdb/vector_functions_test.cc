#include "engine/duckdb/vector_functions.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "engine/duckdb/connection.h"
#include "engine/duckdb/types.h"
#include "engine/duckdb/vector_column.h"

namespace firesteel::duckdb {
namespace {

class VectorFunctionsTest : public ::testing::Test {
 protected:
  VectorFunctionsTest() : connection_({.num_threads = 2}) {
    RegisterVectorFunctions(connection_.get());
  }

  // Every row of a query of one vector column: "null", "[1, 2]" if dense, "(3; 1: 5)" if sparse.
  std::vector<std::string> Rows(const std::string& query) {
    Result result = connection_.Query(query);
    std::vector<std::string> rows;
    while (result.Next()) {
      const VectorColumn vectors(result.column(0));
      for (idx_t row = 0; row < result.num_rows(); ++row) rows.push_back(Text(vectors, row));
    }
    return rows;
  }
  std::string One(const std::string& expression) { return Rows("SELECT " + expression).at(0); }
  std::string ErrorText(const std::string& expression) {
    try {
      Rows("SELECT " + expression);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  Connection connection_;

 private:
  static std::string Text(const VectorColumn& vectors, idx_t row) {
    if (!vectors.IsValid(row)) return "null";
    EXPECT_TRUE(vectors.IsSound(row));
    std::string text;
    const std::span<const double> values = vectors.Values(row);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i > 0) text += ", ";
      if (!vectors.IsDense(row)) text += fmt::format("{}: ", vectors.Indices(row)[i]);
      text += fmt::format("{}", values[i]);
    }
    return vectors.IsDense(row) ? "[" + text + "]"
                                : fmt::format("({}; {})", vectors.Length(row), text);
  }
};

TEST_F(VectorFunctionsTest, OneHotHasOneEntryOrNone) {
  EXPECT_EQ(One("fs_one_hot(1.0, 3)"), "(3; 1: 1)");
  EXPECT_EQ(One("fs_one_hot(1.9, 3)"), "(3; 1: 1)");
  EXPECT_EQ(One("fs_one_hot(3.0, 3)"), "(3; )");
  EXPECT_EQ(One("fs_one_hot(-0.5, 3)"), "(3; 0: 1)");
  EXPECT_EQ(One("fs_one_hot(-1.0, 3)"), "(3; )");
  EXPECT_EQ(One("fs_one_hot('nan'::DOUBLE, 3)"), "(3; )");
  EXPECT_EQ(One("fs_one_hot(0.0, 0)"), "(0; )");
  EXPECT_EQ(One("fs_one_hot(NULL, 3)"), "null");
  EXPECT_EQ(ErrorText("fs_one_hot(0.0, -1)"), "a vector cannot have -1 slots");
}

TEST_F(VectorFunctionsTest, AssembleTakesTheSmallerForm) {
  // One entry: 1.5 + 2 = 3.5 is not below n = 3, so dense; it is below n = 4, so sparse. No entry
  // in two slots: 2 is not below 2, so dense.
  EXPECT_EQ(One("fs_assemble(0.0::DOUBLE, 5.0::DOUBLE, 0.0::DOUBLE)"), "[0, 5, 0]");
  EXPECT_EQ(One("fs_assemble(0.0::DOUBLE, 5.0::DOUBLE, fs_one_hot(2.0, 2))"), "(4; 1: 5)");
  EXPECT_EQ(One("fs_assemble(fs_one_hot(1.0, 2), 7.0::DOUBLE, fs_constant_vector(2.0, 2))"),
            "[0, 1, 7, 2, 2]");
  EXPECT_EQ(One("fs_assemble(fs_one_hot(1.0, 5), fs_constant_vector(0.0, 2), 3.0::DOUBLE)"),
            "(8; 1: 1, 7: 3)");
}

TEST_F(VectorFunctionsTest, AssembleFollowsTheRuleOfSpark43WhereItsForerunnersDiffer) {
  // Two entries of five: 3 + 2 is not below 5, so dense; Spark 3.5's 1.5 (2 + 1) = 4.5 would be.
  EXPECT_EQ(One("fs_assemble(fs_one_hot(0.0, 4), 5.0::DOUBLE)"), "[1, 0, 0, 0, 5]");
}

TEST_F(VectorFunctionsTest, AssembleDropsNegativeZerosAndKeepsNan) {
  EXPECT_EQ(One("fs_assemble('-0.0'::DOUBLE, 'nan'::DOUBLE)"), "[0, nan]");
  EXPECT_EQ(One("fs_assemble(fs_constant_vector('-0.0'::DOUBLE, 1))"), "[0]");
}

TEST_F(VectorFunctionsTest, AssembleIsNullIfAnArgumentIs) {
  EXPECT_EQ(One("fs_assemble(1.0::DOUBLE, NULL::DOUBLE)"), "null");
  EXPECT_EQ(One("fs_assemble(1.0::DOUBLE, fs_one_hot(NULL, 3))"), "null");
}

TEST_F(VectorFunctionsTest, StandardScaleKeepsSparseVectorsSparseWithoutMean) {
  EXPECT_EQ(
      One("fs_standard_scale(fs_one_hot(1.0, 3), [0, 0, 0]::DOUBLE[], [2, 4, 8]::DOUBLE[], false)"),
      "(3; 1: 4)");
  EXPECT_EQ(One("fs_standard_scale(fs_constant_vector(3.0, 2), [9, 9]::DOUBLE[], [2, 4]::DOUBLE[], "
                "false)"),
            "[6, 12]");
  EXPECT_EQ(
      One("fs_standard_scale(fs_one_hot(1.0, 3), [1, 2, 3]::DOUBLE[], [2, 4, 8]::DOUBLE[], true)"),
      "[-2, -4, -24]");
  EXPECT_EQ(One("fs_standard_scale(fs_one_hot(NULL, 3), [1]::DOUBLE[], [2]::DOUBLE[], true)"),
            "null");
  EXPECT_EQ(ErrorText("fs_standard_scale(fs_one_hot(1.0, 3), [1]::DOUBLE[], [2]::DOUBLE[], true)"),
            "a vector has 3 slots, but the scaler was fitted on 1 (factors)");
}

TEST_F(VectorFunctionsTest, MinMaxScaleHasAConstantForSlotsWithoutSpread) {
  // (5 - 1) 0.25 + 0 = 1; factor 0 gives 0.5; NaN stays.
  EXPECT_EQ(One("fs_min_max_scale(fs_assemble(5.0::DOUBLE, 7.0::DOUBLE, 'nan'::DOUBLE), [1, 7, "
                "0]::DOUBLE[], "
                "[0.25, 0, 1]::DOUBLE[], [9, 0.5, 9]::DOUBLE[], 0.0::DOUBLE)"),
            "[1, 0.5, nan]");
  EXPECT_EQ(
      One("fs_min_max_scale(fs_one_hot(1.0, 4), [0, 0, 0, 0]::DOUBLE[], [1, 2, 1, 1]::DOUBLE[], "
          "[0, 0, 0, 0]::DOUBLE[], 0.0::DOUBLE)"),
      "(4; 1: 2)");
  EXPECT_EQ(One("fs_min_max_scale(fs_one_hot(NULL, 1), [0]::DOUBLE[], [1]::DOUBLE[], "
                "[0]::DOUBLE[], 0.0::DOUBLE)"),
            "null");
}

// Rows reach a function as constants, through selections and in several chunks; all must arrive
// flat.
TEST_F(VectorFunctionsTest, RowsAreRightBehindFiltersAndOverManyChunks) {
  connection_.Run(
      "CREATE TABLE numbers AS SELECT i, CASE WHEN i % 5 = 0 THEN NULL ELSE CAST(i % 3 AS DOUBLE) "
      "END AS x, "
      "fs_assemble(CAST(i AS DOUBLE), fs_one_hot(i % 7, 9)) AS v FROM range(10000) t(i)");
  const std::vector<std::string> rows = Rows(
      "SELECT fs_assemble(v, fs_one_hot(x, 3), 2.0::DOUBLE) FROM numbers WHERE i % 2 = 1 ORDER BY "
      "i");
  ASSERT_EQ(rows.size(), 5000);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::size_t i = 2 * row + 1;
    // Slots: i, nine of one-hot(i mod 7), three of one-hot(i mod 3), 2.0: n = 14 with 4 entries is
    // sparse.
    const std::string expected =
        i % 5 == 0 ? "null"
                   : fmt::format("(14; 0: {}, {}: 1, {}: 1, 13: 2)", i, 1 + i % 7, 10 + i % 3);
    ASSERT_EQ(rows[row], expected);
  }
}

TEST_F(VectorFunctionsTest, MalformedVectorsAreRefused) {
  EXPECT_EQ(ErrorText(fmt::format(
                "fs_assemble({{'type': 0, 'size': 2, 'indices': [5], 'values': [1.0]}}::{})",
                kVectorSqlType)),
            "a vector is malformed: its indices must ascend, lie inside its size and be as many as "
            "its values");
}

}  // namespace
}  // namespace firesteel::duckdb
