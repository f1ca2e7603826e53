#include "engine/spark/connect/arrow_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "base/error.h"

namespace firesteel {
namespace {

using ::testing::ElementsAre;

TEST(ArrowRowsTest, WhatIsWrittenIsRead) {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  const std::vector<std::int64_t> whole = {0, -1, kLeast, std::int64_t{1} << 62};
  const std::vector<double> numbers = {-0.0, 0.1, std::numeric_limits<double>::infinity(), 1e-320};
  const std::string stream = WriteArrowStream({{"whole", whole}, {"number", numbers}});
  int num_batches = 0;
  ReadArrowStream(stream, [&](const ArrowRows& rows) {
    ++num_batches;
    EXPECT_THAT(rows.names, ElementsAre("whole", "number"));
    ASSERT_EQ(rows.num_rows, 4);
    for (std::int64_t row = 0; row < 4; ++row) {
      const auto i = static_cast<std::size_t>(row);
      EXPECT_EQ(rows.columns[0].Integer(row), whole[i]);
      EXPECT_EQ(rows.columns[1].Number(row), numbers[i]);
      EXPECT_EQ(std::signbit(rows.columns[1].Number(row)), std::signbit(numbers[i]));
    }
  });
  EXPECT_EQ(num_batches, 1);
}

TEST(ArrowRowsTest, ATableMayHaveNoRows) {
  int num_rows = -1;
  ReadArrowStream(WriteArrowStream({{"none", std::vector<double>()}}),
                  [&](const ArrowRows& rows) { num_rows = static_cast<int>(rows.num_rows); });
  EXPECT_EQ(num_rows, 0);
}

TEST(ArrowRowsTest, AStreamThatIsCutIsAnError) {
  const std::string stream = WriteArrowStream({{"number", std::vector<double>{1.0, 2.0, 3.0}}});
  for (const std::size_t size : {std::size_t{3}, stream.size() / 3, stream.size() / 2}) {
    EXPECT_THROW(ReadArrowStream(stream.substr(0, size), [](const ArrowRows&) {}), Error) << size;
  }
}

}  // namespace
}  // namespace firesteel
