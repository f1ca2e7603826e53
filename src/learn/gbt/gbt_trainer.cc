#include "learn/gbt/gbt_trainer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "learn/binned_cells.h"
#include "learn/checkpoint.h"
#include "learn/gbt/feature_bins.h"
#include "learn/gbt/feature_subset.h"
#include "learn/gbt/row_sampling.h"
#include "learn/gbt/tree_grower.h"
#include "learn/gbt/tree_state.h"
#include "learn/training_state.h"

namespace firesteel {
namespace {

constexpr std::string_view kLearner = "gbt";
// Groups whose sums one task computes; a group's sum is one thread's.
constexpr std::size_t kGroupsPerTask = 8192;
// Sums of whole numbers up to here are exact.
constexpr double kExactLimit = 0x1.0p53;

double TotalWeight(const BinnedCells& cells) {
  double total = 0.0;
  for (std::size_t cell = 0; cell < cells.num_cells(); ++cell) {
    total += cells.weights[cell] * cells.counts[cell];
  }
  return total;
}

// Running predictions of the rows held out, and whether to go on. Source: spec A.14.
class EarlyStopping {
 public:
  EarlyStopping(BinnedCells cells, const GbtParameters& parameters)
      : cells_(std::move(cells)), parameters_(parameters), predictions_(cells_.num_groups(), 0.0) {}

  // What it knows beside the running predictions.
  struct Known {
    std::uint64_t num_trees = 0;
    std::uint64_t trees_to_keep = 0;
    double best_error = 0.0;
  };

  // Takes in the tree that `grower` grew last; returns whether it was worth going on.
  bool Continue(const TreeGrower& grower, double tree_weight) {
    AddTree([&](std::span<const std::uint16_t> bins) { return grower.Predict(bins); }, tree_weight);
    double error = 0.0;
    double weight = 0.0;
    for (std::size_t group = 0; group < cells_.num_groups(); ++group) {
      for (std::size_t cell = cells_.first_cell[group]; cell < cells_.first_cell[group + 1];
           ++cell) {
        const double cell_weight = cells_.weights[cell] * cells_.counts[cell];
        error += ErrorOf(parameters_.loss, cells_.labels[cell], predictions_[group]) * cell_weight;
        weight += cell_weight;
      }
    }
    error /= weight;
    ++known_.num_trees;
    if (known_.num_trees > 1) {
      if (known_.best_error - error < parameters_.validation_tol * std::max(error, 0.01)) {
        return false;
      }
      if (!(error < known_.best_error)) return true;
    }
    known_.best_error = error;
    known_.trees_to_keep = known_.num_trees;
    return true;
  }

  // Adds a tree to the running predictions alone.
  template <typename Prediction>
  void AddTree(const Prediction& prediction, double tree_weight) {
    for (std::size_t group = 0; group < cells_.num_groups(); ++group) {
      predictions_[group] += prediction(cells_.group_bins(group)) * tree_weight;
    }
  }

  const BinnedCells& cells() const { return cells_; }
  const Known& known() const { return known_; }
  void set_known(const Known& known) { known_ = known; }

 private:
  BinnedCells cells_;
  const GbtParameters& parameters_;
  std::vector<double> predictions_;  // By group.
  Known known_;
};

void Add(const BinnedCells& cells, TrainingFingerprint* fingerprint) {
  fingerprint->Add(cells.bins);
  fingerprint->Add(cells.first_cell);
  fingerprint->Add(cells.labels);
  fingerprint->Add(cells.weights);
  fingerprint->Add(cells.counts);
}

class Boosting {
 public:
  Boosting(TrainingSource& source, const GbtParameters& parameters, const TrainingRun& run)
      : source_(source),
        parameters_(parameters),
        run_(run),
        pool_(run.num_threads),
        features_(ChooseBins(source, parameters.max_bins)),
        cells_(GroupCells(source.MakeCells(features_))),
        grower_(cells_, features_, MakeTreeOptions(), pool_),
        predictions_(cells_.num_groups(), 0.0) {
    if (parameters.subsampling_rate < 1.0) {
      sampling_.emplace(source, features_, cells_);
      sampled_counts_.resize(cells_.num_cells());
    }
    if (TrainingSource* held_out = source.held_out()) {
      stopping_.emplace(GroupCells(held_out->MakeCells(features_)), parameters);
    }
  }

  TrainedModel Train() {
    if (run_.checkpoint != nullptr) GoOn();
    for (int m = static_cast<int>(trees_.size()); m < parameters_.max_iter && !stopped_; ++m) {
      const auto seed = static_cast<std::int64_t>(static_cast<std::uint64_t>(parameters_.seed) +
                                                  static_cast<std::uint64_t>(m));
      if (sampling_) sampling_->Draw(parameters_.subsampling_rate, seed, sampled_counts_);
      const bool exact = SumGroups(m == 0);
      trees_.push_back(grower_.Grow(exact, seed));
      const double weight = WeightOf(trees_.size() - 1);
      for (std::size_t group = 0; group < predictions_.size(); ++group) {
        predictions_[group] += grower_.leaf_predictions()[group] * weight;
      }
      if (stopping_) stopped_ = !stopping_->Continue(grower_, weight);
      const bool is_last = stopped_ || m + 1 == parameters_.max_iter;
      if (run_.checkpoint != nullptr && run_.checkpoint->IsDue(is_last)) Save();
      if (run_.progress) run_.progress(m + 1, parameters_.max_iter);
    }
    if (stopping_) trees_.resize(stopping_->known().trees_to_keep);
    std::vector<double> weights;
    for (std::size_t m = 0; m < trees_.size(); ++m) weights.push_back(WeightOf(m));
    TrainedModel trained;
    trained.facts = Facts(trees_.size(), stopped_);
    trained.model =
        std::make_unique<TreeEnsemble>(std::move(trees_), std::move(weights), features_.size());
    return trained;
  }

 private:
  // The first tree learns the labels themselves and counts in full. (Spec A.14.)
  double WeightOf(std::size_t m) const { return m == 0 ? 1.0 : parameters_.step_size; }

  const std::string& Fingerprint() {
    if (!fingerprint_.empty()) return fingerprint_;
    TrainingFingerprint fingerprint;
    fingerprint.Add(parameters_.max_iter);
    fingerprint.Add(parameters_.max_depth);
    fingerprint.Add(parameters_.max_bins);
    fingerprint.Add(parameters_.min_instances_per_node);
    fingerprint.Add(parameters_.min_weight_fraction_per_node);
    fingerprint.Add(parameters_.min_info_gain);
    fingerprint.Add(parameters_.loss);
    fingerprint.Add(parameters_.step_size);
    fingerprint.Add(parameters_.subsampling_rate);
    fingerprint.Add(parameters_.feature_subset_strategy);
    fingerprint.Add(parameters_.max_memory_in_mb);
    fingerprint.Add(parameters_.validation_tol);
    fingerprint.Add(parameters_.seed);
    for (const FeatureBins& feature : features_) {
      fingerprint.Add(feature.arity.value_or(-1));
      fingerprint.Add(feature.thresholds);
    }
    Add(cells_, &fingerprint);
    if (sampling_) fingerprint.Add(sampling_->cell_of_row());
    if (stopping_) Add(stopping_->cells(), &fingerprint);
    fingerprint_ = fingerprint.Result();
    return fingerprint_;
  }

  void Save() {
    StateWriter writer(kLearner, Fingerprint());
    const EarlyStopping::Known known = stopping_ ? stopping_->known() : EarlyStopping::Known();
    writer.Add(stopped_);
    writer.Add(known.num_trees);
    writer.Add(known.trees_to_keep);
    writer.Add(known.best_error);
    writer.Add(std::uint64_t{trees_.size()});
    for (const Tree& tree : trees_) AddTree(tree, &writer);
    run_.checkpoint->Save(writer.Finish(), static_cast<int>(trees_.size()), parameters_.max_iter);
  }

  // Takes up what an earlier run saved, if there is any.
  void GoOn() {
    const std::optional<std::string> bytes = run_.checkpoint->Load();
    if (!bytes) return;
    std::optional<StateReader> reader = StateReader::Open(*bytes, kLearner, Fingerprint());
    if (!reader) return;
    bool stopped = false;
    EarlyStopping::Known known;
    std::uint64_t num_trees = 0;
    reader->Read(stopped);
    reader->Read(known.num_trees);
    reader->Read(known.trees_to_keep);
    reader->Read(known.best_error);
    reader->Read(num_trees);
    std::vector<Tree> trees;
    while (trees.size() < num_trees && reader->is_good()) trees.push_back(ReadTree(&*reader));
    std::vector<TreeOnBins> on_bins;
    for (const Tree& tree : trees) {
      std::optional<TreeOnBins> own = TreeOnBins::Make(tree, features_);
      if (own) on_bins.push_back(std::move(*own));
    }
    if (!reader->is_done() || on_bins.size() != trees.size() ||
        trees.size() > static_cast<std::size_t>(parameters_.max_iter) ||
        known.trees_to_keep > trees.size()) {
      LogUselessState(kLearner);
      return;
    }
    // Tree after tree for each group: the additions of an undisturbed run, in its order.
    const std::size_t num_tasks = (cells_.num_groups() + kGroupsPerTask - 1) / kGroupsPerTask;
    pool_.For(num_tasks, [&](std::size_t task) {
      const std::size_t begin = task * kGroupsPerTask;
      const std::size_t end = std::min(begin + kGroupsPerTask, cells_.num_groups());
      for (std::size_t group = begin; group < end; ++group) {
        for (std::size_t m = 0; m < on_bins.size(); ++m) {
          predictions_[group] += on_bins[m].Predict(cells_.group_bins(group)) * WeightOf(m);
        }
      }
    });
    if (stopping_) {
      for (std::size_t m = 0; m < on_bins.size(); ++m) {
        stopping_->AddTree(
            [&](std::span<const std::uint16_t> bins) { return on_bins[m].Predict(bins); },
            WeightOf(m));
      }
      stopping_->set_known(known);
    }
    stopped_ = stopped;
    LogGoingOn(kLearner, static_cast<int>(trees.size()), parameters_.max_iter);
    trees_ = std::move(trees);
  }

  TreeOptions MakeTreeOptions() const {
    const double min_weight = parameters_.min_weight_fraction_per_node == 0.0
                                  ? 0.0
                                  : parameters_.min_weight_fraction_per_node * TotalWeight(cells_);
    return {.max_depth = parameters_.max_depth,
            .limits = {.min_rows = static_cast<double>(parameters_.min_instances_per_node),
                       .min_weight = min_weight,
                       .min_gain = parameters_.min_info_gain},
            .features_per_node =
                FeatureSubsetSize(parameters_.feature_subset_strategy, features_.size()),
            .max_memory_bytes = static_cast<std::size_t>(parameters_.max_memory_in_mb) << 20,
            .possible_bins = static_cast<std::size_t>(
                std::min<std::int64_t>(parameters_.max_bins, source_.num_rows()))};
  }

  // Sets the groups for the next tree. Returns whether sums of them are free of rounding.
  bool SumGroups(bool is_first) {
    const std::size_t num_tasks = (cells_.num_groups() + kGroupsPerTask - 1) / kGroupsPerTask;
    std::vector<Stats> sums(num_tasks);
    std::vector<char> whole(num_tasks);
    pool_.For(num_tasks, [&](std::size_t task) {
      const std::size_t begin = task * kGroupsPerTask;
      const std::size_t end = std::min(begin + kGroupsPerTask, cells_.num_groups());
      whole[task] = SumGroups(begin, end, is_first, sums[task]) ? 1 : 0;
    });
    const Stats sum = std::accumulate(sums.begin(), sums.end(), Stats());
    // Whole numbers are no larger than their squares, so the sum needs no bound of its own.
    return std::find(whole.begin(), whole.end(), 0) == whole.end() && sum.count < kExactLimit &&
           sum.sum_of_squares < kExactLimit;
  }

  // Returns whether all targets and weights of the groups are whole numbers.
  bool SumGroups(std::size_t begin, std::size_t end, bool is_first, Stats& sum) {
    const std::vector<double>& counts = sampling_ ? sampled_counts_ : cells_.counts;
    bool whole = true;
    for (std::size_t group = begin; group < end; ++group) {
      Stats stats;
      for (std::size_t cell = cells_.first_cell[group]; cell < cells_.first_cell[group + 1];
           ++cell) {
        const double label = cells_.labels[cell];
        const double target =
            is_first ? label : Target(parameters_.loss, label, predictions_[group]);
        stats.Add(target, cells_.weights[cell], counts[cell]);
        whole = whole && target == std::floor(target) &&
                cells_.weights[cell] == std::floor(cells_.weights[cell]);
      }
      grower_.SetGroup(group, stats);
      sum += stats;
    }
    return whole;
  }

  nlohmann::ordered_json Facts(std::size_t num_trees, bool stopped) const {
    const std::int64_t num_rows = source_.num_rows();
    const bool as_rows = sampling_ || static_cast<std::int64_t>(cells_.num_cells()) == num_rows;
    nlohmann::ordered_json facts = {
        {"trained_on", as_rows ? "rows" : "cells"},
        {"num_rows", num_rows},
        {"num_cells", cells_.num_cells()},
        {"num_bin_combinations", cells_.num_groups()},
        {"num_trees", num_trees},
        {"loss", parameters_.loss == Loss::kSquared ? "squared" : "absolute"}};
    if (source_.held_out()) {
      facts["num_held_out_rows"] = source_.held_out()->num_rows();
      facts["stopped_early"] = stopped;
    }
    return facts;
  }

  TrainingSource& source_;
  const GbtParameters& parameters_;
  const TrainingRun& run_;
  ThreadPool pool_;
  std::vector<FeatureBins> features_;
  BinnedCells cells_;
  TreeGrower grower_;
  std::vector<double> predictions_;  // By group.
  std::optional<RowSampling> sampling_;
  std::vector<double> sampled_counts_;  // By cell, of the tree at hand.
  std::optional<EarlyStopping> stopping_;
  std::vector<Tree> trees_;
  bool stopped_ = false;     // Early.
  std::string fingerprint_;  // Empty until it is asked for.
};

}  // namespace

TrainedModel TrainGbt(TrainingSource& source, const GbtParameters& parameters,
                      const TrainingRun& run) {
  return Boosting(source, parameters, run).Train();
}

}  // namespace firesteel
