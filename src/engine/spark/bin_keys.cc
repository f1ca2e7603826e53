#include "engine/spark/bin_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "sql/expression.h"
#include "sql/print.h"

namespace firesteel {
namespace {

std::string BinSql(const std::string& feature, const FeatureBins& bins) {
  if (bins.arity) return fmt::format("CAST({} AS INT)", feature);
  if (bins.thresholds.empty()) return "0";
  // Halves again and again: a chain of comparisons would take as many as there are thresholds.
  const auto halve = [&](const auto& self, std::size_t begin, std::size_t end) -> std::string {
    if (begin == end) return fmt::format("{}", begin);
    const std::size_t middle = (begin + end) / 2;
    return fmt::format("IF({} <= {}, {}, {})", feature,
                       sql::Print(*sql::Literal(bins.thresholds[middle]), sql::Dialect::kSpark),
                       self(self, begin, middle), self(self, middle + 1, end));
  };
  return halve(halve, 0, bins.thresholds.size());
}

}  // namespace

std::string AreFiniteSql(const std::vector<std::string>& numbers) {
  // Nothing but what is finite is 0 times 0; comparisons with infinity are longer code.
  std::string sum;
  for (const std::string& number : numbers) {
    sum += fmt::format("{}{} * 0e0", sum.empty() ? "" : " + ", number);
  }
  return fmt::format("coalesce({} = 0e0, false)", sum);
}

BinKeys::BinKeys(std::span<const FeatureBins> bins, const std::vector<std::string>& features)
    : is_usable_(AreFiniteSql(features)) {
  std::uint64_t room = 0;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (bins[i].arity) {
      is_usable_ += fmt::format(" AND {0} >= 0 AND {0} < {1}", features[i], *bins[i].arity);
    }
    const std::uint64_t size = std::max<std::uint64_t>(bins[i].num_bins(), 1);
    if (words_.empty() || room < size) {
      words_.emplace_back("0L");
      ends_.push_back(i);
      room = std::uint64_t{1} << 62;
    }
    words_.back() =
        fmt::format("({} * {} + {})", words_.back(), size, BinSql(features[i], bins[i]));
    ends_.back() = i + 1;
    room /= size;
    num_bins_.push_back(size);
  }
}

void BinKeys::Encode(std::span<const std::uint16_t> bins, std::span<std::int64_t> words) const {
  std::size_t i = 0;
  for (std::size_t w = 0; w < ends_.size(); ++w) {
    std::uint64_t word = 0;
    for (; i < ends_[w]; ++i) word = word * num_bins_[i] + bins[i];
    words[w] = static_cast<std::int64_t>(word);
  }
}

void BinKeys::Decode(std::span<const std::int64_t> words, std::span<std::uint16_t> bins) const {
  std::size_t begin = 0;
  for (std::size_t w = 0; w < ends_.size(); ++w) {
    auto left = static_cast<std::uint64_t>(words[w]);
    for (std::size_t i = ends_[w]; i-- > begin;) {
      bins[i] = static_cast<std::uint16_t>(left % num_bins_[i]);
      left /= num_bins_[i];
    }
    begin = ends_[w];
  }
}

}  // namespace firesteel
