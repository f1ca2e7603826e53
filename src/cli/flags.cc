#include "cli/flags.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <system_error>

#include "base/error.h"
#include "base/text.h"

namespace firesteel {
namespace {

constexpr std::size_t kHelpColumn = 32;
constexpr std::size_t kHelpWidth = 96;

// Headings and flags as CLI11 lays them out, but with the usage line as we want it and long
// sentences wrapped.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string name) const override {
    return "Usage: firesteel " + name + "\n";
  }

  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string text =
        "  " + make_option_name(option, is_positional) + make_option_opts(option) + " ";
    std::size_t column = text.size();
    // A name that is too long for its column has a line to itself.
    const auto wrap = [&] {
      text += "\n" + std::string(kHelpColumn, ' ');
      column = kHelpColumn;
    };
    if (column > kHelpColumn) {
      wrap();
    } else {
      text.resize(kHelpColumn, ' ');
      column = kHelpColumn;
    }
    for (const std::string& word : Split(make_option_desc(option), ' ')) {
      if (column > kHelpColumn && column + 1 + word.size() > kHelpWidth) wrap();
      if (column > kHelpColumn) {
        text += ' ';
        ++column;
      }
      text += word;
      column += word.size();
    }
    return text + "\n";
  }
};

}  // namespace

Flags::Flags(const std::string& usage, const std::string& sentence, const std::string& footer)
    : app_(std::make_unique<CLI::App>(sentence, usage)), usage_(usage) {
  app_->formatter(std::make_shared<HelpFormatter>());
  app_->allow_extras();
  app_->set_help_flag();  // Parse answers it, before anything is checked.
  app_->footer("\n" + footer);
}

Flags::~Flags() = default;

void Flags::Add(Kind kind, const std::string& group, const std::string& names,
                const std::string& value_name, const std::string& sentence, bool required) {
  const std::string text = required ? sentence + " (required)" : sentence;
  CLI::Option* option = nullptr;
  if (kind == Kind::kSwitch) {
    option = app_->add_flag(names, text);
  } else {
    option = app_->add_option(names, [](const CLI::results_t&) { return true; }, text);
    option->type_name(value_name);
    option->expected(kind == Kind::kOptionalValue ? 0 : 1, 1);
  }
  // Repetitions are counted and refused by CheckFlag, in our words.
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  option->group(group);
  Flag flag{kind, "", Split(names, ','), value_name, "", required, option};
  flag.name = flag.names[0];
  flags_.push_back(std::move(flag));
}

void Flags::AddValue(const std::string& group, const std::string& names,
                     const std::string& value_name, const std::string& sentence, bool required) {
  Add(Kind::kValue, group, names, value_name, sentence, required);
}

void Flags::AddRepeatedValue(const std::string& group, const std::string& names,
                             const std::string& value_name, const std::string& sentence) {
  Add(Kind::kRepeatedValue, group, names, value_name, sentence, false);
}

void Flags::AddOptionalValue(const std::string& group, const std::string& names,
                             const std::string& value_name, const std::string& sentence,
                             const std::string& alone) {
  Add(Kind::kOptionalValue, group, names, value_name, sentence, false);
  flags_.back().alone = alone;
}

void Flags::AddSwitch(const std::string& group, const std::string& names,
                      const std::string& sentence) {
  Add(Kind::kSwitch, group, names, "", sentence, false);
}

void Flags::AddPositional(const std::string& name, const std::string& sentence) {
  Add(Kind::kPositional, "Arguments", name, "", sentence, false);
}

bool Flags::Parse(const std::vector<std::string>& arguments) {
  const auto asks_help = [](const std::string& a) { return a == "--help" || a == "-h"; };
  if (std::any_of(arguments.begin(), arguments.end(), asks_help)) {
    std::string text = app_->help();
    for (std::size_t gap = 0; (gap = text.find("\n\n\n")) != std::string::npos;) {
      text.erase(gap, 1);
    }
    std::fputs(text.c_str(), stdout);
    return false;
  }
  try {
    app_->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError&) {
    // All that CLI11 finds by itself is a value that is missing at the end.
    const std::string& last = arguments.back();
    throw Error(ErrorKind::kUsage, fmt::format("{} needs a value; see firesteel {} --help", last,
                                               Split(usage_, ' ')[0]));
  }
  CheckExtras();
  for (const Flag& flag : flags_) CheckFlag(flag);
  std::vector<std::string> missing;
  for (const Flag& flag : flags_) {
    if (flag.required && flag.option->count() == 0) {
      missing.push_back(fmt::format("{} {}", flag.name, flag.value_name));
    }
  }
  if (!missing.empty()) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{} {} missing; see firesteel {} --help", Join(missing, " and "),
                            missing.size() == 1 ? "is" : "are", Split(usage_, ' ')[0]));
  }
  return true;
}

void Flags::CheckExtras() const {
  const std::vector<std::string> extras = app_->remaining();
  if (extras.empty()) return;
  const auto flag = std::find_if(extras.begin(), extras.end(),
                                 [](const std::string& e) { return e.starts_with("-"); });
  if (flag == extras.end()) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' is not expected here; see firesteel {} --help",
                                               extras[0], Split(usage_, ' ')[0]));
  }
  std::vector<std::string> known = {"--help"};
  for (const Flag& each : flags_) {
    known.insert(known.end(), each.names.begin(), each.names.end());
  }
  const std::string name = flag->substr(0, flag->find('='));
  const std::string hint = DidYouMean(name, known);
  throw Error(ErrorKind::kUsage, fmt::format("unknown flag {}{}{}", name, hint,
                                             hint.empty() ? fmt::format("; see firesteel {} --help",
                                                                        Split(usage_, ' ')[0])
                                                          : ""));
}

void Flags::CheckFlag(const Flag& flag) const {
  if (flag.option->count() > 1 && flag.kind != Kind::kRepeatedValue) {
    throw Error(ErrorKind::kUsage,
                flag.names.size() > 1
                    ? fmt::format("{} is given more than once ({} is the same)", flag.name,
                                  Join(std::span(flag.names).subspan(1), ", "))
                    : fmt::format("{} is given more than once", flag.name));
  }
  if (flag.kind != Kind::kValue && flag.kind != Kind::kRepeatedValue) return;
  for (const std::string& value : flag.option->results()) {
    if (!value.starts_with("--")) continue;
    throw Error(ErrorKind::kUsage,
                fmt::format("{} needs a value, and '{}' looks like a flag", flag.name, value));
  }
}

const Flags::Flag& Flags::Find(std::string_view name) const {
  for (const Flag& flag : flags_) {
    if (flag.name == name) return flag;
  }
  throw Error(ErrorKind::kInternal, fmt::format("no flag {} was declared", name));
}

std::optional<std::string> Flags::Get(std::string_view name) const {
  const Flag& flag = Find(name);
  if (flag.option->count() == 0) return std::nullopt;
  const std::string& value = flag.option->results()[0];
  // What stands alone is an empty result or CLI11's word for it.
  if (flag.kind == Kind::kOptionalValue && (value.empty() || value == "{}")) {
    return flag.alone;
  }
  return value;
}

std::vector<std::string> Flags::GetAll(std::string_view name) const {
  const Flag& flag = Find(name);
  return flag.option->count() == 0 ? std::vector<std::string>() : flag.option->results();
}

bool Flags::Has(std::string_view name) const { return Find(name).option->count() > 0; }

std::optional<double> Flags::GetNumber(std::string_view name) const {
  const std::optional<std::string> text = Get(name);
  if (!text) return std::nullopt;
  double value = 0.0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  if (stop != end || error != std::errc() || !std::isfinite(value)) {
    throw Error(ErrorKind::kUsage, fmt::format("{}: '{}' is not a number", name, *text));
  }
  return value;
}

std::optional<long long> Flags::GetWholeNumber(std::string_view name, long long low,
                                               long long high) const {
  const std::optional<std::string> text = Get(name);
  if (!text) return std::nullopt;
  long long value = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  if (stop != end || error != std::errc() || value < low || value > high) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{}: '{}' is not a whole number of {} to {}", name, *text, low, high));
  }
  return value;
}

std::optional<std::string> FindFlagValue(const std::vector<std::string>& arguments,
                                         std::string_view flag) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == flag && i + 1 < arguments.size()) return arguments[i + 1];
    if (argument.starts_with(flag) && argument.substr(flag.size()).starts_with('=')) {
      return std::string(argument.substr(flag.size() + 1));
    }
  }
  return std::nullopt;
}

}  // namespace firesteel
