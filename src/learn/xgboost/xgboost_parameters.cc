#include "learn/xgboost/xgboost_parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"
#include "base/parameter_ranges.h"
#include "base/text.h"
#include "learn/xgboost/xgboost_library.h"

namespace firesteel {
namespace {

using Json = nlohmann::ordered_json;

// Another name of a parameter, as scikit-learn's interface or XGBoost's documentation has it.
struct Alias {
  const char* name;
  const char* stands_for;
};
constexpr std::array kAliases = {Alias{"learning_rate", "eta"},
                                 Alias{"num_boost_round", "n_estimators"},
                                 Alias{"num_round", "n_estimators"},
                                 Alias{"min_split_loss", "gamma"},
                                 Alias{"reg_lambda", "lambda"},
                                 Alias{"reg_alpha", "alpha"},
                                 Alias{"random_state", "seed"},
                                 Alias{"n_jobs", "nthread"},
                                 Alias{"weightCol", "weight_col"},
                                 Alias{"validationIndicatorCol", "validation_indicator_col"}};

bool Inside(double value) { return value > 0.0 && value < 1.0; }
bool Finite(double value) { return value - value == 0.0; }
bool AboveZero(double value) { return value > 0.0 && Finite(value); }
bool OneToTwo(double value) { return value > 1.0 && value < 2.0; }

bool IsConstraint(const Json& value) {
  return value.is_number_integer() && value >= -1 && value <= 1;
}

bool AreMonotone(const Json& value) {
  if (value.is_string()) return true;
  return (value.is_array() || value.is_object()) &&
         std::all_of(value.begin(), value.end(), IsConstraint);
}

bool AreInteractions(const Json& value) {
  if (value.is_string()) return true;
  return value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& group) {
           return group.is_array() && std::all_of(group.begin(), group.end(), [](const Json& item) {
                    return item.is_string() || item.is_number_unsigned() ||
                           (item.is_number_integer() && item >= 0);
                  });
         });
}

constexpr std::array kMetrics = {"rmse",          "rmsle",          "mae",
                                 "mape",          "mphe",           "poisson-nloglik",
                                 "gamma-nloglik", "gamma-deviance", "quantile"};

bool IsMetric(const Json& value) {
  if (!value.is_string()) return false;
  const auto name = value.get<std::string>();
  return name.starts_with("tweedie-nloglik@") ||
         std::find(kMetrics.begin(), kMetrics.end(), name) != kMetrics.end();
}

bool AreMetrics(const Json& value) {
  if (!value.is_array()) return IsMetric(value);
  return !value.empty() && std::all_of(value.begin(), value.end(), IsMetric);
}

const std::vector<std::string>& Objectives() {
  static const std::vector<std::string> objectives = {
      "reg:squarederror",     "reg:squaredlogerror", "reg:absoluteerror", "reg:quantileerror",
      "reg:pseudohubererror", "count:poisson",       "reg:gamma",         "reg:tweedie"};
  return objectives;
}

std::vector<ParameterSpec> MakeTable() {
  using enum ParameterType;
  std::vector<ParameterSpec> table = {
      {"objective", kString, "\"reg:squarederror\"", Join(Objectives(), ", "),
       "The loss that is minimised, and with it whether predictions are exp() of the trees' sum.",
       AcceptOneOf(Objectives())},
      {"n_estimators", kInt, "100", "1 or more", "Iterations, at most.", AcceptFrom(1)},
      {"eta", kDouble, "0.3", "0 or more", "What each tree is multiplied by (the learning rate).",
       AcceptReal(IsNotNegative)},
      {"max_depth", kInt, "6", "0 or more", "The depth of a tree at most; 0: no limit.",
       AcceptFrom(0)},
      {"max_leaves", kInt, "0", "0 or more", "The leaves of a tree at most; 0: no limit.",
       AcceptFrom(0)},
      {"grow_policy", kString, "\"depthwise\"", "depthwise, lossguide",
       "Which node is split next: the one nearest to the root, or the one that gains most.",
       AcceptOneOf({"depthwise", "lossguide"})},
      {"min_child_weight", kDouble, "1.0", "0 or more",
       "The sum of second derivatives (for squared errors: of weights) that a child needs.",
       AcceptReal(IsNotNegative)},
      {"gamma", kDouble, "0.0", "0 or more", "The gain that a split needs.",
       AcceptReal(IsNotNegative)},
      {"lambda", kDouble, "1.0", "0 or more", "L2 regularisation of leaves.",
       AcceptReal(IsNotNegative)},
      {"alpha", kDouble, "0.0", "0 or more", "L1 regularisation of leaves.",
       AcceptReal(IsNotNegative)},
      {"max_delta_step", kDouble, "", "0 or more; without it 0.7 for count:poisson, else 0",
       "The most that a leaf may add, before eta; 0: no limit.", AcceptReal(IsNotNegative)},
      {"tree_method", kString, "\"hist\"", "auto, hist, approx, exact",
       "How splits are searched: on bins made once, on bins made for each iteration, on all "
       "values.",
       AcceptOneOf({"auto", "hist", "approx", "exact"})},
      {"max_bin", kInt, "256", "2 or more", "Bins of a feature at most, with hist and approx.",
       AcceptFrom(2)},
      {"subsample", kDouble, "1.0", "above 0, up to 1", "The share of the rows each tree sees.",
       AcceptReal(IsAboveZeroUpToOne)},
      {"colsample_bytree", kDouble, "1.0", "above 0, up to 1",
       "The share of the features each tree may use.", AcceptReal(IsAboveZeroUpToOne)},
      {"colsample_bylevel", kDouble, "1.0", "above 0, up to 1",
       "The share of those that each level may use.", AcceptReal(IsAboveZeroUpToOne)},
      {"colsample_bynode", kDouble, "1.0", "above 0, up to 1",
       "The share of those that each node may use.", AcceptReal(IsAboveZeroUpToOne)},
      {"num_parallel_tree", kInt, "1", "1 or more", "Trees in each iteration.", AcceptFrom(1)},
      {"monotone_constraints", kAny, "", "a list of -1, 0 and 1, or a mapping of names to these",
       "Whether predictions may only rise (1) or fall (-1) with a feature.", AreMonotone},
      {"interaction_constraints", kAny, "", "a list of lists of features, by name or position",
       "Features that may stand together on one path.", AreInteractions},
      {"base_score", kDouble, "", "a number; above 0 for count:poisson, reg:gamma, reg:tweedie",
       "The prediction before the first tree; if left out, estimated from the labels.",
       AcceptReal(Finite)},
      {"quantile_alpha", kDouble, "", "above 0, below 1",
       "The quantile that reg:quantileerror predicts, which needs it.", AcceptReal(Inside)},
      {"huber_slope", kDouble, "1.0", "above 0",
       "Where reg:pseudohubererror turns from squares to a line.", AcceptReal(AboveZero)},
      {"tweedie_variance_power", kDouble, "1.5", "above 1, below 2",
       "The power of reg:tweedie: near 2 is like gamma, near 1 like Poisson.",
       AcceptReal(OneToTwo)},
      {"eval_metric", kAny, "",
       fmt::format("one or a list of {}, tweedie-nloglik@POWER", fmt::join(kMetrics, ", ")),
       "What early stopping judges by, the last of several; if left out, the objective's own.",
       AreMetrics},
      {"early_stopping_rounds", kInt, "", "1 or more",
       "Stops after so many iterations without a better metric on the validation part, and keeps "
       "the best.",
       AcceptFrom(1)},
      {"seed", kLong, "0", "any", "Of subsample and colsample.", nullptr},
      {"seed_per_iteration", kBool, "false", "true, false", "Seeds each iteration by its number."},
      {"nthread", kInt, "", "-1, or 1 or more",
       "Threads of the training; if left out or -1, those of the command.",
       [](const Json& value) { return value == -1 || value >= 1; }},
      {"weight_col", kString, "", "a numeric column", "The weight of each row."},
      {"validation_indicator_col", kString, "", "a boolean column",
       "Rows that early stopping watches, instead of the validation part."},
      {"booster", kString, "\"gbtree\"", "gbtree", "The kind of booster.", AcceptOneOf({"gbtree"})},
      {"device", kString, "\"cpu\"", "cpu", "Where it is trained.", AcceptOneOf({"cpu"})},
      {"sampling_method", kString, "\"uniform\"", "uniform", "How subsample draws rows.",
       AcceptOneOf({"uniform"})},
      {"verbosity", kInt, "1", "0 to 3", "Which of XGBoost's own messages reach the log.",
       [](const Json& value) { return value >= 0 && value <= 3; }},
  };
  const std::size_t num_own = table.size();
  for (const Alias& alias : kAliases) {
    for (std::size_t i = 0; i < num_own; ++i) {
      if (table[i].name != alias.stands_for) continue;
      ParameterSpec spec = table[i];
      spec.name = alias.name;
      spec.default_json.clear();
      spec.sentence = fmt::format("Another name of {}.", alias.stands_for);
      table.push_back(std::move(spec));
    }
  }
  for (ParameterSpec& spec : table) spec.null_is_unset = true;  // As in XGBoost's interface.
  return table;
}

// Parameters by their own names alone.
Json WithoutAliases(const Json& params) {
  Json own = params;
  for (const Alias& alias : kAliases) {
    const auto found = own.find(alias.name);
    if (found == own.end()) continue;
    own[alias.stands_for] = *found;
    own.erase(alias.name);
  }
  return own;
}

std::optional<std::string> ColumnName(const Json& params, const char* parameter) {
  const auto name = params.value(parameter, "");
  return name.empty() ? std::nullopt : std::optional(name);
}

// As the library reads it.
std::string TextOf(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

[[noreturn]] void RefuseConstraint(const char* parameter, const std::string& what) {
  throw Error(ErrorKind::kUsage, fmt::format("xgboost: {}: {}", parameter, what));
}

std::size_t PositionOf(const std::string& name, const std::vector<Attribute>& attributes,
                       const char* parameter) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    names.push_back(attributes[i].name.value_or(fmt::format("f{}", i)));
    if (names.back() == name) return i;
  }
  RefuseConstraint(parameter, fmt::format("there is no feature '{}'{}; there are: {}", name,
                                          DidYouMean(name, names), Join(names, ", ")));
}

}  // namespace

std::span<const ParameterSpec> XgboostParameterTable() {
  static const std::vector<ParameterSpec> table = MakeTable();
  return table;
}

void CheckXgboostParameters(const Json& params) {
  RequireXgboost();
  for (const ParameterSpec& spec : XgboostParameterTable()) {
    std::string first;
    const auto compare = [&](const std::string& name) {
      if (!params.contains(name)) return;
      if (first.empty()) {
        first = name;
      } else if (params[first] != params[name]) {
        throw Error(ErrorKind::kUsage,
                    fmt::format("xgboost: {} = {} and {} = {} are one parameter under two names; "
                                "give one of them",
                                first, params[first].dump(), name, params[name].dump()));
      }
    };
    compare(spec.name);
    for (const Alias& alias : kAliases) {
      if (alias.stands_for == spec.name) compare(alias.name);
    }
  }
  const Json own = WithoutAliases(params);
  const auto objective = own.value("objective", XgboostParameters().objective);
  if (objective == "reg:quantileerror" && !own.contains("quantile_alpha")) {
    throw Error(ErrorKind::kUsage,
                "xgboost: reg:quantileerror needs quantile_alpha, the quantile to predict");
  }
  const bool is_log =
      objective == "count:poisson" || objective == "reg:gamma" || objective == "reg:tweedie";
  if (is_log && own.contains("base_score") && !(own["base_score"].get<double>() > 0.0)) {
    throw Error(ErrorKind::kUsage, fmt::format("xgboost: base_score is {}; {} needs one above 0",
                                               own["base_score"].dump(), objective));
  }
  if (ColumnName(own, "validation_indicator_col") && !own.contains("early_stopping_rounds")) {
    throw Error(ErrorKind::kUsage,
                "xgboost: validation_indicator_col is of use with early_stopping_rounds alone; "
                "give both or none");
  }
}

TrainingColumns XgboostColumns(const Json& params) {
  const Json own = WithoutAliases(params);
  return {.weight = ColumnName(own, "weight_col"),
          .held_out = ColumnName(own, "validation_indicator_col")};
}

XgboostParameters MakeXgboostParameters(const Json& params) {
  const Json own = WithoutAliases(params);
  XgboostParameters parameters;
  parameters.objective = own.value("objective", parameters.objective);
  parameters.tree_method = own.value("tree_method", parameters.tree_method);
  if (parameters.tree_method == "auto") parameters.tree_method = "hist";
  parameters.n_estimators = own.value("n_estimators", parameters.n_estimators);
  parameters.early_stopping_rounds = own.value("early_stopping_rounds", 0);
  parameters.max_bin = own.value("max_bin", parameters.max_bin);
  parameters.subsample = own.value("subsample", parameters.subsample);
  for (const char* share : {"colsample_bytree", "colsample_bylevel", "colsample_bynode"}) {
    parameters.draws_features = parameters.draws_features || own.value(share, 1.0) < 1.0;
  }
  if (const int nthread = own.value("nthread", -1); nthread > 0) parameters.nthread = nthread;
  parameters.monotone_constraints = own.value("monotone_constraints", Json());
  parameters.interaction_constraints = own.value("interaction_constraints", Json());

  parameters.own = {{"objective", parameters.objective}, {"tree_method", parameters.tree_method}};
  // What is not the library's, or handed over elsewhere.
  constexpr std::array kOurs = {"objective",    "tree_method",
                                "n_estimators", "early_stopping_rounds",
                                "nthread",      "monotone_constraints",
                                "weight_col",   "validation_indicator_col",
                                "eval_metric",  "interaction_constraints"};
  for (const ParameterSpec& spec : XgboostParameterTable()) {
    if (!own.contains(spec.name) ||
        std::find(kOurs.begin(), kOurs.end(), spec.name) != kOurs.end()) {
      continue;
    }
    parameters.own.emplace_back(spec.name, TextOf(own[spec.name]));
  }
  Json metrics = own.value("eval_metric", Json::array());
  if (!metrics.is_array()) metrics = Json::array({metrics});
  for (const Json& metric : metrics) parameters.own.emplace_back("eval_metric", TextOf(metric));
  return parameters;
}

std::string MonotoneConstraints(const Json& given, const std::vector<Attribute>& attributes) {
  constexpr const char* kName = "monotone_constraints";
  Json list = given;
  if (given.is_string()) {
    std::string text(Trim(given.get<std::string>()));
    if (text.starts_with('(') && text.ends_with(')')) text = text.substr(1, text.size() - 2);
    list = Json::parse("[" + text + "]", nullptr, false);
    if (!list.is_array() || !AreMonotone(list)) {
      RefuseConstraint(kName,
                       fmt::format("{} is no list of -1, 0 and 1 like (1,0,-1)", given.dump()));
    }
  }
  std::vector<int> constraints(attributes.size(), 0);
  if (list.is_object()) {
    for (const auto& [name, constraint] : list.items()) {
      constraints[PositionOf(name, attributes, kName)] = constraint.get<int>();
    }
  } else {
    if (list.size() != attributes.size()) {
      RefuseConstraint(kName, fmt::format("there are {} constraints for {} features; give one for "
                                          "each, or name the features",
                                          list.size(), attributes.size()));
    }
    constraints = list.get<std::vector<int>>();
  }
  return fmt::format("({})", fmt::join(constraints, ","));
}

std::string InteractionConstraints(const Json& given, const std::vector<Attribute>& attributes) {
  constexpr const char* kName = "interaction_constraints";
  Json groups = given;
  if (given.is_string()) {
    groups = Json::parse(given.get<std::string>(), nullptr, false);
    if (!groups.is_array() || !AreInteractions(groups)) {
      RefuseConstraint(kName, fmt::format("{} is no list of lists of features like [[0,1],[2,3]]",
                                          given.dump()));
    }
  }
  for (Json& group : groups) {
    for (Json& item : group) {
      if (item.is_string()) {
        item = PositionOf(item.get<std::string>(), attributes, kName);
      } else if (item.get<std::uint64_t>() >= attributes.size()) {
        RefuseConstraint(kName, fmt::format("there is no feature {}; there are {}, counted from 0",
                                            item.dump(), attributes.size()));
      }
    }
  }
  return groups.dump();
}

}  // namespace firesteel
