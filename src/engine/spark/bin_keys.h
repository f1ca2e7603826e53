#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "table/cells.h"

namespace firesteel {

/// SQL of a double that is NaN where `number` is null: what is never null is half the code in each
/// place that it is looked at.
std::string NanForNullSql(const std::string& number);
/// SQL of whether none of some doubles, which are never null, is NaN or infinite.
std::string AreFiniteSql(const std::vector<std::string>& numbers);

/// The bins of a row's features, side by side in as few whole numbers as hold them, in SQL: groups
/// of few columns are found faster.
class BinKeys {
 public:
  /// `features`: the SQL of each as a double, never null.
  BinKeys(std::span<const FeatureBins> bins, const std::vector<std::string>& features);

  /// SQL of whether all features of a row have a bin: they are finite, categories in their range.
  const std::string& is_usable() const { return is_usable_; }
  /// SQL of the numbers, each a bigint, for rows that are usable.
  const std::vector<std::string>& words() const { return words_; }
  /// The numbers of a row from its bins, one for each feature, and the other way round.
  void Encode(std::span<const std::uint16_t> bins, std::span<std::int64_t> words) const;
  void Decode(std::span<const std::int64_t> words, std::span<std::uint16_t> bins) const;

 private:
  std::vector<int> num_bits_;      // Of each feature's bin.
  std::vector<std::size_t> ends_;  // Behind the last feature of each word.
  std::vector<std::string> words_;
  std::string is_usable_;
};

}  // namespace firesteel
