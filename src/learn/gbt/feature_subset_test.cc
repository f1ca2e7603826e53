#include "learn/gbt/feature_subset.h"

#include <gtest/gtest.h>

namespace firesteel {
namespace {

TEST(FeatureSubset, WordsCountAsInSpark) {
  EXPECT_EQ(FeatureSubsetSize("all", 10), 10u);
  EXPECT_EQ(FeatureSubsetSize("auto", 10), 10u);
  EXPECT_EQ(FeatureSubsetSize("sqrt", 10), 4u);      // 3.16 rounded up.
  EXPECT_EQ(FeatureSubsetSize("log2", 10), 4u);      // 3.32 rounded up.
  EXPECT_EQ(FeatureSubsetSize("log2", 1), 1u);       // 0, but one at least.
  EXPECT_EQ(FeatureSubsetSize("onethird", 10), 4u);  // 3.33 rounded up.
}

TEST(FeatureSubset, WholeNumbersCountAndSharesMultiply) {
  EXPECT_EQ(FeatureSubsetSize("1", 10), 1u);
  EXPECT_EQ(FeatureSubsetSize("1.0", 10), 10u);
  EXPECT_EQ(FeatureSubsetSize("25", 10), 10u);
  EXPECT_EQ(FeatureSubsetSize("0.25", 10), 3u);
  EXPECT_EQ(FeatureSubsetSize("5e-1", 10), 5u);
}

TEST(FeatureSubset, OtherTextsAreNoStrategy) {
  for (const char* text : {"all", "auto", "sqrt", "log2", "onethird", "3", "0.5", "1.0", "+2"}) {
    EXPECT_TRUE(IsFeatureSubsetStrategy(text)) << text;
  }
  for (const char* text :
       {"", "0", "1.5", "-1", "0.0", "ALL", "Sqrt", "half", "2x", "99999999999"}) {
    EXPECT_FALSE(IsFeatureSubsetStrategy(text)) << text;
  }
}

}  // namespace
}  // namespace firesteel
