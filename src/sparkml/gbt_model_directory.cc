#include "sparkml/gbt_model_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "model/tree_ensemble.h"
#include "sparkml/stage_directory.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kTreeClass = "org.apache.spark.ml.regression.DecisionTreeRegressionModel";

// Wider rows than this are a broken file; attributes are kept for each feature.
constexpr std::int64_t kMaxFeatures = std::int64_t{1} << 23;

// Positions in NodeColumns.
enum NodeColumn : std::size_t {
  kTreeId,
  kId,
  kPrediction,
  kImpurity,
  kImpurityStats,
  kRawCount,
  kGain,
  kLeftChild,
  kRightChild,
  kFeatureIndex,
  kCategoriesOrThreshold,
  kNumCategories,
};

RecordTable NodeColumns() {
  using Ints = std::vector<std::int32_t>;
  using Doubles = std::vector<double>;
  using Lists = std::vector<std::vector<double>>;
  return {{{"treeID", Ints()},
           {"nodeData.id", Ints()},
           {"nodeData.prediction", Doubles()},
           {"nodeData.impurity", Doubles()},
           {"nodeData.impurityStats", Lists()},
           {"nodeData.rawCount", std::vector<std::int64_t>()},
           {"nodeData.gain", Doubles()},
           {"nodeData.leftChild", Ints()},
           {"nodeData.rightChild", Ints()},
           {"nodeData.split.featureIndex", Ints()},
           {"nodeData.split.leftCategoriesOrThreshold", Lists()},
           {"nodeData.split.numCategories", Ints()}}};
}

template <typename T>
std::vector<T>& Values(RecordTable* table, std::size_t column) {
  return std::get<std::vector<T>>(table->columns[column].values);
}

// What a split is decided by: nothing for a leaf.
std::vector<double> CategoriesOrThreshold(const TreeNode& node) {
  if (node.is_leaf()) return {};
  if (node.arity < 0) return {node.threshold};
  return {node.left_categories.begin(), node.left_categories.end()};
}

RecordTable NodesOf(const TreeEnsemble& ensemble) {
  RecordTable table = NodeColumns();
  const auto add_int = [&](std::size_t column, std::int32_t value) {
    Values<std::int32_t>(&table, column).push_back(value);
  };
  const auto add_double = [&](std::size_t column, double value) {
    Values<double>(&table, column).push_back(value);
  };
  const auto add_list = [&](std::size_t column, std::vector<double> list) {
    Values<std::vector<double>>(&table, column).push_back(std::move(list));
  };
  for (std::size_t tree = 0; tree < ensemble.trees().size(); ++tree) {
    const std::vector<TreeNode>& nodes = ensemble.trees()[tree].nodes;
    for (std::size_t id = 0; id < nodes.size(); ++id) {
      const TreeNode& node = nodes[id];
      add_int(kTreeId, static_cast<std::int32_t>(tree));
      add_int(kId, static_cast<std::int32_t>(id));
      add_double(kPrediction, node.prediction);
      add_double(kImpurity, node.impurity);
      add_list(kImpurityStats, {node.stats.begin(), node.stats.end()});
      Values<std::int64_t>(&table, kRawCount).push_back(node.num_rows);
      add_double(kGain, node.gain);
      add_int(kLeftChild, node.left);
      add_int(kRightChild, node.right);
      add_int(kFeatureIndex, node.is_leaf() ? -1 : node.feature);
      add_list(kCategoriesOrThreshold, CategoriesOrThreshold(node));
      add_int(kNumCategories, node.is_leaf() ? -1 : node.arity);
    }
  }
  return table;
}

RecordTable TreesOf(const TreeEnsemble& ensemble, const SparkMlStamp& stamp) {
  RecordTable table{{{"treeID", std::vector<std::int32_t>()},
                     {"metadata", std::vector<std::string>()},
                     {"weights", std::vector<double>()}}};
  for (std::size_t tree = 0; tree < ensemble.trees().size(); ++tree) {
    StageMetadata metadata;
    metadata.class_name = kTreeClass;
    metadata.timestamp_ms = stamp.timestamp_ms;
    metadata.uid = UidOf("dtr", fmt::format("{} tree {}", stamp.uuid_seed, tree));
    Values<std::int32_t>(&table, 0).push_back(static_cast<std::int32_t>(tree));
    Values<std::string>(&table, 1).push_back(MetadataToJson(metadata));
    Values<double>(&table, 2).push_back(ensemble.weights()[tree]);
  }
  return table;
}

void WriteTable(const RecordTable& table, Engine& engine, const std::string& directory,
                const std::string& uuid) {
  MakeDirectories(directory);
  WriteOptions options;
  options.directory = directory;
  options.uuid = uuid;
  engine.WriteRecords(table, options);
  WriteTextFile(directory + "/_SUCCESS", "");
}

Json Write(const SavedModel& model, Engine& engine, const std::string& directory,
           const SparkMlStamp& stamp) {
  const auto* ensemble = dynamic_cast<const TreeEnsemble*>(model.model.get());
  if (ensemble == nullptr) {
    throw Error(ErrorKind::kInternal, "a model of kind gbt is not a tree ensemble");
  }
  WriteTable(NodesOf(*ensemble), engine, directory + "/data", stamp.FileUuid(model.uid + "/data"));
  WriteTable(TreesOf(*ensemble, stamp), engine, directory + "/treesMetadata",
             stamp.FileUuid(model.uid + "/treesMetadata"));
  return {{"numFeatures", ensemble->num_features()}, {"numTrees", ensemble->trees().size()}};
}

[[noreturn]] void Refuse(const std::string& where, const std::string& problem) {
  throw Error(ErrorKind::kInvalidArgument, where + ": " + problem);
}

std::int64_t RequireCount(const StageMetadata& metadata, const char* key,
                          const std::string& where) {
  const auto found = metadata.extra.find(key);
  if (found == metadata.extra.end()) {
    Refuse(where, fmt::format("the key '{}' is missing", key));
  }
  if (!found->is_number_integer() || found->get<std::int64_t>() < 0) {
    Refuse(where, fmt::format("the key '{}' must be a whole number, not negative", key));
  }
  return found->get<std::int64_t>();
}

// The weights of the trees by tree id.
std::map<std::int32_t, double> ReadWeights(Engine& engine, const Location& folder) {
  const std::vector<std::string> files = ListDataFiles(folder);
  // Spark 4 names the columns by their position, 3.5 by what they are.
  RecordTable layout{{{"treeID", std::vector<std::int32_t>()},
                      {"metadata", std::vector<std::string>()},
                      {"weights", std::vector<double>()}}};
  const Schema schema = engine.ReadParquet(files).schema();
  if (!schema.Find("treeID") && schema.Find("_1")) {
    for (std::size_t i = 0; i < layout.columns.size(); ++i) {
      layout.columns[i].path = fmt::format("_{}", i + 1);
    }
  }
  const RecordTable table = engine.ReadRecords(files, layout);
  std::map<std::int32_t, double> weights;
  for (std::size_t row = 0; row < table.num_rows(); ++row) {
    const std::int32_t tree = table.Get<std::int32_t>(0)[row];
    const StageMetadata metadata = [&] {
      try {
        return MetadataFromJson(table.Get<std::string>(1)[row]);
      } catch (const Error& error) {
        throw error.Within(fmt::format("{}: tree {}", folder.path(), tree));
      }
    }();
    if (metadata.class_name != kTreeClass) {
      Refuse(folder.path(),
             fmt::format("tree {} is of class {}, not {}", tree, metadata.class_name, kTreeClass));
    }
    if (!weights.emplace(tree, table.Get<double>(2)[row]).second) {
      Refuse(folder.path(), fmt::format("tree {} is there twice", tree));
    }
  }
  return weights;
}

// The rows of one tree by node id.
class TreeReader {
 public:
  TreeReader(const RecordTable& table, std::string where)
      : table_(table), where_(std::move(where)) {}

  void Add(std::size_t row) { rows_.push_back(row); }

  Tree Read() const {
    const auto& ids = table_.Get<std::int32_t>(kId);
    Tree tree;
    tree.nodes.resize(rows_.size());
    std::vector<bool> seen(rows_.size(), false);
    for (const std::size_t row : rows_) {
      const auto id = static_cast<std::size_t>(ids[row]);
      if (ids[row] < 0 || id >= rows_.size() || seen[id]) {
        Fail(fmt::format("its {} nodes must have the ids 0 to {}, each once, but there is {}{}",
                         rows_.size(), rows_.size() - 1, ids[row],
                         id < rows_.size() ? " twice" : ""));
      }
      seen[id] = true;
      tree.nodes[id] = Node(row);
    }
    return tree;
  }

 private:
  [[noreturn]] void Fail(const std::string& problem) const { Refuse(where_, problem); }

  TreeNode Node(std::size_t row) const {
    const std::int32_t id = table_.Get<std::int32_t>(kId)[row];
    TreeNode node;
    node.prediction = table_.Get<double>(kPrediction)[row];
    node.impurity = table_.Get<double>(kImpurity)[row];
    const std::vector<double>& stats = table_.Get<std::vector<double>>(kImpurityStats)[row];
    if (stats.size() != node.stats.size()) {
      Fail(
          fmt::format("node {}: impurityStats has {} numbers, 3 are expected (count, sum, sum of "
                      "squares)",
                      id, stats.size()));
    }
    std::copy(stats.begin(), stats.end(), node.stats.begin());
    node.num_rows = table_.Get<std::int64_t>(kRawCount)[row];
    node.gain = table_.Get<double>(kGain)[row];
    node.left = table_.Get<std::int32_t>(kLeftChild)[row];
    node.right = table_.Get<std::int32_t>(kRightChild)[row];
    if (node.left < 0 && node.right < 0) {
      // Spark does not look at a leaf's split either.
      node.left = node.right = -1;
      return node;
    }
    ReadSplit(row, id, &node);
    return node;
  }

  void ReadSplit(std::size_t row, std::int32_t id, TreeNode* node) const {
    node->feature = table_.Get<std::int32_t>(kFeatureIndex)[row];
    const std::int32_t arity = table_.Get<std::int32_t>(kNumCategories)[row];
    const std::vector<double>& list = table_.Get<std::vector<double>>(kCategoriesOrThreshold)[row];
    if (arity < 0) {
      if (list.size() != 1) {
        Fail(fmt::format("node {}: a continuous split has {} thresholds, 1 is expected", id,
                         list.size()));
      }
      node->threshold = list.front();
      return;
    }
    node->arity = arity;
    for (const double category : list) {
      if (!(category >= 0.0 && category < arity) || std::trunc(category) != category) {
        Fail(fmt::format("node {}: category {} is not one of 0 to {}", id, category, arity - 1));
      }
      node->left_categories.push_back(static_cast<std::int32_t>(category));
    }
    std::sort(node->left_categories.begin(), node->left_categories.end());
  }

  const RecordTable& table_;
  std::string where_;
  std::vector<std::size_t> rows_;
};

// A feature that some tree splits by categories is categorical, whatever else is known of it.
void MarkCategorical(const TreeEnsemble& ensemble, std::vector<Attribute>* attributes) {
  attributes->resize(ensemble.num_features());
  for (const Tree& tree : ensemble.trees()) {
    for (const TreeNode& node : tree.nodes) {
      if (node.is_leaf() || node.arity < 0) continue;
      Attribute& attribute = (*attributes)[static_cast<std::size_t>(node.feature)];
      attribute.kind = node.arity == 2 ? Attribute::Kind::kBinary : Attribute::Kind::kNominal;
      if (node.arity != 2) attribute.num_values = node.arity;
    }
  }
}

void Read(Engine& engine, const Location& directory, const StageMetadata& metadata,
          SavedModel* model) {
  const std::string metadata_path = (directory / "metadata").path();
  std::int64_t num_features = RequireCount(metadata, "numFeatures", metadata_path);
  const std::int64_t num_trees = RequireCount(metadata, "numTrees", metadata_path);
  const std::map<std::int32_t, double> weights = ReadWeights(engine, directory / "treesMetadata");

  const Location data = directory / "data";
  const RecordTable table = engine.ReadRecords(ListDataFiles(data), NodeColumns());
  std::map<std::int32_t, TreeReader> readers;
  for (std::size_t row = 0; row < table.num_rows(); ++row) {
    const std::int32_t tree = table.Get<std::int32_t>(kTreeId)[row];
    readers.try_emplace(tree, table, fmt::format("{}: tree {}", data.path(), tree))
        .first->second.Add(row);
    // Spark does not mind a wrong numFeatures, since it never looks at a row's length.
    const std::int64_t feature = table.Get<std::int32_t>(kFeatureIndex)[row];
    if (table.Get<std::int32_t>(kLeftChild)[row] >= 0) {
      num_features = std::max(num_features, feature + 1);
    }
  }
  if (num_features > kMaxFeatures) {
    Refuse(directory.path(),
           fmt::format("it has {} features, {} are the most that a model can have", num_features,
                       kMaxFeatures));
  }
  if (static_cast<std::int64_t>(readers.size()) != num_trees) {
    Refuse(data.path(), fmt::format("it has {} trees, numTrees in the metadata says {}",
                                    readers.size(), num_trees));
  }
  std::vector<Tree> trees;
  std::vector<double> tree_weights;
  for (const auto& [id, reader] : readers) {
    const auto weight = weights.find(id);
    if (weight == weights.end()) {
      Refuse((directory / "treesMetadata").path(), fmt::format("tree {} is missing", id));
    }
    trees.push_back(reader.Read());
    tree_weights.push_back(weight->second);
  }
  if (weights.size() != readers.size()) {
    Refuse((directory / "treesMetadata").path(),
           fmt::format("it has {} trees, data has {}", weights.size(), readers.size()));
  }
  try {
    auto ensemble = std::make_shared<TreeEnsemble>(std::move(trees), std::move(tree_weights),
                                                   static_cast<std::size_t>(num_features));
    MarkCategorical(*ensemble, &model->attributes);
    model->model = std::move(ensemble);
  } catch (const Error& error) {
    throw error.Within(data.path());
  }
}

}  // namespace

ModelFormat GbtModelFormat() {
  ModelFormat format;
  format.kind = "gbt";
  format.saved_class = "org.apache.spark.ml.regression.GBTRegressionModel";
  format.uid_prefix = "GBTRegressor";
  format.default_params = {{"cacheNodeIds", false},
                           {"checkpointInterval", 10},
                           {"featureSubsetStrategy", "all"},
                           {"featuresCol", "features"},
                           {"impurity", "variance"},
                           {"labelCol", "label"},
                           {"leafCol", ""},
                           {"lossType", "squared"},
                           {"maxBins", 32},
                           {"maxDepth", 5},
                           {"maxIter", 20},
                           {"maxMemoryInMB", 256},
                           {"minInfoGain", 0.0},
                           {"minInstancesPerNode", 1},
                           {"minWeightFractionPerNode", 0.0},
                           {"predictionCol", "prediction"},
                           // What PySpark's hash("GBTRegressor") is under spark-submit.
                           {"seed", std::int64_t{276210194310129986}},
                           {"stepSize", 0.1},
                           {"subsamplingRate", 1.0},
                           {"validationTol", 0.01}};
  format.optional_params = {"validationIndicatorCol", "weightCol"};
  format.write = Write;
  format.read = Read;
  return format;
}

}  // namespace firesteel
