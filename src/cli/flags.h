#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace firesteel {

/// The flags of one command: declared first, then parsed, then asked. Wrong use (an unknown or
/// repeated flag, a missing or superfluous value) is Error(kUsage) that says what to give.
class Flags {
 public:
  /// `usage` follows "firesteel" in the help; `footer` stands below the flags (examples).
  Flags(const std::string& usage, const std::string& sentence, const std::string& footer);
  ~Flags();
  Flags(const Flags&) = delete;
  Flags& operator=(const Flags&) = delete;

  /// `names` as in "--output,--s3-output-dir": the first one is what messages say and what Get
  /// takes.
  void AddValue(const std::string& group, const std::string& names, const std::string& value_name,
                const std::string& sentence, bool required = false);
  /// A value that may be given any number of times.
  void AddRepeatedValue(const std::string& group, const std::string& names,
                        const std::string& value_name, const std::string& sentence);
  /// A flag that may stand alone, which then means `alone`.
  void AddOptionalValue(const std::string& group, const std::string& names,
                        const std::string& value_name, const std::string& sentence,
                        const std::string& alone);
  void AddSwitch(const std::string& group, const std::string& names, const std::string& sentence);
  /// An argument without a flag; at most one.
  void AddPositional(const std::string& name, const std::string& sentence);

  /// Reads the arguments that follow the command's name. False: help was asked for, and printed to
  /// stdout.
  bool Parse(const std::vector<std::string>& arguments);

  std::optional<std::string> Get(std::string_view name) const;
  /// The values of a flag that may be given any number of times, in their order.
  std::vector<std::string> GetAll(std::string_view name) const;
  /// The value of a required flag.
  std::string Require(std::string_view name) const { return *Get(name); }
  bool Has(std::string_view name) const;
  /// Throws Error(kUsage) naming the flag.
  std::optional<double> GetNumber(std::string_view name) const;
  std::optional<long long> GetWholeNumber(std::string_view name, long long low,
                                          long long high) const;

 private:
  enum class Kind { kValue, kRepeatedValue, kOptionalValue, kSwitch, kPositional };
  struct Flag {
    Kind kind;
    std::string name;                // "--output"
    std::vector<std::string> names;  // With dashes.
    std::string value_name;
    std::string alone;  // What an optional value means if it is left out.
    bool required;
    CLI::Option* option;
  };

  const Flag& Find(std::string_view name) const;
  void Add(Kind kind, const std::string& group, const std::string& names,
           const std::string& value_name, const std::string& sentence, bool required);
  void CheckExtras() const;
  void CheckFlag(const Flag& flag) const;

  std::unique_ptr<CLI::App> app_;
  std::string usage_;
  std::vector<Flag> flags_;
};

/// The value of a flag among all arguments of a command, before its flags are declared.
std::optional<std::string> FindFlagValue(const std::vector<std::string>& arguments,
                                         std::string_view flag);

}  // namespace firesteel
