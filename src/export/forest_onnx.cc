#include "export/forest_onnx.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "export/protobuf_wire.h"

namespace firesteel {
namespace {

using Test = ExportedNode::Test;

// Numbers of fields in onnx.proto.
namespace field {
namespace model {
constexpr int kIrVersion = 1, kProducer = 2, kGraph = 7, kOpsets = 8, kMetadata = 14;
}
namespace opset {
constexpr int kDomain = 1, kVersion = 2;
}
namespace entry {
constexpr int kKey = 1, kValue = 2;
}
namespace graph {
constexpr int kNodes = 1, kName = 2, kConstants = 5, kInputs = 11, kOutputs = 12;
}
namespace node {
constexpr int kInputs = 1, kOutputs = 2, kName = 3, kType = 4, kAttributes = 5, kDomain = 7;
}
namespace attribute {
constexpr int kName = 1, kInteger = 3, kTensor = 5, kIntegers = 8, kType = 20;
}
namespace tensor {
constexpr int kDims = 1, kType = 2, kName = 8, kRaw = 9;
}
namespace value {
constexpr int kName = 1, kType = 2, kTensorType = 1, kElement = 1, kShape = 2, kDim = 1;
constexpr int kDimValue = 1, kDimName = 2;
}  // namespace value
}  // namespace field

enum AttributeType : std::uint8_t {
  kIntegerAttribute = 2,
  kTensorAttribute = 4,
  kIntegersAttribute = 7
};
enum ElementType : std::uint8_t { kFloat = 1, kUint8 = 2, kBool = 9, kDouble = 11 };
enum Mode : std::uint8_t { kAtMostMode = 0, kBelowMode = 1, kMemberMode = 6 };

constexpr int kIrVersion = 10;
constexpr int kOpset = 18;
constexpr int kMlOpset = 5;
constexpr std::string_view kMlDomain = "ai.onnx.ml";
constexpr std::string_view kEnsemble = "TreeEnsemble";
constexpr double kNoCategory = -1.0;  // What a value that is no whole number becomes.
constexpr double kEmptySet = -2.0;    // In front of the trees no value is this one.
constexpr double kMostCategories = 1 << 30;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <typename T>
std::string RawBytes(const std::vector<T>& values) {
  // ONNX's raw data are little-endian, as are the machines that this is built for.
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// One way for both widths.
struct Numbers {
  ElementType type;

  std::string Raw(const std::vector<double>& values) const {
    return type == kDouble ? RawBytes(values)
                           : RawBytes(std::vector<float>(values.begin(), values.end()));
  }
};

WireMessage Tensor(std::string_view name, ElementType type, std::span<const std::int64_t> dims,
                   std::string_view raw) {
  WireMessage tensor;
  tensor.AddIntegers(field::tensor::kDims, dims);
  tensor.AddInteger(field::tensor::kType, type);
  if (!name.empty()) tensor.AddBytes(field::tensor::kName, name);
  tensor.AddBytes(field::tensor::kRaw, raw);
  return tensor;
}

WireMessage Operation(std::string_view type, const std::vector<std::string>& inputs,
                      std::string_view output) {
  WireMessage node;
  for (const std::string& input : inputs) node.AddBytes(field::node::kInputs, input);
  node.AddBytes(field::node::kOutputs, output);
  node.AddBytes(field::node::kName, fmt::format("{}_{}", type, output));
  node.AddBytes(field::node::kType, type);
  return node;
}

void AddAttribute(std::string_view name, AttributeType type, const WireMessage& content,
                  WireMessage* node) {
  WireMessage attribute;
  attribute.AddBytes(field::attribute::kName, name);
  attribute.AddInteger(field::attribute::kType, type);
  node->AddBytes(field::node::kAttributes, attribute.bytes() + content.bytes());
}

// The arrays of a TreeEnsemble, over all trees.
struct Ensemble {
  std::vector<std::int64_t> roots, features, yes, yes_is_leaf, no, no_is_leaf, missing_passes;
  std::vector<std::uint8_t> modes;
  std::vector<double> splits, leaves;
  std::vector<double> members;  // Of each kMemberMode node in turn, NaN after the last.

  void AddNode(const ExportedNode& node) {
    features.push_back(node.feature);
    missing_passes.push_back(node.missing_passes ? 1 : 0);
    double split = node.threshold;
    Mode mode = kAtMostMode;
    if (node.test == Test::kBelow) {
      mode = kBelowMode;
      split = node.cut;
    } else if (node.test == Test::kMember) {
      mode = kMemberMode;
      split = 0.0;
      members.insert(members.end(), node.categories.begin(), node.categories.end());
      if (node.categories.empty()) members.push_back(kEmptySet);
      members.push_back(kNaN);
    }
    modes.push_back(mode);
    splits.push_back(split);
  }

  void AddTree(const ExportedTree& tree) {
    roots.push_back(static_cast<std::int64_t>(features.size()));
    if (tree.nodes[0].test == Test::kLeaf) {
      // A root must be a test, so here is one that decides nothing.
      AddNode({.test = Test::kAtMost, .feature = 0});
      const auto leaf = static_cast<std::int64_t>(leaves.size());
      leaves.push_back(tree.nodes[0].leaf);
      for (std::vector<std::int64_t>* side : {&yes, &no}) side->push_back(leaf);
      for (std::vector<std::int64_t>* side : {&yes_is_leaf, &no_is_leaf}) side->push_back(1);
      return;
    }
    // Where each node stands among the tests, or among the leaves.
    std::vector<std::int64_t> positions;
    auto next_test = static_cast<std::int64_t>(features.size());
    for (const ExportedNode& node : tree.nodes) {
      if (node.test == Test::kLeaf) {
        positions.push_back(static_cast<std::int64_t>(leaves.size()));
        leaves.push_back(node.leaf);
      } else {
        positions.push_back(next_test++);
      }
    }
    for (const ExportedNode& node : tree.nodes) {
      if (node.test == Test::kLeaf) continue;
      AddNode(node);
      const auto child = static_cast<std::size_t>(node.yes);
      const auto other = static_cast<std::size_t>(node.no);
      yes.push_back(positions[child]);
      yes_is_leaf.push_back(tree.nodes[child].test == Test::kLeaf ? 1 : 0);
      no.push_back(positions[other]);
      no_is_leaf.push_back(tree.nodes[other].test == Test::kLeaf ? 1 : 0);
    }
  }
};

WireMessage EnsembleOperation(const Ensemble& ensemble, const Numbers& numbers,
                              const std::string& input, std::string_view output) {
  WireMessage node = Operation(kEnsemble, {input}, output);
  node.AddBytes(field::node::kDomain, kMlDomain);
  const auto integer = [&node](std::string_view name, std::uint64_t value) {
    WireMessage content;
    content.AddInteger(field::attribute::kInteger, value);
    AddAttribute(name, kIntegerAttribute, content, &node);
  };
  const auto integers = [&node](std::string_view name, const std::vector<std::int64_t>& values) {
    WireMessage content;
    content.AddIntegers(field::attribute::kIntegers, values);
    AddAttribute(name, kIntegersAttribute, content, &node);
  };
  const auto tensor = [&node](std::string_view name, ElementType type, std::size_t size,
                              const std::string& raw) {
    const std::int64_t dims[] = {static_cast<std::int64_t>(size)};
    WireMessage content;
    content.AddMessage(field::attribute::kTensor, Tensor("", type, dims, raw));
    AddAttribute(name, kTensorAttribute, content, &node);
  };
  integer("n_targets", 1);
  integer("aggregate_function", 1);  // Sum.
  integer("post_transform", 0);      // None.
  integers("tree_roots", ensemble.roots);
  integers("nodes_featureids", ensemble.features);
  tensor("nodes_modes", kUint8, ensemble.modes.size(), RawBytes(ensemble.modes));
  tensor("nodes_splits", numbers.type, ensemble.splits.size(), numbers.Raw(ensemble.splits));
  integers("nodes_truenodeids", ensemble.yes);
  integers("nodes_trueleafs", ensemble.yes_is_leaf);
  integers("nodes_falsenodeids", ensemble.no);
  integers("nodes_falseleafs", ensemble.no_is_leaf);
  integers("nodes_missing_value_tracks_true", ensemble.missing_passes);
  integers("leaf_targetids", std::vector<std::int64_t>(ensemble.leaves.size(), 0));
  tensor("leaf_weights", numbers.type, ensemble.leaves.size(), numbers.Raw(ensemble.leaves));
  if (!ensemble.members.empty()) {
    tensor("membership_values", numbers.type, ensemble.members.size(),
           numbers.Raw(ensemble.members));
  }
  return node;
}

// Per feature, 1 if it is tested by thresholds or not at all, 0 if it is a category.
std::vector<std::uint8_t> FeaturesWithoutSets(const ExportedForest& forest) {
  std::vector<std::uint8_t> has_threshold(forest.features.size(), 0), has_no_set(has_threshold);
  has_no_set.assign(has_no_set.size(), 1);
  for (const ExportedTree& tree : forest.trees) {
    for (const ExportedNode& node : tree.nodes) {
      if (node.test == Test::kLeaf) continue;
      const auto feature = static_cast<std::size_t>(node.feature);
      if (node.test == Test::kMember) {
        has_no_set[feature] = 0;
      } else {
        has_threshold[feature] = 1;
      }
    }
  }
  for (std::size_t i = 0; i < has_no_set.size(); ++i) {
    if (has_no_set[i] == 1 || has_threshold[i] == 0) continue;
    throw Error(ErrorKind::kUnsupported,
                fmt::format("feature {} '{}' is tested both by threshold and as a category, which "
                            "ONNX can't say here; export SQL or JSON",
                            i, *forest.features[i].name));
  }
  return has_no_set;
}

WireMessage ValueInfo(std::string_view name, ElementType type, std::size_t width) {
  WireMessage rows, columns, shape, tensor, whole, info;
  rows.AddBytes(field::value::kDimName, "N");
  columns.AddInteger(field::value::kDimValue, width);
  shape.AddMessage(field::value::kDim, rows);
  shape.AddMessage(field::value::kDim, columns);
  tensor.AddInteger(field::value::kElement, type);
  tensor.AddMessage(field::value::kShape, shape);
  whole.AddMessage(field::value::kTensorType, tensor);
  info.AddBytes(field::value::kName, name);
  info.AddMessage(field::value::kType, whole);
  return info;
}

class GraphWriter {
 public:
  GraphWriter(const ExportedForest& forest, Numbers numbers) : forest_(forest), numbers_(numbers) {}

  WireMessage Write() {
    graph_.AddBytes(field::graph::kName, forest_.kind);
    std::string input = "features";
    const std::vector<std::uint8_t> without_sets = FeaturesWithoutSets(forest_);
    if (std::find(without_sets.begin(), without_sets.end(), 0) != without_sets.end()) {
      input = AddWholeCategories(without_sets);
    }
    Ensemble ensemble;
    for (const ExportedTree& tree : forest_.trees) ensemble.AddTree(tree);
    const bool has_base = forest_.base != 0.0;
    const bool has_exp = forest_.link == ExportedForest::Link::kExp;
    const char* margin = has_exp ? "margin" : "prediction";
    const char* trees = has_base ? "trees" : margin;
    AddNode(EnsembleOperation(ensemble, numbers_, input, trees));
    if (has_base) {
      AddConstant("base", forest_.base);
      AddNode(Operation("Add", {trees, "base"}, margin));
    }
    if (has_exp) AddNode(Operation("Exp", {margin}, "prediction"));
    graph_.AddMessage(field::graph::kInputs,
                      ValueInfo("features", numbers_.type, forest_.features.size()));
    graph_.AddMessage(field::graph::kOutputs, ValueInfo("prediction", numbers_.type, 1));
    return graph_;
  }

 private:
  void AddNode(const WireMessage& node) { graph_.AddMessage(field::graph::kNodes, node); }

  void AddConstant(std::string_view name, double value) {
    graph_.AddMessage(field::graph::kConstants,
                      Tensor(name, numbers_.type, {}, numbers_.Raw({value})));
  }

  // Clipped, too, as runtimes turn values into positions of bits.
  std::string AddWholeCategories(const std::vector<std::uint8_t>& without_sets) {
    AddConstant("no_category", kNoCategory);
    AddConstant("most_categories", kMostCategories);
    const std::int64_t dims[] = {1, static_cast<std::int64_t>(without_sets.size())};
    graph_.AddMessage(field::graph::kConstants,
                      Tensor("is_number", kBool, dims, RawBytes(without_sets)));
    AddNode(Operation("Clip", {"features", "no_category", "most_categories"}, "clipped"));
    AddNode(Operation("Floor", {"clipped"}, "whole"));
    AddNode(Operation("Equal", {"features", "whole"}, "is_whole"));
    AddNode(Operation("Or", {"is_whole", "is_number"}, "is_kept"));
    AddNode(Operation("Where", {"is_kept", "features", "no_category"}, "categories"));
    return "categories";
  }

  const ExportedForest& forest_;
  Numbers numbers_;
  WireMessage graph_;
};

[[noreturn]] void Refuse(const std::string& problem) {
  throw Error(ErrorKind::kInvalidArgument,
              fmt::format("exported ONNX: {}; export the model again", problem));
}

std::string_view BytesOf(const std::vector<WireField>& fields, int number) {
  for (const WireField& each : fields) {
    if (each.number == number) return each.bytes;
  }
  Refuse(fmt::format("field {} is missing", number));
}

std::uint64_t IntegerOf(const std::vector<WireField>& fields, int number) {
  for (const WireField& each : fields) {
    if (each.number == number) return each.integer;
  }
  Refuse(fmt::format("field {} is missing", number));
}

template <typename T>
std::vector<T> FromRaw(std::string_view raw) {
  std::vector<T> values(raw.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), raw.data(), values.size() * sizeof(T));
  return values;
}

std::vector<double> NumbersOf(std::string_view tensor) {
  const std::vector<WireField> fields = ReadWireMessage(tensor);
  const std::string_view raw = BytesOf(fields, field::tensor::kRaw);
  if (IntegerOf(fields, field::tensor::kType) == kDouble) return FromRaw<double>(raw);
  const std::vector<float> floats = FromRaw<float>(raw);
  return {floats.begin(), floats.end()};
}

// The attributes of a TreeEnsemble by their names.
class EnsembleReader {
 public:
  explicit EnsembleReader(const std::vector<WireField>& node) {
    for (const WireField& each : node) {
      if (each.number != field::node::kAttributes) continue;
      std::vector<WireField> fields = ReadWireMessage(each.bytes);
      const std::string name(BytesOf(fields, field::attribute::kName));
      attributes_.emplace(name, std::move(fields));
    }
    roots_ = Integers("tree_roots");
    features_ = Integers("nodes_featureids");
    yes_ = Integers("nodes_truenodeids");
    yes_is_leaf_ = Integers("nodes_trueleafs");
    no_ = Integers("nodes_falsenodeids");
    no_is_leaf_ = Integers("nodes_falseleafs");
    missing_passes_ = Integers("nodes_missing_value_tracks_true");
    modes_ = FromRaw<std::uint8_t>(
        BytesOf(ReadWireMessage(TensorOf("nodes_modes")), field::tensor::kRaw));
    splits_ = NumbersOf(TensorOf("nodes_splits"));
    leaves_ = NumbersOf(TensorOf("leaf_weights"));
    for (const std::size_t size : {yes_.size(), yes_is_leaf_.size(), no_.size(), no_is_leaf_.size(),
                                   missing_passes_.size(), modes_.size(), splits_.size()}) {
      if (size != features_.size()) Refuse("the lists of nodes differ in length");
    }
    ReadSets();
  }

  std::vector<ExportedTree> Trees() const {
    std::vector<ExportedTree> trees;
    for (const std::int64_t root : roots_) {
      ExportedTree tree;
      Add(root, /*is_leaf=*/false, &tree);
      trees.push_back(std::move(tree));
    }
    return trees;
  }

 private:
  const std::vector<WireField>& Attribute(const std::string& name) const {
    const auto found = attributes_.find(name);
    if (found == attributes_.end()) Refuse("the attribute '" + name + "' is missing");
    return found->second;
  }
  std::vector<std::int64_t> Integers(const std::string& name) const {
    return ReadWireIntegers(BytesOf(Attribute(name), field::attribute::kIntegers));
  }
  std::string_view TensorOf(const std::string& name) const {
    return BytesOf(Attribute(name), field::attribute::kTensor);
  }

  void ReadSets() {
    std::vector<double> members;
    if (attributes_.contains("membership_values")) {
      members = NumbersOf(TensorOf("membership_values"));
    }
    std::size_t next = 0;
    for (std::size_t i = 0; i < modes_.size(); ++i) {
      if (modes_[i] != kMemberMode) continue;
      std::vector<std::int32_t>& set = sets_[i];
      for (; next < members.size() && !std::isnan(members[next]); ++next) {
        if (members[next] != kEmptySet) set.push_back(static_cast<std::int32_t>(members[next]));
      }
      ++next;
    }
    if (next != members.size()) Refuse("the sets do not match the nodes");
  }

  std::int32_t Add(std::int64_t id, bool is_leaf, ExportedTree* tree) const {
    const auto position = static_cast<std::int32_t>(tree->nodes.size());
    const auto at = static_cast<std::size_t>(id);
    const std::size_t size = is_leaf ? leaves_.size() : features_.size();
    if (id < 0 || at >= size || tree->nodes.size() > features_.size() + leaves_.size()) {
      Refuse(fmt::format("there is no node {}, or a node is its own child", id));
    }
    if (is_leaf) {
      tree->nodes.push_back({.leaf = leaves_[at]});
      return position;
    }
    ExportedNode node{.test = Test::kAtMost,
                      .missing_passes = missing_passes_[at] != 0,
                      .feature = static_cast<std::int32_t>(features_[at]),
                      .threshold = splits_[at]};
    if (modes_[at] == kBelowMode) {
      node.test = Test::kBelow;
      node.cut = static_cast<float>(splits_[at]);
      node.threshold = LeastDoubleAtCut(node.cut);
    } else if (modes_[at] == kMemberMode) {
      node.test = Test::kMember;
      node.threshold = 0.0;
      node.categories = sets_.at(at);
    }
    tree->nodes.push_back(node);
    const std::int32_t yes = Add(yes_[at], yes_is_leaf_[at] != 0, tree);
    const std::int32_t no = Add(no_[at], no_is_leaf_[at] != 0, tree);
    tree->nodes[static_cast<std::size_t>(position)].yes = yes;
    tree->nodes[static_cast<std::size_t>(position)].no = no;
    return position;
  }

  std::map<std::string, std::vector<WireField>> attributes_;
  std::vector<std::int64_t> roots_, features_, yes_, yes_is_leaf_, no_, no_is_leaf_;
  std::vector<std::int64_t> missing_passes_;
  std::vector<std::uint8_t> modes_;
  std::vector<double> splits_, leaves_;
  std::map<std::size_t, std::vector<std::int32_t>> sets_;
};

// The number of features, from the shape of the input; whether it is of 32 bits.
void ReadInput(std::string_view info, ExportedForest* forest) {
  const auto type = ReadWireMessage(BytesOf(ReadWireMessage(info), field::value::kType));
  const auto tensor = ReadWireMessage(BytesOf(type, field::value::kTensorType));
  forest->sums_floats = IntegerOf(tensor, field::value::kElement) == kFloat;
  const auto dims = ReadWireMessage(BytesOf(tensor, field::value::kShape));
  if (dims.size() != 2) Refuse("the input is no matrix");
  forest->features.resize(IntegerOf(ReadWireMessage(dims[1].bytes), field::value::kDimValue));
}

}  // namespace

std::string ForestToOnnx(const ExportedForest& forest) {
  WireMessage model;
  model.AddInteger(field::model::kIrVersion, kIrVersion);
  model.AddBytes(field::model::kProducer, "firesteel");
  for (const auto& [domain, version] :
       {std::pair<std::string_view, int>{"", kOpset}, {kMlDomain, kMlOpset}}) {
    WireMessage opset;
    opset.AddBytes(field::opset::kDomain, domain);
    opset.AddInteger(field::opset::kVersion, static_cast<std::uint64_t>(version));
    model.AddMessage(field::model::kOpsets, opset);
  }
  model.AddMessage(field::model::kGraph,
                   GraphWriter(forest, {forest.sums_floats ? kFloat : kDouble}).Write());
  nlohmann::json names = nlohmann::json::array();
  for (const Attribute& feature : forest.features) names.push_back(*feature.name);
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"kind", forest.kind}, {"label", forest.label}, {"feature_names", names.dump()}}) {
    WireMessage entry;
    entry.AddBytes(field::entry::kKey, key);
    entry.AddBytes(field::entry::kValue, value);
    model.AddMessage(field::model::kMetadata, entry);
  }
  return model.bytes();
}

ExportedForest ForestFromOnnx(std::string_view bytes) {
  const std::vector<WireField> model = ReadWireMessage(bytes);
  ExportedForest forest;
  for (const WireField& each : ReadWireMessage(BytesOf(model, field::model::kGraph))) {
    if (each.number == field::graph::kNodes) {
      const std::vector<WireField> node = ReadWireMessage(each.bytes);
      const std::string_view type = BytesOf(node, field::node::kType);
      if (type == kEnsemble) forest.trees = EnsembleReader(node).Trees();
      if (type == "Exp") forest.link = ExportedForest::Link::kExp;
    } else if (each.number == field::graph::kInputs) {
      ReadInput(each.bytes, &forest);
    } else if (each.number == field::graph::kConstants) {
      if (BytesOf(ReadWireMessage(each.bytes), field::tensor::kName) == "base") {
        forest.base = NumbersOf(each.bytes).at(0);
      }
    }
  }
  if (forest.trees.empty()) Refuse("it has no trees");
  CheckForest(forest);
  return forest;
}

}  // namespace firesteel
