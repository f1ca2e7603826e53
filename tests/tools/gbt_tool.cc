// Trains gradient-boosted trees, or a factorization machine, on data sets that a test script made,
// for comparison with Spark.
//
// Reads one JSON object a line from stdin:
//   {"labels": [...], "features": [[...], ...], "probes": [[...], ...],
//    "attributes": [{"kind": "numeric" | "binary" | "nominal", "num_values": 3}, ...],
//    "params": {"maxIter": 3},
//    "weights": [...], "held_out": [true, false, ...], "threads": 1, "model_type": "gbt"}
// the last four optional, and writes one line for each to stdout:
//   {"weights": [...], "trees": [[{node}, ...], ...], "predictions": [...], "facts": {...}}
// or, of a factorization machine,
//   {"intercept": 0.5, "linear": [...], "factors": [...], "predictions": [...], "facts": {...}}
// with a prediction per row and per probe. A number that is not finite is a text that Python's
// float() takes. Exit code 1 and a line on stderr if something is wrong.

#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "learn/learner.h"
#include "learn/memory_source.h"
#include "model/factorization_machine.h"
#include "model/tree_ensemble.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

Attribute ToAttribute(const Json& json) {
  Attribute attribute;
  const auto kind = json.at("kind").get<std::string>();
  if (kind == "binary") attribute.kind = Attribute::Kind::kBinary;
  if (kind == "nominal") {
    attribute.kind = Attribute::Kind::kNominal;
    attribute.num_values = json.at("num_values").get<std::int32_t>();
  }
  return attribute;
}

void AppendRows(const Json& rows, std::vector<double>& values) {
  for (const Json& row : rows) {
    for (const Json& value : row) values.push_back(value.get<double>());
  }
}

Json ToJson(const TreeNode& node) {
  Json json = {{"prediction", node.prediction}, {"impurity", node.impurity}, {"stats", node.stats},
               {"num_rows", node.num_rows},     {"gain", node.gain},         {"left", node.left},
               {"right", node.right},           {"feature", node.feature},   {"arity", node.arity}};
  json["split"] = Json::array();
  if (!node.is_leaf()) {
    if (node.arity < 0) {
      json["split"].push_back(node.threshold);
    } else {
      json["split"] = node.left_categories;
    }
  }
  return json;
}

Json ToJson(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0.0 ? "inf" : "-inf";
}

Json ToJson(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(ToJson(value));
  return list;
}

Json ToJson(const TreeEnsemble& forest) {
  Json json = {{"weights", forest.weights()}, {"trees", Json::array()}};
  for (const Tree& tree : forest.trees()) {
    Json nodes = Json::array();
    for (const TreeNode& node : tree.nodes) nodes.push_back(ToJson(node));
    json["trees"].push_back(std::move(nodes));
  }
  return json;
}

Json ToJson(const FactorizationMachine& machine) {
  return {{"intercept", ToJson(machine.parameters().bias)},
          {"linear", ToJson(machine.parameters().linear)},
          {"factors", ToJson(machine.parameters().factors)}};
}

Json Train(const Json& input) {
  MemoryRows rows = {.attributes = {},
                     .features = {},
                     .labels = input.at("labels").get<std::vector<double>>(),
                     .weights = input.value("weights", std::vector<double>()),
                     .held_out = input.value("held_out", std::vector<bool>())};
  for (const Json& attribute : input.at("attributes")) {
    rows.attributes.push_back(ToAttribute(attribute));
  }
  AppendRows(input.at("features"), rows.features);
  std::vector<double> values = rows.features;
  const std::size_t num_features = rows.attributes.size();
  const LearnerKind& kind = FindLearner(input.value("model_type", "gbt"));
  const Json params = CheckParameters(kind.parameters, input.at("params"), "params");
  kind.check(params);
  MemorySource source(std::move(rows));
  const TrainedModel trained =
      kind.train(source, params, {.num_threads = input.value("threads", 1)});

  AppendRows(input.at("probes"), values);
  std::vector<double> predictions(values.size() / num_features);
  trained.model->Predict({values.data(), predictions.size(), num_features}, predictions);
  const auto* machine = dynamic_cast<const FactorizationMachine*>(trained.model.get());
  Json output = machine != nullptr ? ToJson(*machine)
                                   : ToJson(dynamic_cast<const TreeEnsemble&>(*trained.model));
  output["predictions"] = ToJson(predictions);
  output["facts"] = trained.facts;
  return output;
}

}  // namespace
}  // namespace firesteel

int main() {
  try {
    for (std::string line; std::getline(std::cin, line);) {
      const auto input = nlohmann::ordered_json::parse(line);
      std::cout << firesteel::Train(input).dump() << '\n';
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gbt_tool: %s\n", error.what());
    return 1;
  }
  return 0;
}
