#include "learn/gbt/gbt_trainer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "learn/binned_cells.h"
#include "learn/gbt/feature_bins.h"
#include "learn/gbt/feature_subset.h"
#include "learn/gbt/row_sampling.h"
#include "learn/gbt/tree_grower.h"

namespace firesteel {
namespace {

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

  // Takes in the tree that `grower` grew last; returns whether it was worth going on.
  bool Continue(const TreeGrower& grower, double tree_weight) {
    double error = 0.0;
    double weight = 0.0;
    for (std::size_t group = 0; group < cells_.num_groups(); ++group) {
      predictions_[group] += grower.Predict(cells_.group_bins(group)) * tree_weight;
      for (std::size_t cell = cells_.first_cell[group]; cell < cells_.first_cell[group + 1];
           ++cell) {
        const double cell_weight = cells_.weights[cell] * cells_.counts[cell];
        error += ErrorOf(parameters_.loss, cells_.labels[cell], predictions_[group]) * cell_weight;
        weight += cell_weight;
      }
    }
    error /= weight;
    ++num_trees_;
    if (num_trees_ > 1) {
      if (best_error_ - error < parameters_.validation_tol * std::max(error, 0.01)) return false;
      if (!(error < best_error_)) return true;
    }
    best_error_ = error;
    trees_to_keep_ = num_trees_;
    return true;
  }

  std::size_t trees_to_keep() const { return trees_to_keep_; }

 private:
  BinnedCells cells_;
  const GbtParameters& parameters_;
  std::vector<double> predictions_;  // By group.
  std::size_t num_trees_ = 0;
  std::size_t trees_to_keep_ = 0;
  double best_error_ = 0.0;
};

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
    std::vector<Tree> trees;
    std::vector<double> weights;
    bool stopped = false;
    for (int m = 0; m < parameters_.max_iter && !stopped; ++m) {
      // The first tree learns the labels themselves and counts in full. (Spec A.14.)
      const double weight = m == 0 ? 1.0 : parameters_.step_size;
      const auto seed = static_cast<std::int64_t>(static_cast<std::uint64_t>(parameters_.seed) +
                                                  static_cast<std::uint64_t>(m));
      if (sampling_) sampling_->Draw(parameters_.subsampling_rate, seed, sampled_counts_);
      const bool exact = SumGroups(m == 0);
      trees.push_back(grower_.Grow(exact, seed));
      weights.push_back(weight);
      for (std::size_t group = 0; group < predictions_.size(); ++group) {
        predictions_[group] += grower_.leaf_predictions()[group] * weight;
      }
      if (stopping_) stopped = !stopping_->Continue(grower_, weight);
      if (run_.progress) run_.progress(m + 1, parameters_.max_iter);
    }
    if (stopping_) {
      trees.resize(stopping_->trees_to_keep());
      weights.resize(stopping_->trees_to_keep());
    }
    TrainedModel trained;
    trained.facts = Facts(trees.size(), stopped);
    trained.model =
        std::make_unique<TreeEnsemble>(std::move(trees), std::move(weights), features_.size());
    return trained;
  }

 private:
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
};

}  // namespace

TrainedModel TrainGbt(TrainingSource& source, const GbtParameters& parameters,
                      const TrainingRun& run) {
  return Boosting(source, parameters, run).Train();
}

}  // namespace firesteel
