#include "cli/engine_choice.h"

#include <gtest/gtest.h>

namespace firesteel {
namespace {

constexpr std::int64_t kGb = 1'000'000'000;

TEST(EngineChoiceTest, WhatFitsIntoMemoryStaysHereWhateverIsFreeToSpillTo) {
  const EngineChoice choice =
      ChooseEngine({.input_bytes = 8 * kGb, .memory_bytes = 8 * kGb, .free_spill_bytes = 0});
  EXPECT_FALSE(choice.is_spark);
  EXPECT_EQ(choice.reason, "duckdb, as the inputs' 8.0 GB fit into the memory of 8.0 GB");
}

TEST(EngineChoiceTest, WhatSpillsStaysHereUpToFourTimesTheMemory) {
  EngineSizes sizes = {
      .input_bytes = 32 * kGb, .memory_bytes = 8 * kGb, .free_spill_bytes = 100 * kGb};
  EngineChoice choice = ChooseEngine(sizes);
  EXPECT_FALSE(choice.is_spark);
  EXPECT_EQ(choice.reason,
            "duckdb, as the inputs' 32.0 GB are no more than 4 times the memory of 8.0 GB, and "
            "100.0 GB are free to spill to");
  sizes.input_bytes = 33 * kGb;
  choice = ChooseEngine(sizes);
  EXPECT_TRUE(choice.is_spark);
  EXPECT_EQ(choice.reason,
            "spark, as the inputs' 33.0 GB are more than 4 times the memory of 8.0 GB");
}

TEST(EngineChoiceTest, WhatHasNoRoomToSpillToGoesToSpark) {
  const EngineChoice choice =
      ChooseEngine({.input_bytes = 9 * kGb, .memory_bytes = 8 * kGb, .free_spill_bytes = kGb / 2});
  EXPECT_TRUE(choice.is_spark);
  EXPECT_EQ(choice.reason,
            "spark, as the inputs' 9.0 GB don't fit into the memory of 8.0 GB, and only 500.0 MB "
            "are free to spill to");
}

TEST(EngineChoiceTest, NothingIsSmall) {
  EXPECT_FALSE(ChooseEngine({.input_bytes = 0, .memory_bytes = 1, .free_spill_bytes = 0}).is_spark);
}

TEST(EngineChoiceTest, BytesHaveTheUnitThatSuitsThem) {
  EXPECT_EQ(BytesText(0), "0 bytes");
  EXPECT_EQ(BytesText(999), "999 bytes");
  EXPECT_EQ(BytesText(1000), "1.0 kB");
  EXPECT_EQ(BytesText(999'949), "999.9 kB");
  EXPECT_EQ(BytesText(999'950), "1.0 MB");
  EXPECT_EQ(BytesText(1'500'000'000), "1.5 GB");
  EXPECT_EQ(BytesText(7 * kGb * kGb), "7.0 EB");
}

}  // namespace
}  // namespace firesteel
