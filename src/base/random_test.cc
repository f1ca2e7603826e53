#include "base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace firesteel {
namespace {

using ::testing::MatchesRegex;

TEST(SplitMix64Test, GivesThePublishedSequence) {
  // The first numbers of the authors' own program for seed 1234567.
  SplitMix64 generator(1234567);
  EXPECT_EQ(generator.Next(), 6457827717110365317u);
  EXPECT_EQ(generator.Next(), 3203168211198807973u);
}

TEST(SplitMix64Test, StaysInItsRange) {
  SplitMix64 generator(1);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LT(generator.NextBelow(7), 7u);
    const double number = generator.NextDouble();
    EXPECT_GE(number, 0.0);
    EXPECT_LT(number, 1.0);
  }
}

TEST(UuidTest, HasVersionAndVariant) {
  const std::string uuid = "[0-9a-f]{8}-[0-9a-f]{4}-%[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";
  auto pattern = [&uuid](const char* version) {
    std::string text = uuid;
    return text.replace(text.find('%'), 1, version);
  };
  EXPECT_THAT(RandomUuid(), MatchesRegex(pattern("4")));
  EXPECT_THAT(UuidOf("x"), MatchesRegex(pattern("8")));
  EXPECT_NE(RandomUuid(), RandomUuid());
  EXPECT_EQ(UuidOf("x"), UuidOf("x"));
  EXPECT_NE(UuidOf("x"), UuidOf("y"));
}

TEST(UidTest, HasTheFormOfSparkMl) {
  // The first 12 digits of SHA-256("abc").
  EXPECT_EQ(UidOf("StringIndexer", "abc"), "StringIndexer_ba7816bf8f01");
}

}  // namespace
}  // namespace firesteel
