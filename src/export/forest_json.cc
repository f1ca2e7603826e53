#include "export/forest_json.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;
using Test = ExportedNode::Test;

constexpr int kVersion = 1;

Json FeatureToJson(const Attribute& feature) {
  Json json = {{"name", *feature.name}};
  if (feature.kind == Attribute::Kind::kNumeric) {
    json["type"] = "numeric";
    return json;
  }
  json["type"] = "categorical";
  if (const auto arity = feature.Arity()) json["num_categories"] = *arity;
  if (!feature.values.empty()) json["categories"] = feature.values;
  return json;
}

Json NodeToJson(const ExportedNode& node) {
  if (node.test == Test::kLeaf) return {{"leaf", NumberToJson(node.leaf)}};
  Json json = {{"feature", node.feature}};
  if (node.test == Test::kMember) {
    json["test"] = "in";
    json["value"] = node.categories;
  } else {
    json["test"] = node.test == Test::kAtMost ? "<=" : "<";
    json["value"] = NumberToJson(node.threshold);
  }
  json["yes"] = node.yes;
  json["no"] = node.no;
  json["missing"] = node.missing_passes ? "yes" : "no";
  return json;
}

ExportedNode NodeFromJson(const Json& json) {
  if (json.contains("leaf")) return {.leaf = NumberFromJson(json.at("leaf"))};
  ExportedNode node{.missing_passes = json.at("missing") == "yes",
                    .yes = json.at("yes").get<std::int32_t>(),
                    .no = json.at("no").get<std::int32_t>(),
                    .feature = json.at("feature").get<std::int32_t>()};
  if (json.at("test") == "in") {
    node.test = Test::kMember;
    node.categories = json.at("value").get<std::vector<std::int32_t>>();
  } else {
    node.test = json.at("test") == "<=" ? Test::kAtMost : Test::kBelow;
    node.threshold = NumberFromJson(json.at("value"));
  }
  return node;
}

ExportedForest Read(const Json& json) {
  if (json.at("firesteel_export") != kVersion) {
    throw Error(ErrorKind::kInvalidArgument,
                fmt::format("exported JSON: this is no file of version {}", kVersion));
  }
  ExportedForest forest{.kind = json.at("kind").get<std::string>(),
                        .label = json.at("label").get<std::string>(),
                        .prediction = json.at("prediction").get<std::string>(),
                        .features = {},
                        .sums_floats = json.at("sum") == "float32",
                        .base = NumberFromJson(json.at("base")),
                        .link = json.at("link") == "exp" ? ExportedForest::Link::kExp
                                                         : ExportedForest::Link::kIdentity,
                        .trees = {}};
  for (const Json& feature : json.at("features")) {
    Attribute attribute;
    attribute.name = feature.at("name").get<std::string>();
    forest.features.push_back(std::move(attribute));
  }
  for (const Json& nodes : json.at("trees")) {
    ExportedTree tree;
    for (const Json& node : nodes) tree.nodes.push_back(NodeFromJson(node));
    forest.trees.push_back(std::move(tree));
  }
  return forest;
}

}  // namespace

Json ForestToJson(const ExportedForest& forest, const VerificationRows& rows) {
  Json features = Json::array();
  for (const Attribute& feature : forest.features) features.push_back(FeatureToJson(feature));
  Json trees = Json::array();
  for (const ExportedTree& tree : forest.trees) {
    Json nodes = Json::array();
    for (const ExportedNode& node : tree.nodes) nodes.push_back(NodeToJson(node));
    trees.push_back(std::move(nodes));
  }
  return {{"firesteel_export", kVersion},
          {"kind", forest.kind},
          {"label", forest.label},
          {"prediction", forest.prediction},
          {"features", std::move(features)},
          {"sum", forest.sums_floats ? "float32" : "float64"},
          {"base", NumberToJson(forest.base)},
          {"link", forest.link == ExportedForest::Link::kExp ? "exp" : "identity"},
          {"trees", std::move(trees)},
          {"verification", VerificationToJson(rows)}};
}

ExportedForest ForestFromJson(std::string_view text) {
  try {
    ExportedForest forest = Read(Json::parse(text));
    CheckForest(forest);
    return forest;
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::kInvalidArgument, fmt::format("exported JSON: {}", error.what()));
  }
}

}  // namespace firesteel
