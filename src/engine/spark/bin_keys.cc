#include "engine/spark/bin_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "sql/expression.h"
#include "sql/print.h"

namespace firesteel {
namespace {

constexpr int kBitsOfWord = 62;  // None is negative, which stands for a row without bins.
// A cast takes as long as many comparisons, since Spark watches for numbers that do not fit.
constexpr std::int32_t kMaxComparedCategories = 64;

std::string BinSql(const std::string& feature, const FeatureBins& bins) {
  const std::int32_t arity = bins.arity.value_or(0);
  if (arity > kMaxComparedCategories) return fmt::format("CAST({} AS BIGINT)", feature);
  // Halves again and again: a chain of comparisons would take as many as there are bins.
  const auto halve = [&](const auto& self, std::size_t begin, std::size_t end) -> std::string {
    if (begin == end) return fmt::format("{}L", begin);
    const std::size_t middle = (begin + end) / 2;
    const double end_of_bin =
        bins.arity ? static_cast<double>(middle + 1) : bins.thresholds[middle];
    return fmt::format("IF({} {} {}, {}, {})", feature, bins.arity ? "<" : "<=",
                       sql::Print(*sql::Literal(end_of_bin), sql::Dialect::kSpark),
                       self(self, begin, middle), self(self, middle + 1, end));
  };
  return halve(halve, 0, std::max<std::size_t>(bins.num_bins(), 1) - 1);
}

}  // namespace

std::string NanForNullSql(const std::string& number) {
  return fmt::format("coalesce({}, CAST('NaN' AS DOUBLE))", number);
}

std::string AreFiniteSql(const std::vector<std::string>& numbers) {
  // Nothing but what is finite is 0 times 0; comparisons with infinity are longer code.
  std::string sum;
  for (const std::string& number : numbers) {
    sum += fmt::format("{}{} * 0e0", sum.empty() ? "" : " + ", number);
  }
  return fmt::format("{} = 0e0", sum);
}

BinKeys::BinKeys(std::span<const FeatureBins> bins, const std::vector<std::string>& features)
    : is_usable_(AreFiniteSql(features)) {
  int room = 0;  // Bits that are left in the last word.
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (bins[i].arity) {
      is_usable_ += fmt::format(" AND {0} >= 0 AND {0} < {1}", features[i], *bins[i].arity);
    }
    const int num_bits = std::bit_width(std::max<std::size_t>(bins[i].num_bins(), 1) - 1);
    const std::string bin = BinSql(features[i], bins[i]);
    if (words_.empty() || room < num_bits) {
      words_.push_back(bin);
      ends_.push_back(i);
      room = kBitsOfWord;
    } else {
      // Bits, as Spark watches sums and products, too.
      words_.back() = fmt::format("(shiftleft({}, {}) | {})", words_.back(), num_bits, bin);
    }
    ends_.back() = i + 1;
    room -= num_bits;
    num_bits_.push_back(num_bits);
  }
}

void BinKeys::Encode(std::span<const std::uint16_t> bins, std::span<std::int64_t> words) const {
  std::size_t i = 0;
  for (std::size_t w = 0; w < ends_.size(); ++w) {
    std::uint64_t word = 0;
    for (; i < ends_[w]; ++i) word = (word << num_bits_[i]) | bins[i];
    words[w] = static_cast<std::int64_t>(word);
  }
}

void BinKeys::Decode(std::span<const std::int64_t> words, std::span<std::uint16_t> bins) const {
  std::size_t begin = 0;
  for (std::size_t w = 0; w < ends_.size(); ++w) {
    auto left = static_cast<std::uint64_t>(words[w]);
    for (std::size_t i = ends_[w]; i-- > begin;) {
      bins[i] = static_cast<std::uint16_t>(left & ((std::uint64_t{1} << num_bits_[i]) - 1));
      left >>= num_bits_[i];
    }
    begin = ends_[w];
  }
}

}  // namespace firesteel
