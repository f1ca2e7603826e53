#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace firesteel {

/// One value of a YAML file with the way that leads to it ("sources.shipping_logs.format"), so that
/// every message can say file, line and key. Scalars are typed by the core schema of YAML 1.2:
/// quoted text is text, plain `true`, `null`, `12`, `0x1F`, `1.5e3`, `.inf` are what they look
/// like, all else is text. Every error is Error(kUsage), "FILE line N: …".
class YamlValue {
 public:
  /// Parses a file of one document. Refuses text that is not UTF-8, repeated keys, keys that are no
  /// text, tags other than YAML's own, and what is nested or repeated (by aliases) without bounds.
  static YamlValue Parse(std::string_view text, const std::string& file);

  bool IsNull() const;
  bool IsMap() const { return node_.IsMap(); }
  bool IsList() const { return node_.IsSequence(); }
  const std::string& key() const { return key_; }
  /// 1-based.
  int line() const;
  /// "FILE line N": how the messages of others about this value begin.
  std::string Where() const;

  [[noreturn]] void Fail(const std::string& problem) const;

  /// The value of a key of a map; a missing required key is an error that lists the keys there may
  /// be.
  bool Has(std::string_view key) const;
  YamlValue Get(std::string_view key) const;
  /// Fails for a value that is no map, and for keys that are not among `allowed`, with
  /// did-you-mean.
  void CheckKeys(std::span<const std::string> allowed) const;
  /// Keys and values in the order of the file.
  std::vector<std::pair<std::string, YamlValue>> Entries() const;
  std::vector<YamlValue> Items() const;

  std::string Text() const;
  double Number() const;
  std::vector<std::string> TextList() const;
  /// Text that is one of `choices`, with did-you-mean.
  std::string Choice(std::span<const std::string> choices) const;
  nlohmann::ordered_json ToJson() const;

 private:
  YamlValue(YAML::Node node, const std::string* file, std::string key)
      : node_(std::move(node)), file_(*file), key_(std::move(key)) {}

  YamlValue Child(const YAML::Node& node, const std::string& step) const;
  /// Walks everything once: bounds, keys, tags.
  void Validate(int depth, int* num_values) const;
  nlohmann::ordered_json ScalarToJson() const;

  YAML::Node node_;
  std::string file_;
  std::string key_;  // Empty for the whole document.
};

}  // namespace firesteel
