#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace firesteel {

// How a learner puts what it knows into the bytes of a Checkpoint, and gets it out again. Numbers
// lie as in memory, in the byte order of x86-64 and arm64, so that doubles keep their bits. The
// format is private to one version of firesteel: a head that names it, the fingerprint of the
// training, what the learner wrote, and the SHA-256 of all that.

/// What decides a training, in short: parameters and rows, as far as the learner sees them. Only a
/// training of the same fingerprint may go on from a state.
class TrainingFingerprint {
 public:
  template <typename Number>
    requires std::is_arithmetic_v<Number> || std::is_enum_v<Number>
  void Add(Number number) {
    AddBytes({reinterpret_cast<const char*>(&number), sizeof(number)});
  }
  void Add(std::string_view text) { AddHashed(text); }
  template <typename Number>
    requires std::is_arithmetic_v<Number>
  void Add(const std::vector<Number>& numbers) {
    AddHashed({reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number)});
  }

  std::string Result() const;

 private:
  void AddBytes(std::string_view bytes) { text_ += bytes; }
  void AddHashed(std::string_view bytes);

  std::string text_;
};

class StateWriter {
 public:
  /// `learner` and `fingerprint` are asked for when the state is opened.
  StateWriter(std::string_view learner, std::string_view fingerprint);

  template <typename Number>
    requires std::is_arithmetic_v<Number>
  void Add(Number number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof(number));
  }
  void Add(std::string_view text);
  template <typename Number>
    requires std::is_arithmetic_v<Number>
  void Add(const std::vector<Number>& numbers) {
    Add(std::string_view(reinterpret_cast<const char*>(numbers.data()),
                         numbers.size() * sizeof(Number)));
  }

  /// The whole; nothing may be added afterwards.
  std::string Finish();

 private:
  std::string bytes_;
};

/// Reads what a StateWriter wrote, in the same order. Reading beyond the end, or a vector whose
/// size is no multiple of a number's, gives zeros and makes is_good() false for good.
class StateReader {
 public:
  /// Nothing, and a line in the log that says so, if the bytes are damaged, of another format or
  /// of another training. `bytes` must outlive the reader.
  static std::optional<StateReader> Open(std::string_view bytes, std::string_view learner,
                                         std::string_view fingerprint);

  template <typename Number>
    requires std::is_arithmetic_v<Number>
  void Read(Number& number) {
    const std::string_view bytes = Take(sizeof(Number));
    number = Number();
    if (bytes.size() == sizeof(Number)) std::memcpy(&number, bytes.data(), sizeof(Number));
  }
  void Read(std::string& text);
  template <typename Number>
    requires std::is_arithmetic_v<Number>
  void Read(std::vector<Number>& numbers) {
    std::string text;
    Read(text);
    is_good_ = is_good_ && text.size() % sizeof(Number) == 0;
    numbers.assign(is_good_ ? text.size() / sizeof(Number) : 0, Number());
    if (!numbers.empty()) {
      std::memcpy(numbers.data(), text.data(), numbers.size() * sizeof(Number));
    }
  }

  bool is_good() const { return is_good_; }
  /// Whether nothing is left, and all was good.
  bool is_done() const { return is_good_ && rest_.empty(); }

 private:
  explicit StateReader(std::string_view rest) : rest_(rest) {}
  std::string_view Take(std::size_t size);

  std::string_view rest_;
  bool is_good_ = true;
};

/// Says in the log that a training goes on: "gbt: going on after 120 of 300 iterations, which an
/// earlier run saved".
void LogGoingOn(std::string_view learner, int done, int total);
/// Says in the log that a state is of no use and the training begins anew.
void LogUselessState(std::string_view learner);

}  // namespace firesteel
