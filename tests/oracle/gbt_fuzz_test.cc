// Compares the trainer of learn/gbt, on cells, with the plain one, on rows in two orders, on data
// and parameters drawn from seeds. FIRESTEEL_FUZZ_SEEDS says how many seeds; without it, 3000.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "learn/gbt/gbt_trainer.h"
#include "learn/gbt/loss.h"
#include "learn/gbt/stats.h"
#include "oracle/plain_trainer.h"

namespace firesteel {
namespace {

// Relative to the size of what a tree learns: how near numbers of the two are, and gains at a tie.
constexpr double kSame = 1e-9;
constexpr double kTied = 1e-13;

struct Case {
  MemoryRows rows;
  GbtParameters parameters;
  bool whole_labels = false;
};

class Drawing {
 public:
  explicit Drawing(std::uint64_t seed) : random_(seed) {}

  std::size_t Below(std::size_t bound) { return random_.NextBelow(bound); }
  double Real() { return random_.NextDouble(); }
  bool Chance(double probability) { return Real() < probability; }
  template <typename T>
  T OneOf(std::initializer_list<T> values) {
    return values.begin()[Below(values.size())];
  }

 private:
  SplitMix64 random_;
};

// One value of a feature of the given kind.
double DrawValue(Drawing& draw, std::size_t kind, std::size_t arity) {
  if (kind == 0) return draw.Real() * 100.0 - 50.0;
  if (kind == 1) return static_cast<double>(draw.Below(9)) - 4.0;
  if (kind == 2) return draw.Chance(0.6) ? 0.0 : std::floor(draw.Real() * 40.0) / 8.0;
  if (kind == 3) return 2.5;
  return static_cast<double>(draw.Below(arity));
}

Case DrawCase(std::uint64_t seed) {
  Drawing draw(seed);
  Case made;
  const std::size_t n = draw.Chance(0.1) ? 1 + draw.Below(5) : 5 + draw.Below(220);
  const std::size_t d = 1 + draw.Below(6);
  GbtParameters& p = made.parameters;
  p.max_iter = draw.OneOf({1, 2, 5, 9});
  p.max_depth = draw.OneOf({0, 1, 2, 3, 5, 9});
  p.max_bins = draw.OneOf({2, 3, 8, 32, 300});
  p.min_instances_per_node = draw.Chance(0.7) ? 1 : 1 + static_cast<int>(draw.Below(20));
  p.min_info_gain = draw.Chance(0.8) ? 0.0 : draw.Real() * 0.3;
  p.min_weight_fraction_per_node = draw.Chance(0.8) ? 0.0 : draw.Real() * 0.3;
  p.loss = draw.Chance(0.6) ? Loss::kSquared : Loss::kAbsolute;
  p.step_size = draw.OneOf({1.0, 0.5, 0.1, 0.013});

  std::vector<std::size_t> kinds;
  std::vector<std::size_t> arities;
  const std::size_t possible_bins = std::min(static_cast<std::size_t>(p.max_bins), n);
  for (std::size_t feature = 0; feature < d; ++feature) {
    std::size_t kind = draw.Below(6);
    const std::size_t arity = 1 + draw.Below(12);
    if (kind >= 4 && arity > possible_bins) kind = 1;
    Attribute attribute;
    if (kind >= 4) {
      attribute.kind = Attribute::Kind::kNominal;
      attribute.num_values = static_cast<std::int32_t>(arity);
    }
    kinds.push_back(kind);
    arities.push_back(arity);
    made.rows.attributes.push_back(attribute);
  }
  made.whole_labels = draw.Chance(0.7);
  const std::size_t label_range = draw.OneOf<std::size_t>({1, 2, 5, 30, 1000});
  const bool weighted = draw.Chance(0.3);
  for (std::size_t row = 0; row < n; ++row) {
    double label = static_cast<double>(draw.Below(label_range)) - 2.0;
    for (std::size_t feature = 0; feature < d; ++feature) {
      const double value = DrawValue(draw, kinds[feature], arities[feature]);
      made.rows.features.push_back(value);
      if (feature < 2) label += std::floor(value / 2.0);
    }
    made.rows.labels.push_back(made.whole_labels ? label : label / 7.0);
    // Quarters add up exactly.
    if (weighted) made.rows.weights.push_back(static_cast<double>(draw.Below(9)) / 4.0);
  }
  return made;
}

MemoryRows Shuffled(const MemoryRows& rows, std::uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<std::size_t> order(rows.labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[random.NextBelow(i)]);
  const std::size_t d = rows.attributes.size();
  MemoryRows shuffled = {.attributes = rows.attributes, .features = {}, .labels = {}};
  for (const std::size_t row : order) {
    for (std::size_t i = 0; i < d; ++i) shuffled.features.push_back(rows.features[row * d + i]);
    shuffled.labels.push_back(rows.labels[row]);
    if (!rows.weights.empty()) shuffled.weights.push_back(rows.weights[row]);
  }
  return shuffled;
}

TreeEnsemble TrainOnCells(const MemoryRows& rows, const GbtParameters& parameters,
                          int num_threads = 1) {
  MemorySource source(rows);
  const TrainedModel trained = TrainGbt(source, parameters, {.num_threads = num_threads});
  return dynamic_cast<const TreeEnsemble&>(*trained.model);
}

bool SameSplit(const TreeNode& a, const TreeNode& b) {
  return a.feature == b.feature && a.arity == b.arity && a.threshold == b.threshold &&
         a.left_categories == b.left_categories;
}

bool SameBits(const TreeNode& a, const TreeNode& b) {
  return a.prediction == b.prediction && a.impurity == b.impurity && a.stats == b.stats &&
         a.num_rows == b.num_rows && a.gain == b.gain && a.left == b.left && a.right == b.right &&
         SameSplit(a, b);
}

// The first node that differs in any bit.
std::optional<std::string> FirstDifference(const TreeEnsemble& a, const TreeEnsemble& b) {
  if (a.trees().size() != b.trees().size()) return "the number of trees";
  for (std::size_t tree = 0; tree < a.trees().size(); ++tree) {
    const auto& ours = a.trees()[tree].nodes;
    const auto& theirs = b.trees()[tree].nodes;
    for (std::size_t node = 0; node < std::min(ours.size(), theirs.size()); ++node) {
      if (!SameBits(ours[node], theirs[node])) {
        return "tree " + std::to_string(tree) + ", node " + std::to_string(node);
      }
    }
    if (ours.size() != theirs.size()) return "the nodes of tree " + std::to_string(tree);
  }
  return std::nullopt;
}

// Walks two forests side by side up to the first node that is divided otherwise. That must be a
// tie: of splits that gain the same, or of a split that gains nothing and no split.
class Walk {
 public:
  /// Looks at the first `num_trees` trees.
  Walk(const TreeEnsemble& ours, const TreeEnsemble& theirs, const MemoryRows& rows,
       std::size_t num_trees)
      : ours_(ours),
        theirs_(theirs),
        rows_(rows),
        num_trees_(num_trees),
        predictions_(rows.labels.size(), 0.0) {}

  void Run() {
    std::vector<std::size_t> all(rows_.labels.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    for (tree_ = 0; tree_ < num_trees_ && !met_tie_; ++tree_) {
      const TreeNode& root = theirs_.trees()[tree_].nodes[0];
      spread_ = root.stats[0] == 0.0 ? 0.0 : std::sqrt(root.stats[2] / root.stats[0]);
      if (tree_ == 0) noise_ = 1e-14 * spread_;
      Visit(0, 0, all);
      AddPredictions();
    }
  }

  bool met_tie() const { return met_tie_; }
  /// Whether one side divides the node and the other doesn't: the gain is 0 but for rounding.
  bool is_idle() const { return is_idle_; }
  /// Whether the gains differ, since categories of equal mean were tried in another order.
  bool is_order() const { return is_order_; }
  /// Whether the two splits of the tie separate the same rows: then their gains are equal whatever
  /// the targets.
  bool is_proved() const { return is_proved_; }

 private:
  bool GoesLeft(const TreeNode& node, std::size_t row) const {
    const double value =
        rows_.features[row * rows_.attributes.size() + static_cast<std::size_t>(node.feature)];
    if (node.arity < 0) return value <= node.threshold;
    const auto& left = node.left_categories;
    return std::find(left.begin(), left.end(), static_cast<std::int32_t>(value)) != left.end();
  }

  // Whether a feature that is split by categories has two of the same mean in these rows: rounding
  // decides which comes first, and with it which sets of categories are tried at all.
  bool HasEqualMeans(const TreeNode& node, const std::vector<std::size_t>& rows) const {
    if (node.arity < 0) return false;
    std::vector<Stats> stats(static_cast<std::size_t>(node.arity));
    for (const std::size_t row : rows) {
      const std::size_t place =
          row * rows_.attributes.size() + static_cast<std::size_t>(node.feature);
      const double weight = rows_.weights.empty() ? 1.0 : rows_.weights[row];
      const double target = tree_ == 0
                                ? rows_.labels[row]
                                : Target(Loss::kSquared, rows_.labels[row], predictions_[row]);
      stats[static_cast<std::size_t>(rows_.features[place])].Add(target, weight, 1.0);
    }
    std::vector<double> means;
    for (const Stats& category : stats) {
      if (category.count > 0.0) means.push_back(category.Mean());
    }
    std::sort(means.begin(), means.end());
    for (std::size_t i = 1; i < means.size(); ++i) {
      if (means[i] - means[i - 1] <= kTied * spread_ + noise_) return true;
    }
    return false;
  }

  void AddPredictions() {
    const std::size_t d = rows_.attributes.size();
    const Tree& tree = theirs_.trees()[tree_];
    for (std::size_t row = 0; row < predictions_.size(); ++row) {
      const std::size_t leaf = tree.Leaf(std::span(rows_.features).subspan(row * d, d));
      predictions_[row] += tree.nodes[leaf].prediction * theirs_.weights()[tree_];
    }
  }

  bool SeparateTheSame(const TreeNode& a, const TreeNode& b,
                       const std::vector<std::size_t>& rows) const {
    std::size_t agree = 0;
    for (const std::size_t row : rows) agree += GoesLeft(a, row) == GoesLeft(b, row) ? 1 : 0;
    return agree == rows.size() || agree == 0;
  }

  // `unit` is how large such numbers are in this tree, `noise` what rounding may have put into
  // them.
  void Near(double a, double b, double unit, double noise, const char* what) const {
    EXPECT_LE(std::fabs(a - b), kSame * std::max({unit, std::fabs(a), std::fabs(b)}) + noise)
        << what << " of tree " << tree_ << ": " << a << " and " << b;
  }
  void NearLinear(double a, double b, double factor, const char* what) const {
    Near(a, b, factor * spread_, factor * noise_, what);
  }
  void NearSquare(double a, double b, double factor, const char* what) const {
    Near(a, b, factor * spread_ * spread_, factor * noise_ * (spread_ + noise_), what);
  }

  void Visit(std::size_t our_position, std::size_t their_position,
             const std::vector<std::size_t>& rows) {
    if (met_tie_) return;
    const TreeNode& our = ours_.trees()[tree_].nodes[our_position];
    const TreeNode& their = theirs_.trees()[tree_].nodes[their_position];
    EXPECT_EQ(our.num_rows, their.num_rows);
    EXPECT_EQ(our.stats[0], their.stats[0]) << "weight";
    NearLinear(our.prediction, their.prediction, 1.0, "prediction");
    NearLinear(our.stats[1], their.stats[1], our.stats[0], "sum");
    NearSquare(our.stats[2], their.stats[2], our.stats[0], "sum of squares");
    if (our.is_leaf() && their.is_leaf()) {
      // An impurity of -1 says that no split was allowed; rounding decides at a gain of 0.
      if (our.impurity != -1.0 && their.impurity != -1.0) {
        NearSquare(our.impurity, their.impurity, 1.0, "impurity");
      }
      return;
    }
    const double our_gain = std::max(our.gain, 0.0);
    const double their_gain = std::max(their.gain, 0.0);
    const bool same = SameSplit(our, their) && our.is_leaf() == their.is_leaf();
    if (!same) {
      met_tie_ = true;
      const double tied = kTied * spread_ * spread_ + noise_ * (spread_ + noise_);
      is_order_ = std::fabs(our_gain - their_gain) > tied;
      EXPECT_TRUE(!is_order_ || HasEqualMeans(our, rows) || HasEqualMeans(their, rows))
          << "not a tie: tree " << tree_ << ", node " << our_position << ", gains " << our_gain
          << " and " << their_gain;
      is_idle_ = our.is_leaf() || their.is_leaf();
      is_proved_ = !is_idle_ && SeparateTheSame(our, their, rows);
      return;
    }
    NearSquare(our.gain, their.gain, 1.0, "gain");
    std::vector<std::size_t> left;
    std::vector<std::size_t> right;
    for (const std::size_t row : rows) (GoesLeft(our, row) ? left : right).push_back(row);
    Visit(static_cast<std::size_t>(our.left), static_cast<std::size_t>(their.left), left);
    Visit(static_cast<std::size_t>(our.right), static_cast<std::size_t>(their.right), right);
  }

  const TreeEnsemble& ours_;
  const TreeEnsemble& theirs_;
  const MemoryRows& rows_;
  std::size_t num_trees_;
  std::vector<double> predictions_;  // Of the trees before this one, as the other side has them.
  std::size_t tree_ = 0;
  double spread_ = 0.0;  // The root of the mean square of what the tree learns.
  double noise_ = 0.0;   // That rounding may have put into what it learns.
  bool met_tie_ = false;
  bool is_idle_ = false;
  bool is_order_ = false;
  bool is_proved_ = false;
};

void ExpectSamePredictions(const TreeEnsemble& ours, const TreeEnsemble& theirs,
                           const MemoryRows& rows) {
  const std::size_t n = rows.labels.size();
  std::vector<double> our(n);
  std::vector<double> their(n);
  const MatrixView<const double> view(rows.features.data(), n, rows.attributes.size());
  ours.Predict(view, our);
  theirs.Predict(view, their);
  double largest = 1.0;
  for (const double value : their) largest = std::max(largest, std::fabs(value));
  for (std::size_t row = 0; row < n; ++row) {
    EXPECT_NEAR(our[row], their[row], 1e-9 * largest) << "row " << row;
  }
}

int NumSeeds() {
  const char* text = std::getenv("FIRESTEEL_FUZZ_SEEDS");
  return text == nullptr ? 3000 : std::atoi(text);
}

TEST(GbtFuzz, CellsGiveTheTreesOfRows) {
  int num_ties = 0;
  int num_proved = 0;
  int num_idle = 0;
  int num_order = 0;
  int num_walked = 0;  // Forests in which rounding may matter.
  const int num_seeds = NumSeeds();
  for (int seed = 1; seed <= num_seeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Case made = DrawCase(static_cast<std::uint64_t>(seed));
    const MemoryRows shuffled = Shuffled(made.rows, static_cast<std::uint64_t>(seed));
    const TreeEnsemble ours = TrainOnCells(made.rows, made.parameters);
    // Cells don't know the order of rows.
    EXPECT_EQ(FirstDifference(ours, TrainOnCells(shuffled, made.parameters, 3)), std::nullopt);

    for (const MemoryRows* rows : {&made.rows, &shuffled}) {
      const TreeEnsemble theirs = TrainGbtPlain(*rows, made.parameters);
      ASSERT_EQ(ours.trees().size(), theirs.trees().size());
      EXPECT_EQ(ours.weights(), theirs.weights());
      if (made.whole_labels) {
        // Whole numbers add up exactly in any order: the first tree, and with the absolute loss,
        // which teaches -1 and 1, all trees.
        const auto first = [](const TreeEnsemble& forest) {
          return TreeEnsemble({forest.trees()[0]}, {1.0}, forest.num_features());
        };
        EXPECT_EQ(FirstDifference(first(ours), first(theirs)), std::nullopt);
        if (made.parameters.loss == Loss::kAbsolute) {
          EXPECT_EQ(FirstDifference(ours, theirs), std::nullopt);
          continue;
        }
      }
      // A fraction that a leaf predicts exactly is above or below it as rounding has it, and the
      // absolute loss makes -1 or 1 of that.
      const bool jumps = made.parameters.loss == Loss::kAbsolute;
      Walk walk(ours, theirs, *rows, jumps ? 1 : ours.trees().size());
      walk.Run();
      ++num_walked;
      if (jumps) continue;
      if (walk.met_tie()) {
        ++num_ties;
        num_proved += walk.is_proved() ? 1 : 0;
        num_idle += walk.is_idle() ? 1 : 0;
        num_order += walk.is_order() ? 1 : 0;
      } else {
        ExpectSamePredictions(ours, theirs, *rows);
      }
    }
    if (::testing::Test::HasFailure()) break;
  }
  std::printf(
      "%d forests walked, %d ties: %d of splits that separate the same rows, %d of a split that "
      "gains nothing with none, %d of the order of categories\n",
      num_walked, num_ties, num_proved, num_idle, num_order);
  RecordProperty("ties", num_ties);
}

MemoryRows ManyRows(std::size_t num_rows) {
  Drawing draw(11);
  MemoryRows rows = {.attributes = std::vector<Attribute>(8), .features = {}, .labels = {}};
  rows.attributes[7].kind = Attribute::Kind::kBinary;
  for (std::size_t row = 0; row < num_rows; ++row) {
    double label = draw.Real();
    for (std::size_t feature = 0; feature < 7; ++feature) {
      rows.features.push_back(draw.Real());
      label += rows.features.back() * static_cast<double>(feature);
    }
    rows.features.push_back(static_cast<double>(draw.Below(2)));
    rows.labels.push_back(label);
  }
  return rows;
}

TEST(GbtThreads, AnyNumberGivesTheSameBits) {
  // So many rows that the work is shared out.
  const MemoryRows rows = ManyRows(30'000);
  for (const GbtParameters& parameters :
       std::vector<GbtParameters>{{.max_iter = 3, .max_depth = 6},
                                  {.max_iter = 3, .max_depth = 6, .loss = Loss::kAbsolute},
                                  {.max_iter = 2,
                                   .max_bins = 300,
                                   .subsampling_rate = 0.7,
                                   .feature_subset_strategy = "onethird",
                                   .seed = 3}}) {
    const TreeEnsemble one = TrainOnCells(rows, parameters, 1);
    EXPECT_GT(one.trees()[0].nodes.size(), 20u);
    for (const int num_threads : {2, 5}) {
      EXPECT_EQ(FirstDifference(one, TrainOnCells(rows, parameters, num_threads)), std::nullopt)
          << num_threads << " threads";
    }
  }
}

TEST(GbtThreads, LargeForestsAreThoseOfRows) {
  const MemoryRows rows = ManyRows(5'000);
  const GbtParameters parameters = {.max_iter = 3, .max_depth = 6};
  const TreeEnsemble ours = TrainOnCells(rows, parameters, 2);
  const TreeEnsemble theirs = TrainGbtPlain(rows, parameters);
  Walk walk(ours, theirs, rows, 3);
  walk.Run();
  EXPECT_FALSE(walk.met_tie());
  ExpectSamePredictions(ours, theirs, rows);
}

}  // namespace
}  // namespace firesteel
