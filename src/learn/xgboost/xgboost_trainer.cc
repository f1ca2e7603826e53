#include "learn/xgboost/xgboost_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "learn/checkpoint.h"
#include "learn/training_state.h"
#include "learn/xgboost/training_rows.h"
#include "learn/xgboost/xgboost_library.h"
#include "model/xgboost_model.h"

namespace firesteel {
namespace {

constexpr std::string_view kLearner = "xgboost";
// Values of features that make one more thread worth its while.
constexpr std::size_t kValuesPerThread = std::size_t{1} << 17;

// Names that XGBoost's Python package takes: all different and without brackets and angles.
std::vector<std::string> FeatureNames(const std::vector<Attribute>& attributes) {
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    std::string name = attributes[i].name.value_or("");
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '[' || c == ']' || c == '<'; }, '_');
    if (name.empty() || taken.contains(name)) name = fmt::format("f{}", i);
    while (!taken.insert(name).second) name += '_';
    names.push_back(std::move(name));
  }
  return names;
}

std::unique_ptr<XgboostMatrix> MakeMatrix(const XgboostRows& rows, int num_threads) {
  return std::make_unique<XgboostMatrix>(XgboostMatrix::Rows{.features = rows.features,
                                                             .num_features = rows.num_features,
                                                             .labels = rows.labels,
                                                             .weights = rows.weights},
                                         num_threads);
}

// The best iteration so far. Source: the class EarlyStopping of XGBoost's Python package; every
// metric that is known here is the better the smaller.
struct Watch {
  std::unique_ptr<XgboostMatrix> matrix;
  std::int64_t num_rows = 0;
  std::string metric = {};
  int best_iteration = 0;
  double best_score = 0.0;
  bool stopped = false;
};

void Add(const XgboostRows& rows, TrainingFingerprint* fingerprint) {
  fingerprint->Add(rows.num_features);
  fingerprint->Add(rows.features);
  fingerprint->Add(rows.labels);
  fingerprint->Add(rows.weights);
}

// A booster and what early stopping knows, kept in a checkpoint between iterations.
class SavedBoosting {
 public:
  // Without a checkpoint nothing is saved.
  SavedBoosting(Checkpoint* checkpoint, std::string fingerprint, int total)
      : checkpoint_(checkpoint), fingerprint_(std::move(fingerprint)), total_(total) {}

  void SaveIfDue(int num_iterations, const Watch& watch, XgboostBooster* booster) const {
    const bool is_last = watch.stopped || num_iterations == total_;
    if (checkpoint_ == nullptr || !checkpoint_->IsDue(is_last)) return;
    StateWriter writer(kLearner, fingerprint_);
    writer.Add(num_iterations);
    writer.Add(std::string_view(watch.metric));
    writer.Add(watch.best_iteration);
    writer.Add(watch.best_score);
    writer.Add(watch.stopped);
    writer.Add(std::string_view(booster->Save()));
    checkpoint_->Save(writer.Finish(), num_iterations, total_);
  }

  struct Loaded {
    int num_iterations = 0;
    std::string model;  // Of no meaning without iterations.
  };
  // What an earlier run saved, if there is any, and into `watch` what early stopping knew.
  Loaded Load(Watch* watch) const {
    Loaded loaded;
    if (checkpoint_ == nullptr) return loaded;
    const std::optional<std::string> bytes = checkpoint_->Load();
    if (!bytes) return loaded;
    std::optional<StateReader> reader = StateReader::Open(*bytes, kLearner, fingerprint_);
    if (!reader) return loaded;
    std::string metric;
    int best_iteration = 0;
    double best_score = 0.0;
    bool stopped = false;
    reader->Read(loaded.num_iterations);
    reader->Read(metric);
    reader->Read(best_iteration);
    reader->Read(best_score);
    reader->Read(stopped);
    reader->Read(loaded.model);
    if (!reader->is_done() || loaded.num_iterations < 1 || loaded.num_iterations > total_) {
      LogUselessState(kLearner);
      return {};
    }
    watch->metric = std::move(metric);
    watch->best_iteration = best_iteration;
    watch->best_score = best_score;
    watch->stopped = stopped;
    LogGoingOn(kLearner, loaded.num_iterations, total_);
    return loaded;
  }

 private:
  Checkpoint* checkpoint_;
  std::string fingerprint_;
  int total_;
};

TrainingSource* WatchedSource(TrainingSource& source, const TrainingRun& run) {
  TrainingSource* watched = source.held_out();
  if (watched == nullptr) watched = run.validation;
  if (watched == nullptr) {
    throw Error(ErrorKind::kInvalidArgument,
                "xgboost: early_stopping_rounds needs a validation part to watch, or "
                "validation_indicator_col; leave it out");
  }
  return watched;
}

}  // namespace

TrainedModel TrainXgboost(TrainingSource& source, const XgboostParameters& parameters,
                          const TrainingRun& run) {
  const std::vector<Attribute>& attributes = source.attributes();
  if (attributes.empty()) {
    throw Error(ErrorKind::kInvalidArgument, "xgboost: there is no feature to learn from");
  }
  XgboostBooster::Parameters settings = parameters.own;
  if (!parameters.monotone_constraints.is_null()) {
    settings.emplace_back("monotone_constraints",
                          MonotoneConstraints(parameters.monotone_constraints, attributes));
  }
  if (!parameters.interaction_constraints.is_null()) {
    settings.emplace_back("interaction_constraints",
                          InteractionConstraints(parameters.interaction_constraints, attributes));
  }

  // The random numbers are the library's, and so is their state.
  const bool draws = parameters.subsample < 1.0 || parameters.draws_features;
  Checkpoint* const checkpoint = draws ? nullptr : run.checkpoint;
  TrainingFingerprint fingerprint;
  XgboostRowMaker maker(source, parameters);
  Watch watch;
  std::unique_ptr<XgboostMatrix> training;
  std::size_t num_trained = 0;
  int num_threads = 1;
  {
    const XgboostRows rows = maker.Training();
    num_trained = rows.labels.size();
    if (checkpoint != nullptr) Add(rows, &fingerprint);
    num_threads = static_cast<int>(std::clamp(
        rows.features.size() / kValuesPerThread, std::size_t{1},
        static_cast<std::size_t>(std::max(1, parameters.nthread.value_or(run.num_threads)))));
    training = MakeMatrix(rows, num_threads);
  }
  std::vector<const XgboostMatrix*> matrices = {training.get()};
  if (parameters.early_stopping_rounds > 0) {
    TrainingSource* watched = WatchedSource(source, run);
    const XgboostRows rows = maker.Watched(*watched);
    if (checkpoint != nullptr) Add(rows, &fingerprint);
    watch.matrix = MakeMatrix(rows, num_threads);
    watch.num_rows = watched->num_rows();
    matrices.push_back(watch.matrix.get());
  }
  for (const auto& [name, value] : settings) {
    fingerprint.Add(std::string_view(name));
    fingerprint.Add(std::string_view(value));
  }
  fingerprint.Add(parameters.n_estimators);
  fingerprint.Add(parameters.early_stopping_rounds);
  settings.emplace_back("nthread", fmt::format("{}", num_threads));

  XgboostBooster booster(matrices, settings);
  const SavedBoosting saved(checkpoint, fingerprint.Result(), parameters.n_estimators);
  const SavedBoosting::Loaded loaded = saved.Load(&watch);
  int num_iterations = loaded.num_iterations;
  if (num_iterations > 0) {
    booster.Load(loaded.model);
    booster.SetParameters(settings);
  }
  while (num_iterations < parameters.n_estimators && !watch.stopped) {
    booster.Update(num_iterations, *training);
    if (watch.matrix != nullptr) {
      const auto [metric, score] = booster.Evaluate(num_iterations, *watch.matrix);
      if (num_iterations == 0 || score < watch.best_score) {
        watch.metric = metric;
        watch.best_score = score;
        watch.best_iteration = num_iterations;
      }
      watch.stopped = num_iterations - watch.best_iteration >= parameters.early_stopping_rounds;
    }
    ++num_iterations;
    saved.SaveIfDue(num_iterations, watch, &booster);
    if (run.progress) run.progress(num_iterations, parameters.n_estimators);
  }
  if (watch.matrix != nullptr && watch.best_iteration + 1 < num_iterations) {
    booster.Truncate(watch.best_iteration + 1);
  }
  if (watch.matrix != nullptr) {
    // Names of XGBoost's own.
    booster.SetAttribute("best_iteration", fmt::format("{}", watch.best_iteration));
    booster.SetAttribute("best_score", fmt::format("{}", watch.best_score));
  }
  booster.SetFeatures(FeatureNames(attributes));

  TrainedModel trained;
  auto model = std::make_unique<XgboostModel>(booster.Save());
  trained.facts = {
      {"trained_on", maker.has_cells() && static_cast<std::int64_t>(num_trained) < source.num_rows()
                         ? "cells"
                         : "rows"},
      {"num_rows", source.num_rows()},
      {"num_cells", num_trained},
      {"num_trees", model->trees().size()},
      {"objective", parameters.objective}};
  if (watch.matrix != nullptr) {
    trained.facts["num_watched_rows"] = watch.num_rows;
    trained.facts["eval_metric"] = watch.metric;
    trained.facts["best_iteration"] = watch.best_iteration;
    trained.facts["best_score"] = watch.best_score;
    trained.facts["stopped_early"] = watch.stopped;
  }
  trained.model = std::move(model);
  return trained;
}

}  // namespace firesteel
