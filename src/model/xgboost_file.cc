#include "model/xgboost_file.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"

namespace firesteel {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxDepth = 16;  // Of nested lists and mappings; XGBoost's files have 7.

[[noreturn]] void Refuse(ErrorKind kind, const std::string& message) {
  throw Error(kind, "XGBoost model: " + message);
}

[[noreturn]] void RefuseField(const std::string& field, const std::string& what) {
  Refuse(ErrorKind::kInvalidArgument, fmt::format("{}: {}", field, what));
}

// Builds the values that a reader of UBJSON meets, and stops it where a file is hostile: nested
// deeper than any model, or of more values than it has bytes.
class Builder : public Json::json_sax_t {
 public:
  explicit Builder(std::size_t max_values) : values_left_(max_values) {}

  Json& root() { return root_; }
  const std::string& problem() const { return problem_; }

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t&) override { return Add(value); }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t&) override { return Stop("it holds binary data"); }
  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return Stop(fmt::format("it ends or breaks off at byte {}", position));
  }

 private:
  bool Stop(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  bool Add(Json value) {
    if (values_left_-- == 0) return Stop("it announces more values than it has bytes");
    Put(std::move(value));
    return true;
  }

  bool Open(Json value) {
    if (open_.size() == kMaxDepth) return Stop("it is nested too deeply");
    if (values_left_-- == 0) return Stop("it announces more values than it has bytes");
    open_.push_back(Put(std::move(value)));
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  Json* Put(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back();
    if (parent.is_object()) return &(parent[key_] = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }

  Json root_;
  std::vector<Json*> open_;
  std::string key_;
  std::string problem_ = "it is no UBJSON";
  std::size_t values_left_;
};

// A value of the file and the path to it.
class Field {
 public:
  Field(const Json& value, std::string path) : value_(value), path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  bool Has(const char* key) const { return value_.is_object() && value_.contains(key); }

  Field operator[](const char* key) const {
    const std::string path = path_.empty() ? key : path_ + "." + key;
    if (!Has(key)) RefuseField(path, "it is missing");
    return {value_[key], path};
  }

  std::string Text() const {
    if (!value_.is_string()) RefuseField(path_, "it must be text");
    return value_.get<std::string>();
  }

  std::vector<Field> Items() const {
    if (!value_.is_array()) RefuseField(path_, "it must be a list");
    std::vector<Field> items;
    for (std::size_t i = 0; i < value_.size(); ++i) {
      items.emplace_back(value_[i], fmt::format("{}[{}]", path_, i));
    }
    return items;
  }

  // A list of `size` numbers.
  template <typename T>
  std::vector<T> Numbers(std::size_t size) const {
    if (!value_.is_array()) RefuseField(path_, "it must be a list");
    if (value_.size() != size) {
      RefuseField(path_, fmt::format("it has {} values for {} nodes", value_.size(), size));
    }
    std::vector<T> numbers;
    numbers.reserve(size);
    for (const Json& item : value_) {
      if (std::is_integral_v<T> ? !item.is_number_integer() : !item.is_number()) {
        RefuseField(path_, fmt::format("{} is no number of the right type", item.dump()));
      }
      numbers.push_back(item.get<T>());
    }
    return numbers;
  }

 private:
  const Json& value_;
  std::string path_;
};

// A number that XGBoost writes as text: "5E-1", in a list of one since version 3.1: "[5E-1]".
template <typename T>
T NumberOf(const Field& field) {
  const std::string text = field.Text();
  std::string_view digits = text;
  if (digits.starts_with('[') && digits.ends_with(']')) {
    digits = digits.substr(1, digits.size() - 2);
  }
  T number{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    if (digits.find(',') != std::string_view::npos) {
      Refuse(ErrorKind::kUnsupported, fmt::format("{}: there are several ({}); only models of one "
                                                  "output are read",
                                                  field.path(), text));
    }
    RefuseField(field.path(), fmt::format("'{}' is no number", text));
  }
  return number;
}

void RequireCount(const Field& field, std::size_t most) {
  const auto count = NumberOf<std::size_t>(field);
  if (count > most) {
    Refuse(ErrorKind::kUnsupported,
           fmt::format("{} is {}; only models of one output are read", field.path(), count));
  }
}

XgboostLink LinkOf(const std::string& objective) {
  constexpr std::array kIdentity = {"reg:squarederror",  "reg:squaredlogerror",
                                    "reg:absoluteerror", "reg:quantileerror",
                                    "reg:linear",        "reg:pseudohubererror"};
  constexpr std::array kLog = {"count:poisson", "reg:gamma", "reg:tweedie"};
  for (const char* name : kIdentity) {
    if (objective == name) return XgboostLink::kIdentity;
  }
  for (const char* name : kLog) {
    if (objective == name) return XgboostLink::kLog;
  }
  Refuse(ErrorKind::kUnsupported,
         fmt::format("learner.objective.name: '{}' is not supported; these are: {}, {}", objective,
                     fmt::join(kIdentity, ", "), fmt::join(kLog, ", ")));
}

XgboostTree ReadTree(const Field& field, std::size_t num_features) {
  const auto size = NumberOf<std::size_t>(field["tree_param"]["num_nodes"]);
  if (field["tree_param"].Has("size_leaf_vector")) {
    RequireCount(field["tree_param"]["size_leaf_vector"], 1);
  }
  if (size == 0) RefuseField(field.path() + ".tree_param.num_nodes", "a tree has at least a leaf");
  const auto lefts = field["left_children"].Numbers<std::int64_t>(size);
  const auto rights = field["right_children"].Numbers<std::int64_t>(size);
  const auto features = field["split_indices"].Numbers<std::int64_t>(size);
  const auto conditions = field["split_conditions"].Numbers<float>(size);
  const auto defaults = field["default_left"].Numbers<std::int64_t>(size);
  const auto covers = field["sum_hessian"].Numbers<float>(size);
  const auto gains = field["loss_changes"].Numbers<float>(size);
  std::vector<std::int64_t> types(size, 0);
  if (field.Has("split_type")) types = field["split_type"].Numbers<std::int64_t>(size);

  XgboostTree tree;
  struct Pending {
    std::size_t node;
    std::int32_t parent;  // In preorder; -1: none.
    bool is_left;
  };
  std::vector<Pending> pending = {{0, -1, false}};
  while (!pending.empty()) {
    const auto [i, parent, is_left] = pending.back();
    pending.pop_back();
    // A node that two others lead to, or itself, would make more of them than there are.
    if (tree.nodes.size() == size) RefuseField(field.path(), "its nodes are no tree");
    const auto position = static_cast<std::int32_t>(tree.nodes.size());
    if (parent >= 0) {
      XgboostNode& above = tree.nodes[static_cast<std::size_t>(parent)];
      (is_left ? above.left : above.right) = position;
    }
    XgboostNode& node = tree.nodes.emplace_back();
    node.cover = covers[i];
    if (std::isnan(conditions[i])) {
      RefuseField(fmt::format("{}.split_conditions[{}]", field.path(), i), "it is NaN");
    }
    if (lefts[i] == -1) {
      node.leaf = conditions[i];
      continue;
    }
    for (const auto& [name, children] :
         {std::pair("left_children", &lefts), std::pair("right_children", &rights)}) {
      const std::int64_t child = (*children)[i];
      if (child < 0 || static_cast<std::size_t>(child) >= size) {
        RefuseField(fmt::format("{}.{}[{}]", field.path(), name, i),
                    fmt::format("there is no node {}", child));
      }
    }
    if (types[i] != 0) {
      Refuse(ErrorKind::kUnsupported,
             fmt::format("{}.split_type[{}]: splits by category are not supported; train without "
                         "enable_categorical",
                         field.path(), i));
    }
    if (features[i] < 0 || static_cast<std::size_t>(features[i]) >= num_features) {
      RefuseField(
          fmt::format("{}.split_indices[{}]", field.path(), i),
          fmt::format("there is no feature {}; the model has {}", features[i], num_features));
    }
    node.feature = static_cast<std::int32_t>(features[i]);
    node.cut = conditions[i];
    node.default_left = defaults[i] != 0;
    node.gain = gains[i];
    pending.push_back({static_cast<std::size_t>(rights[i]), position, false});
    pending.push_back({static_cast<std::size_t>(lefts[i]), position, true});
  }
  return tree;
}

XgboostForest ReadForest(const Field& learner) {
  const Field booster = learner["gradient_booster"];
  if (const std::string name = booster["name"].Text(); name != "gbtree") {
    Refuse(ErrorKind::kUnsupported,
           fmt::format("{}: '{}' is not supported, only gbtree is", booster["name"].path(), name));
  }
  XgboostForest forest;
  forest.objective = learner["objective"]["name"].Text();
  forest.link = LinkOf(forest.objective);

  const Field param = learner["learner_model_param"];
  forest.num_features = NumberOf<std::size_t>(param["num_feature"]);
  RequireCount(param["num_class"], 0);
  if (param.Has("num_target")) RequireCount(param["num_target"], 1);
  forest.base_score = NumberOf<float>(param["base_score"]);
  forest.base_margin =
      forest.link == XgboostLink::kLog ? std::log(forest.base_score) : forest.base_score;
  if (!std::isfinite(forest.base_margin)) {
    RefuseField(param["base_score"].path(),
                fmt::format("{} is out of range for {}", forest.base_score, forest.objective));
  }

  const std::vector<Field> trees = booster["model"]["trees"].Items();
  const auto num_trees = NumberOf<std::size_t>(booster["model"]["gbtree_model_param"]["num_trees"]);
  if (trees.size() != num_trees) {
    RefuseField(booster["model"]["trees"].path(),
                fmt::format("there are {}, and num_trees is {}", trees.size(), num_trees));
  }
  forest.trees.reserve(trees.size());
  for (const Field& tree : trees) forest.trees.push_back(ReadTree(tree, forest.num_features));

  if (learner.Has("feature_names")) {
    for (const Field& name : learner["feature_names"].Items()) {
      forest.feature_names.push_back(name.Text());
    }
    if (!forest.feature_names.empty() && forest.feature_names.size() != forest.num_features) {
      RefuseField(learner["feature_names"].path(),
                  fmt::format("there are {} for {} features", forest.feature_names.size(),
                              forest.num_features));
    }
  }
  return forest;
}

}  // namespace

double LargestBelow(float cut) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (cut == -kInfinity) return std::numeric_limits<double>::quiet_NaN();
  const float below = std::nextafter(cut, -kInfinity);
  // Halfway to the neighbour, or to where it would be. A tie goes to the even of the two.
  const double upper =
      cut == kInfinity ? std::ldexp(1.0, std::numeric_limits<float>::max_exponent) : cut;
  const double lower =
      below == -kInfinity ? -std::ldexp(1.0, std::numeric_limits<float>::max_exponent) : below;
  const double middle = lower + (upper - lower) / 2.0;
  return static_cast<float>(middle) < cut
             ? middle
             : std::nextafter(middle, -std::numeric_limits<double>::infinity());
}

XgboostForest ParseXgboostFile(std::string_view bytes) {
  Builder builder(bytes.size());
  bool is_whole = false;
  try {
    is_whole = Json::sax_parse(bytes.begin(), bytes.end(), &builder, Json::input_format_t::ubjson);
  } catch (const Json::exception& error) {
    RefuseField("the file", error.what());
  }
  if (!is_whole) RefuseField("the file", builder.problem());
  return ReadForest(Field(builder.root(), "")["learner"]);
}

}  // namespace firesteel
