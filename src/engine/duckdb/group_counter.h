#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace firesteel::duckdb {

/// The bits that stand for a number in a group: the same for -0.0 and 0.0, and for all NaNs.
inline std::uint64_t GroupBits(double value) {
  if (value != value) return 0x7FF8000000000000;
  return std::bit_cast<std::uint64_t>(value + 0.0);
}

/// Counts rows by group, a few words each: a hash table that only grows. Its memory is its own, so
/// whoever fills it watches size().
class GroupCounter {
 public:
  explicit GroupCounter(std::size_t num_words) : num_words_(num_words), slots_(16, 0) {}

  std::size_t num_words() const { return num_words_; }
  std::size_t size() const { return counts_.size(); }
  std::span<const std::uint64_t> words(std::size_t group) const {
    return {words_.data() + group * num_words_, num_words_};
  }
  std::int64_t count(std::size_t group) const { return counts_[group]; }

  /// Adds `count` rows to the group of `words`, length num_words().
  void Add(const std::uint64_t* words, std::int64_t count) {
    for (std::size_t slot = Hash(words) & (slots_.size() - 1);;
         slot = (slot + 1) & (slots_.size() - 1)) {
      if (slots_[slot] == 0) {
        words_.insert(words_.end(), words, words + num_words_);
        counts_.push_back(count);
        slots_[slot] = static_cast<std::uint32_t>(counts_.size());
        if (2 * counts_.size() > slots_.size()) Grow();
        return;
      }
      const std::size_t group = slots_[slot] - 1;
      if (std::equal(words, words + num_words_, words_.data() + group * num_words_)) {
        counts_[group] += count;
        return;
      }
    }
  }

  void Merge(const GroupCounter& other) {
    for (std::size_t i = 0; i < other.size(); ++i) Add(other.words(i).data(), other.count(i));
  }

 private:
  std::size_t Hash(const std::uint64_t* words) const {
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < num_words_; ++i) {
      hash = (hash ^ words[i]) * 0x9E3779B97F4A7C15;
      hash ^= hash >> 32;  // Doubles differ in their high bits.
    }
    hash *= 0x9E3779B97F4A7C15;
    return static_cast<std::size_t>(hash >> 32);
  }

  void Grow() {
    slots_.assign(4 * slots_.size(), 0);
    for (std::size_t group = 0; group < counts_.size(); ++group) {
      std::size_t slot = Hash(words_.data() + group * num_words_) & (slots_.size() - 1);
      while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = static_cast<std::uint32_t>(group + 1);
    }
  }

  std::size_t num_words_;
  std::vector<std::uint32_t> slots_;  // A group's position and one; 0 is free.
  std::vector<std::uint64_t> words_;  // Shape (groups, num_words).
  std::vector<std::int64_t> counts_;
};

}  // namespace firesteel::duckdb
