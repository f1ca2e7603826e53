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
  std::size_t size() const { return size_; }
  std::span<const std::uint64_t> words(std::size_t group) const { return {At(group), num_words_}; }
  std::int64_t count(std::size_t group) const {
    return static_cast<std::int64_t>(At(group)[num_words_]);
  }

  /// Adds `count` rows to the group of `words`, length num_words().
  void Add(const std::uint64_t* words, std::int64_t count) { Add(words, count, Hash(words)); }

  /// Adds a row to each of `num_rows` groups, whose words lie side by side. Looks all of them up at
  /// once, so that they are waited for together.
  void AddRows(const std::uint64_t* words, std::size_t num_rows) {
    hashes_.resize(num_rows);
    for (std::size_t row = 0; row < num_rows; ++row) {
      hashes_[row] = Hash(words + row * num_words_);
      __builtin_prefetch(&slots_[hashes_[row] & (slots_.size() - 1)]);
    }
    for (const std::size_t hash : hashes_) {
      const std::uint32_t slot = slots_[hash & (slots_.size() - 1)];
      if (slot != 0) __builtin_prefetch(At(slot - 1));
    }
    for (std::size_t row = 0; row < num_rows; ++row) {
      Add(words + row * num_words_, 1, hashes_[row]);
    }
  }

  void Merge(const GroupCounter& other) {
    for (std::size_t i = 0; i < other.size(); ++i) Add(other.words(i).data(), other.count(i));
  }

 private:
  const std::uint64_t* At(std::size_t group) const {
    return groups_.data() + group * (num_words_ + 1);
  }

  std::size_t Hash(const std::uint64_t* words) const {
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < num_words_; ++i) {
      hash = (hash ^ words[i]) * 0x9E3779B97F4A7C15;
      hash ^= hash >> 32;  // Doubles differ in their high bits.
    }
    hash *= 0x9E3779B97F4A7C15;
    return static_cast<std::size_t>(hash >> 32);
  }

  void Add(const std::uint64_t* words, std::int64_t count, std::size_t hash) {
    for (std::size_t slot = hash & (slots_.size() - 1);; slot = (slot + 1) & (slots_.size() - 1)) {
      if (slots_[slot] == 0) {
        groups_.insert(groups_.end(), words, words + num_words_);
        groups_.push_back(static_cast<std::uint64_t>(count));
        slots_[slot] = static_cast<std::uint32_t>(++size_);
        if (2 * size_ > slots_.size()) Grow();
        return;
      }
      std::uint64_t* group = groups_.data() + (slots_[slot] - 1) * (num_words_ + 1);
      if (std::equal(words, words + num_words_, group)) {
        group[num_words_] += static_cast<std::uint64_t>(count);
        return;
      }
    }
  }

  void Grow() {
    slots_.assign(4 * slots_.size(), 0);
    for (std::size_t group = 0; group < size_; ++group) {
      std::size_t slot = Hash(At(group)) & (slots_.size() - 1);
      while (slots_[slot] != 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = static_cast<std::uint32_t>(group + 1);
    }
  }

  std::size_t num_words_;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> slots_;   // A group's position and one; 0 is free.
  std::vector<std::uint64_t> groups_;  // Shape (groups, num_words + 1): words, then the count.
  std::vector<std::size_t> hashes_;
};

}  // namespace firesteel::duckdb
