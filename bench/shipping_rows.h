#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "learn/learner.h"

namespace firesteel {

/// Rows like those that the shipping workflow trains on: eight categories of two values, two
/// continuous features, a label of whole days that depends on them. The same for the same
/// `num_rows`.
class ShippingRows {
 public:
  explicit ShippingRows(std::size_t num_rows) {
    SplitMix64 random(7);
    Attribute binary;
    binary.kind = Attribute::Kind::kBinary;
    attributes_.assign(kNumBinary, binary);
    attributes_.resize(kNumBinary + 2);
    for (std::size_t row = 0; row < num_rows; ++row) {
      double days = 6.0;
      for (std::size_t i = 0; i < kNumBinary; ++i) {
        const double value = static_cast<double>(random.NextBelow(2));
        days += value * (static_cast<double>(i) - 2.5) / 2.0;
        values_.push_back(value);
      }
      const double distance = 40.0 + 400.0 * random.NextDouble() * random.NextDouble();
      const double promised = static_cast<double>(static_cast<int>(days + distance / 60.0));
      values_.push_back(distance);
      values_.push_back(promised);
      labels_.push_back(static_cast<double>(
          static_cast<int>(days + distance / 40.0 + 4.0 * random.NextDouble())));
    }
  }

  TrainingData Data() const {
    return {.features = {values_.data(), labels_.size(), attributes_.size()},
            .labels = labels_,
            .attributes = attributes_};
  }

 private:
  static constexpr std::size_t kNumBinary = 8;

  std::vector<Attribute> attributes_;
  std::vector<double> values_;
  std::vector<double> labels_;
};

}  // namespace firesteel
