#include "cli/model_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/text.h"
#include "model/factorization_machine.h"
#include "model/feature_importances.h"
#include "model/tree_ensemble.h"
#include "model/tree_text.h"
#include "model/xgboost_model.h"
#include "sparkml/model_description.h"
#include "sparkml/model_verification.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxCategories = 12;  // That one line names.

const TreeEnsemble* ForestOf(const SavedModel& model) {
  return dynamic_cast<const TreeEnsemble*>(model.model.get());
}

const FactorizationMachine* MachineOf(const SavedModel& model) {
  return dynamic_cast<const FactorizationMachine*>(model.model.get());
}

const XgboostModel* XgboostOf(const SavedModel& model) {
  return dynamic_cast<const XgboostModel*>(model.model.get());
}

// By Spark's definition, or as shares of the gain; empty for a model that has none.
std::vector<double> ImportancesOf(const SavedModel& model) {
  if (const TreeEnsemble* forest = ForestOf(model)) return FeatureImportances(*forest);
  if (const XgboostModel* xgboost = XgboostOf(model)) return XgboostImportances(*xgboost);
  return {};
}

Json TreesToJson(const XgboostModel& model) {
  Json trees = Json::array();
  for (const XgboostTree& tree : model.trees()) {
    Json nodes = Json::array();
    for (const XgboostNode& node : tree.nodes) {
      Json json = {{"id", nodes.size()}, {"cover", node.cover}};
      if (node.is_leaf()) {
        json["leaf"] = node.leaf;
      } else {
        json.update({{"gain", node.gain},
                     {"feature", node.feature},
                     {"cut", node.cut},
                     {"left", node.left},
                     {"right", node.right},
                     {"missing", node.default_left ? node.left : node.right}});
      }
      nodes.push_back(std::move(json));
    }
    trees.push_back({{"nodes", std::move(nodes)}});
  }
  return trees;
}

// In words, a node a line: "distance < 300 (missing: no), gain 5.1, cover 20".
void AddTree(const XgboostTree& tree, const std::vector<Attribute>& features, std::string* text) {
  std::vector<std::pair<std::int32_t, std::size_t>> pending = {{0, 1}};  // Node and depth.
  while (!pending.empty()) {
    const auto [position, depth] = pending.back();
    pending.pop_back();
    const XgboostNode& node = tree.nodes[static_cast<std::size_t>(position)];
    const std::string indent(2 * depth, ' ');
    if (node.is_leaf()) {
      *text += fmt::format("{}{} (cover {})\n", indent, node.leaf, node.cover);
      continue;
    }
    *text += fmt::format("{}{} < {} (missing: {}; gain {}, cover {})\n", indent,
                         *features[static_cast<std::size_t>(node.feature)].name, node.cut,
                         node.default_left ? "yes" : "no", node.gain, node.cover);
    pending.emplace_back(node.right, depth + 1);
    pending.emplace_back(node.left, depth + 1);
  }
}

Json NodeToJson(std::size_t id, const TreeNode& node, const std::vector<Attribute>& features) {
  Json json = {{"id", id},
               {"rows", node.num_rows},
               {"prediction", node.prediction},
               {"impurity", node.impurity}};
  if (node.is_leaf()) return json;
  json["gain"] = node.gain;
  json["feature"] = node.feature;
  json["split"] = SplitToText(node, features);
  if (node.arity < 0) {
    json["threshold"] = node.threshold;
  } else {
    json["left_categories"] = node.left_categories;
    json["num_categories"] = node.arity;
  }
  json["left"] = node.left;
  json["right"] = node.right;
  return json;
}

Json TreesToJson(const TreeEnsemble& forest, const std::vector<Attribute>& features) {
  Json trees = Json::array();
  for (std::size_t t = 0; t < forest.trees().size(); ++t) {
    Json nodes = Json::array();
    for (std::size_t i = 0; i < forest.trees()[t].nodes.size(); ++i) {
      nodes.push_back(NodeToJson(i, forest.trees()[t].nodes[i], features));
    }
    trees.push_back({{"weight", forest.weights()[t]}, {"nodes", std::move(nodes)}});
  }
  return trees;
}

std::string TypeOf(const Attribute& attribute) {
  switch (attribute.kind) {
    case Attribute::Kind::kNumeric:
      return "numeric";
    case Attribute::Kind::kBinary:
      return "binary";
    case Attribute::Kind::kNominal:
      break;
  }
  std::string text = "nominal";
  if (const auto arity = attribute.Arity()) text += fmt::format(", {} categories", *arity);
  if (!attribute.values.empty()) {
    std::vector<std::string> names = attribute.values;
    if (names.size() > kMaxCategories) {
      names.resize(kMaxCategories);
      names.push_back("…");
    }
    text += ": " + Join(names, ", ");
  }
  return text;
}

std::string Count(std::size_t count, const char* one, const char* many) {
  return fmt::format("{} {}", WithThousands(static_cast<long long>(count)),
                     count == 1 ? one : many);
}

std::string ValueText(const Json& value) {
  return value.is_string() ? value.get<std::string>() : ToSparkJson(value);
}

void AddImportances(const std::vector<double>& importances, const SavedModel& model,
                    std::string* text) {
  std::vector<std::size_t> order;
  std::size_t width = 0;
  for (std::size_t i = 0; i < importances.size(); ++i) {
    if (importances[i] == 0.0) continue;
    order.push_back(i);
    width = std::max(width, model.attributes[i].name->size());
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
    return importances[left] > importances[right];
  });
  *text += "\nImportances\n";
  for (const std::size_t i : order) {
    *text += fmt::format("  {:<{}}  {:.6f}\n", *model.attributes[i].name, width, importances[i]);
  }
  if (order.empty()) *text += "  none: no tree has a split\n";
}

void AddLinearTerms(const FactorizationMachine& machine, const SavedModel& model,
                    std::string* text) {
  const std::vector<double>& linear = machine.parameters().linear;
  std::size_t width = 0;
  for (const Attribute& attribute : model.attributes) {
    width = std::max(width, attribute.name->size());
  }
  *text += "\nLinear terms\n";
  for (std::size_t i = 0; i < linear.size(); ++i) {
    *text += fmt::format("  {:<{}}  {:.6g}\n", *model.attributes[i].name, width, linear[i]);
  }
}

Json MachineToJson(const FactorizationMachine& machine) {
  const FactorizationMachine::Parameters& parameters = machine.parameters();
  Json linear = Json::array();
  for (const double term : parameters.linear) linear.push_back(NumberToJson(term));
  return {{"factor_size", parameters.factor_size},
          {"intercept", NumberToJson(parameters.bias)},
          {"linear", std::move(linear)}};
}

}  // namespace

Json ModelReportToJson(const SavedModel& model, bool with_trees) {
  const TreeEnsemble* forest = ForestOf(model);
  Json features = Json::array();
  const std::vector<double> importances = ImportancesOf(model);
  for (std::size_t i = 0; i < model.attributes.size(); ++i) {
    Json feature = AttributeToJson(model.attributes[i]);
    if (!importances.empty()) feature["importance"] = importances[i];
    features.push_back(std::move(feature));
  }
  Json json = {{"kind", model.kind},
               {"uid", model.uid},
               {"label", model.label_column},
               {"parameters", model.params},
               {"resolved_parameters", model.resolved},
               {"features", std::move(features)}};
  if (forest != nullptr) {
    const ForestSize size = SizeOf(*forest);
    json["forest"] = {{"num_trees", size.num_trees},
                      {"num_nodes", size.num_nodes},
                      {"num_leaves", size.num_leaves},
                      {"max_depth", size.max_depth}};
  }
  if (const FactorizationMachine* machine = MachineOf(model)) {
    json["factorization_machine"] = MachineToJson(*machine);
  }
  json["facts"] = model.facts;
  if (with_trees && forest != nullptr) json["trees"] = TreesToJson(*forest, model.attributes);
  if (const XgboostModel* xgboost = XgboostOf(model)) {
    json["base_margin"] = xgboost->base_margin();
    if (with_trees) json["trees"] = TreesToJson(*xgboost);
  }
  return json;
}

std::string ModelReportToText(const SavedModel& model, bool with_trees) {
  const TreeEnsemble* forest = ForestOf(model);
  std::string text = fmt::format("{} predicting {} from {}\n", model.kind, model.label_column,
                                 Count(model.attributes.size(), "feature", "features"));
  if (forest != nullptr) {
    const ForestSize size = SizeOf(*forest);
    text +=
        fmt::format("{} with {}, of which {}; depth {} at most\n",
                    Count(size.num_trees, "tree", "trees"), Count(size.num_nodes, "node", "nodes"),
                    Count(size.num_leaves, "leaf", "leaves"), size.max_depth);
  }

  const FactorizationMachine* machine = MachineOf(model);
  if (machine != nullptr) {
    text += fmt::format("{} for each feature; intercept {:.6g}{}\n",
                        Count(machine->parameters().factor_size, "factor", "factors"),
                        machine->parameters().bias,
                        machine->is_finite() ? "" : "; not all coefficients are finite");
  }

  std::size_t width = 0;
  for (const auto& [name, value] : model.resolved.items()) width = std::max(width, name.size());
  text += "\nParameters (* as given)\n";
  for (const auto& [name, value] : model.resolved.items()) {
    text += fmt::format("  {:<{}}  {}{}\n", name, width, ValueText(value),
                        model.params.contains(name) ? " *" : "");
  }

  const std::vector<double> importances = ImportancesOf(model);
  if (!importances.empty()) AddImportances(importances, model, &text);
  if (machine != nullptr) AddLinearTerms(*machine, model, &text);

  width = 0;
  for (const Attribute& attribute : model.attributes) {
    width = std::max(width, attribute.name->size());
  }
  text += "\nFeatures\n";
  for (const Attribute& attribute : model.attributes) {
    text += fmt::format("  {:<{}}  {}\n", *attribute.name, width, TypeOf(attribute));
  }

  if (!model.facts.empty()) {
    text += "\nTraining\n";
    for (const auto& [name, value] : model.facts.items()) {
      text += fmt::format("  {}: {}\n", name, ValueText(value));
    }
  }

  if (with_trees && forest != nullptr) {
    for (std::size_t t = 0; t < forest->trees().size(); ++t) {
      text += fmt::format("\nTree {} of {}, weight {}\n", t + 1, forest->trees().size(),
                          forest->weights()[t]);
      text += TreeToText(forest->trees()[t], model.attributes);
    }
  }
  if (const XgboostModel* xgboost = XgboostOf(model); with_trees && xgboost != nullptr) {
    for (std::size_t t = 0; t < xgboost->trees().size(); ++t) {
      text += fmt::format("\nTree {} of {}\n", t + 1, xgboost->trees().size());
      AddTree(xgboost->trees()[t], model.attributes, &text);
    }
  }
  return text;
}

}  // namespace firesteel
