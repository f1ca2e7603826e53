#include "engine/spark/bin_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace firesteel {
namespace {

using ::testing::ElementsAre;

TEST(BinKeysTest, BinsComeBackFromTheirNumbers) {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<FeatureBins> bins(1 + random() % 40);
    std::vector<std::string> features;
    for (FeatureBins& feature : bins) {
      features.push_back("f" + std::to_string(features.size()));
      if (random() % 3 == 0) {
        feature.arity = 1 + static_cast<int>(random() % 60'000);
      } else {
        feature.thresholds.resize(random() % 300);
      }
    }
    const BinKeys keys(bins, features);
    std::vector<std::uint16_t> expected(bins.size()), found(bins.size());
    std::vector<std::int64_t> words(keys.words().size());
    for (int row = 0; row < 20; ++row) {
      for (std::size_t i = 0; i < bins.size(); ++i) {
        // The last bin of all in the last row.
        expected[i] = static_cast<std::uint16_t>((row == 19 ? bins[i].num_bins() - 1 : random()) %
                                                 bins[i].num_bins());
      }
      keys.Encode(expected, words);
      EXPECT_TRUE(std::ranges::all_of(words, [](std::int64_t word) { return word >= 0; }));
      keys.Decode(words, found);
      ASSERT_EQ(found, expected);
    }
  }
}

TEST(BinKeysTest, FewFeaturesAreOneNumber) {
  const std::vector<FeatureBins> bins = {{.thresholds = {1.0, 2.0}}, {.arity = 2}};
  const BinKeys keys(bins, {"a", "b"});
  ASSERT_EQ(keys.words().size(), 1U);
  std::vector<std::int64_t> words(1);
  keys.Encode(std::vector<std::uint16_t>{2, 1}, words);
  EXPECT_THAT(words, ElementsAre(2 * 2 + 1));
}

}  // namespace
}  // namespace firesteel
