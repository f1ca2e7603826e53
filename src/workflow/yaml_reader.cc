#include "workflow/yaml_reader.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <system_error>

#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
constexpr int kMaxDepth = 50;
constexpr int kMaxValues = 100000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsDecimalFloat(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t start = i;
    while (i < text.size() && IsDigit(text[i])) ++i;
    return i - start;
  };
  const std::size_t whole = digits();
  std::size_t fraction = 0;
  if (i < text.size() && text[i] == '.') {
    ++i;
    fraction = digits();
  }
  if (whole + fraction == 0) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

Json PlainScalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") {
    return Json(nullptr);
  }
  if (text == "true" || text == "True" || text == "TRUE") return Json(true);
  if (text == "false" || text == "False" || text == "FALSE") return Json(false);

  std::string_view digits = text;
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0o")) {
    base = digits[1] == 'x' ? 16 : 8;
    digits.remove_prefix(2);
  } else if (digits[0] == '+') {
    digits.remove_prefix(1);
    if (digits.empty() || !(IsDigit(digits[0]) || digits[0] == '.')) return Json(text);
  }
  std::int64_t whole = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, whole, base);
  const bool is_signed_hex = base != 10 && (digits.empty() || digits[0] == '-');
  if (stop == end && error == std::errc() && !is_signed_hex) return Json(whole);
  if (base != 10) return Json(text);

  const bool is_negative = digits[0] == '-';
  if (is_negative) digits.remove_prefix(1);
  double value = std::numeric_limits<double>::infinity();
  if (digits == ".inf" || digits == ".Inf" || digits == ".INF") {
    return Json(is_negative ? -value : value);
  }
  if (text == ".nan" || text == ".NaN" || text == ".NAN") {
    return Json(std::numeric_limits<double>::quiet_NaN());
  }
  if (!IsDecimalFloat(digits)) return Json(text);
  const std::string padded = "0" + std::string(digits);
  std::from_chars(padded.data(), padded.data() + padded.size(), value);
  return Json(is_negative ? -value : value);
}

std::string TypeOf(const Json& value) {
  if (value.is_null()) return "nothing";
  if (value.is_boolean()) return value.get<bool>() ? "the boolean true" : "the boolean false";
  if (value.is_number()) return fmt::format("the number {}", value.dump());
  if (value.is_string()) return fmt::format("'{}'", value.get<std::string>());
  return value.is_array() ? "a list" : "a map";
}

}  // namespace

YamlValue YamlValue::Parse(std::string_view text, const std::string& file) {
  if (text.size() > kMaxBytes) {
    throw Error(ErrorKind::kUsage, fmt::format("{}: a workflow file has at most {} bytes, not {}",
                                               file, kMaxBytes, text.size()));
  }
  if (!IsUtf8(text)) {
    throw Error(ErrorKind::kUsage, fmt::format("{}: the file is not UTF-8 text", file));
  }
  std::vector<YAML::Node> documents;
  try {
    documents = YAML::LoadAll(std::string(text));
  } catch (const YAML::Exception& failure) {
    throw Error(ErrorKind::kUsage, fmt::format("{} line {}: this is not YAML: {}", file,
                                               failure.mark.line + 1, failure.msg));
  }
  if (documents.empty() || documents[0].IsNull()) {
    throw Error(ErrorKind::kUsage, fmt::format("{}: the file is empty", file));
  }
  if (documents.size() > 1) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{} line {}: a second document begins; a workflow file has one", file,
                            documents[1].Mark().line + 1));
  }
  const YamlValue root(documents[0], &file, "");
  int num_values = 0;
  root.Validate(0, &num_values);
  return root;
}

void YamlValue::Validate(int depth, int* num_values) const {
  if (depth > kMaxDepth) Fail("values are nested too deeply");
  if (++*num_values > kMaxValues) Fail("the file has too many values");
  const std::string& tag = node_.Tag();
  if (!tag.empty() && tag != "?" && tag != "!" && !tag.starts_with("tag:yaml.org,2002:")) {
    Fail(fmt::format("the tag '{}' is not known here", tag));
  }
  if (node_.IsMap()) {
    std::set<std::string> seen;
    for (const auto& entry : node_) {
      if (!entry.first.IsScalar()) Child(entry.first, "?").Fail("a key must be text");
      const std::string name = entry.first.Scalar();
      if (!seen.insert(name).second) {
        Child(entry.first, name).Fail("this key is given twice");
      }
      Child(entry.second, name).Validate(depth + 1, num_values);
    }
  } else if (node_.IsSequence()) {
    for (const YamlValue& item : Items()) item.Validate(depth + 1, num_values);
  }
}

YamlValue YamlValue::Child(const YAML::Node& node, const std::string& step) const {
  return YamlValue(node, &file_, key_.empty() ? step : fmt::format("{}.{}", key_, step));
}

bool YamlValue::IsNull() const {
  return node_.IsNull() || (node_.IsScalar() && ScalarToJson().is_null());
}

int YamlValue::line() const { return node_.Mark().line + 1; }

std::string YamlValue::Where() const { return fmt::format("{} line {}", file_, line()); }

void YamlValue::Fail(const std::string& problem) const {
  throw Error(ErrorKind::kUsage, key_.empty() ? fmt::format("{}: {}", Where(), problem)
                                              : fmt::format("{}: {}: {}", Where(), key_, problem));
}

bool YamlValue::Has(std::string_view key) const {
  if (!node_.IsMap()) return false;
  for (const auto& entry : node_) {
    if (entry.first.Scalar() == key) return true;
  }
  return false;
}

YamlValue YamlValue::Get(std::string_view key) const {
  for (const auto& entry : node_) {
    if (entry.first.Scalar() == key) return Child(entry.second, std::string(key));
  }
  Fail(fmt::format("the key '{}' is missing", key));
}

void YamlValue::CheckKeys(std::span<const std::string> allowed) const {
  if (!node_.IsMap()) {
    Fail(fmt::format("keys and values are expected here (of {}), not {}", Join(allowed, ", "),
                     TypeOf(ToJson())));
  }
  for (const auto& entry : node_) {
    const std::string name = entry.first.Scalar();
    if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) continue;
    Child(entry.first, name)
        .Fail(fmt::format("unknown key{}; known here: {}", DidYouMean(name, allowed),
                          Join(allowed, ", ")));
  }
}

std::vector<std::pair<std::string, YamlValue>> YamlValue::Entries() const {
  if (!node_.IsMap()) {
    Fail(fmt::format("keys and values are expected here, not {}", TypeOf(ToJson())));
  }
  std::vector<std::pair<std::string, YamlValue>> entries;
  for (const auto& entry : node_) {
    entries.emplace_back(entry.first.Scalar(), Child(entry.second, entry.first.Scalar()));
  }
  return entries;
}

std::vector<YamlValue> YamlValue::Items() const {
  if (!node_.IsSequence()) Fail(fmt::format("a list is expected, not {}", TypeOf(ToJson())));
  std::vector<YamlValue> items;
  for (const YAML::Node& item : node_) {
    items.push_back(YamlValue(item, &file_, fmt::format("{}[{}]", key_, items.size() + 1)));
  }
  return items;
}

std::string YamlValue::Text() const {
  const Json value = ToJson();
  if (!value.is_string()) {
    Fail(fmt::format("text is expected, not {}{}", TypeOf(value),
                     value.is_primitive() && !value.is_null() ? "; put it in quotes" : ""));
  }
  const std::string text = value.get<std::string>();
  if (text.empty()) Fail("text is expected, and it can't be empty");
  return text;
}

double YamlValue::Number() const {
  const Json value = ToJson();
  if (!value.is_number()) Fail(fmt::format("a number is expected, not {}", TypeOf(value)));
  return value.get<double>();
}

std::vector<std::string> YamlValue::TextList() const {
  std::vector<std::string> texts;
  for (const YamlValue& item : Items()) texts.push_back(item.Text());
  return texts;
}

std::string YamlValue::Choice(std::span<const std::string> choices) const {
  const Json value = ToJson();
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) return text;
    Fail(fmt::format("'{}' is not one of {}{}", text, Join(choices, ", "),
                     DidYouMean(text, choices)));
  }
  Fail(fmt::format("one of {} is expected, not {}", Join(choices, ", "), TypeOf(value)));
}

Json YamlValue::ScalarToJson() const {
  const std::string& tag = node_.Tag();
  const std::string text = node_.Scalar();
  if (tag == "!" || tag == "tag:yaml.org,2002:str") return Json(text);
  return PlainScalar(text);
}

Json YamlValue::ToJson() const {
  if (node_.IsScalar()) return ScalarToJson();
  if (node_.IsMap()) {
    Json object = Json::object();
    for (const auto& [key, value] : Entries()) object[key] = value.ToJson();
    return object;
  }
  if (node_.IsSequence()) {
    Json list = Json::array();
    for (const YamlValue& item : Items()) list.push_back(item.ToJson());
    return list;
  }
  return Json(nullptr);
}

}  // namespace firesteel
