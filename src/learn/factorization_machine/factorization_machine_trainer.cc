#include "learn/factorization_machine/factorization_machine_trainer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "learn/checkpoint.h"
#include "learn/factorization_machine/coefficients.h"
#include "learn/factorization_machine/moment_groups.h"
#include "learn/factorization_machine/moments.h"
#include "learn/factorization_machine/row_loss.h"
#include "learn/factorization_machine/solver.h"
#include "learn/factorization_machine/training_rows.h"
#include "learn/spark_random.h"
#include "learn/training_state.h"

namespace firesteel {
namespace {

constexpr std::string_view kLearner = "factorization_machine";
// Rows that take more are read again in each iteration.
constexpr std::size_t kMaxKeptBytes = std::size_t{2} << 30;
// Moments of more terms are not worth their memory.
constexpr std::size_t kMaxTerms = 4096;
// What the product of an entry and a factor costs, both ways, in products of moments.
constexpr double kEntryCost = 5.0;
// How many groups MomentGroups makes, and how many entries are not 0, before anyone looked.
constexpr double kLikelyGroups = 1000.0;
constexpr double kLikelyDensity = 0.5;
// The sample seed of iteration i is this plus i, whatever the seed. (Spec B.5.)
constexpr std::int64_t kBatchSeed = 42;

bool AllFinite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(),
                     [](double value) { return std::isfinite(value); });
}

bool AllNaN(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

// Whether moments take less than going over `num_entries` entries in each iteration.
bool MomentsPay(const FactorizationMachineParameters& parameters, std::size_t num_features,
                double num_groups, double num_entries) {
  if (parameters.mini_batch_fraction < 1.0) return false;
  const std::size_t num_terms = Moments::NumTerms(num_features);
  if (num_terms > kMaxTerms) return false;
  const double square = static_cast<double>(num_terms) * static_cast<double>(num_terms);
  const double num_iterations = parameters.max_iter;
  return num_groups * square / 2.0 + num_iterations * square <
         num_iterations * num_entries * parameters.factor_size * kEntryCost;
}

// Turns a machine for (x - mean) * factor into one for x. With r and q the scaled terms,
//   q_ij (x_i - m_i) (x_j - m_j) = q_ij x_i x_j - q_ij m_j x_i - q_ij m_i x_j + q_ij m_i m_j.
void FoldScaling(const FeatureScaling& scaling, FactorizationMachine::Parameters* machine) {
  const std::size_t d = machine->linear.size();
  const std::size_t k = machine->factor_size;
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t f = 0; f < k; ++f) machine->factors[i * k + f] *= scaling.factors[i];
    machine->linear[i] *= scaling.factors[i];
    machine->bias -= machine->linear[i] * scaling.means[i];
  }
  const std::vector<double>& v = machine->factors;
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = i + 1; j < d; ++j) {
      double q = 0.0;
      for (std::size_t f = 0; f < k; ++f) q += v[i * k + f] * v[j * k + f];
      machine->linear[i] -= q * scaling.means[j];
      machine->linear[j] -= q * scaling.means[i];
      machine->bias += q * scaling.means[i] * scaling.means[j];
    }
  }
}

class Training {
 public:
  Training(TrainingSource& source, const FactorizationMachineParameters& parameters,
           const TrainingRun& run)
      : parameters_(parameters),
        run_(run),
        pool_(run.num_threads),
        source_(source),
        layout_{.num_features = source.attributes().size(),
                .factor_size = static_cast<std::size_t>(parameters.factor_size),
                .has_linear = parameters.fit_linear,
                .has_intercept = parameters.fit_intercept},
        solver_(parameters, layout_.size()),
        coefficients_(InitialCoefficients(layout_, parameters.init_std, parameters.seed)),
        gradient_(layout_.size()) {
    const std::size_t d = layout_.num_features;
    if (d == 0) {
      throw Error(ErrorKind::kInvalidArgument,
                  "factorization_machine: the rows have no feature; at least one is needed");
    }
    const auto num_rows = static_cast<double>(source.num_rows());
    if (MomentsPay(parameters, d, std::min(num_rows, kLikelyGroups),
                   num_rows * static_cast<double>(d) * kLikelyDensity)) {
      TakeMomentGroups();
    }
    if (moments_) return;
    GatherAll();
    if (parameters.standardize) {
      scaling_ = MeasureScaling(*rows_);
      rows_->Scale(*scaling_);
    }
    if (MomentsPay(parameters, d, static_cast<double>(rows_->num_groups()), rows_->num_entries())) {
      moments_.emplace(*rows_, pool_);
    }
  }

  TrainedModel Train() {
    if (run_.checkpoint != nullptr) GoOn();
    for (int i = num_done_ + 1; i <= parameters_.max_iter && !converged_; ++i) {
      Iterate(i);
      num_done_ = i;
      const bool is_last = converged_ || i == parameters_.max_iter;
      if (run_.checkpoint != nullptr && run_.checkpoint->IsDue(is_last)) Save();
      if (run_.progress) run_.progress(i, parameters_.max_iter);
    }
    FactorizationMachine::Parameters machine = ToMachine(layout_, coefficients_);
    if (scaling_) FoldScaling(*scaling_, &machine);
    auto model = std::make_unique<FactorizationMachine>(std::move(machine));
    TrainedModel trained;
    trained.facts = Facts(*model);
    trained.model = std::move(model);
    return trained;
  }

 private:
  void TakeMomentGroups() {
    const MomentGroups groups(source_);
    may_collapse_ = groups.is_suitable();
    if (!may_collapse_) return;
    if (parameters_.standardize) scaling_ = groups.MeasureScaling();
    moments_.emplace(groups, layout_.num_features, source_.num_rows(),
                     scaling_ ? &*scaling_ : nullptr);
    num_groups_ = static_cast<std::int64_t>(groups.num_groups());
  }

  void GatherAll() {
    if (parameters_.mini_batch_fraction >= 1.0 && may_collapse_) rows_ = GatherGroups(source_);
    is_grouped_ = rows_ != nullptr;
    if (rows_ == nullptr) rows_ = GatherRows(source_, kMaxKeptBytes);
    if (!moments_) num_groups_ = rows_->num_groups();
  }

  // The rows, which moments alone can do without.
  TrainingRows& Rows() {
    if (rows_ == nullptr) {
      GatherAll();
      if (scaling_) rows_->Scale(*scaling_);
    }
    return *rows_;
  }

  void Iterate(int i) {
    const std::optional<double> loss = Loss(i);
    if (i == 1 && run_.checkpoint != nullptr) fingerprint_ = Fingerprint(loss);
    if (!loss) return;
    last_loss_ = loss;
    solver_.Update(i, gradient_, coefficients_);
    converged_ = solver_.HasConverged(coefficients_);
  }

  // The loss of iteration i, and its gradient in gradient_; nothing if no row was drawn.
  std::optional<double> Loss(int i) {
    if (parameters_.mini_batch_fraction >= 1.0) return FullLoss();
    const std::vector<std::size_t> batch =
        SampleRows(static_cast<std::size_t>(source_.num_rows()), parameters_.mini_batch_fraction,
                   kBatchSeed + i);
    if (batch.empty()) return std::nullopt;
    return RowLoss(Rows(), layout_, coefficients_, batch, pool_, gradient_);
  }

  // Of the rows it takes what the first iteration made of them: `loss`, and gradient_.
  std::string Fingerprint(const std::optional<double>& loss) const {
    TrainingFingerprint fingerprint;
    fingerprint.Add(parameters_.factor_size);
    fingerprint.Add(parameters_.fit_intercept);
    fingerprint.Add(parameters_.fit_linear);
    fingerprint.Add(parameters_.reg_param);
    fingerprint.Add(parameters_.mini_batch_fraction);
    fingerprint.Add(parameters_.init_std);
    fingerprint.Add(parameters_.max_iter);
    fingerprint.Add(parameters_.step_size);
    fingerprint.Add(parameters_.tol);
    fingerprint.Add(parameters_.solver);
    fingerprint.Add(parameters_.seed);
    fingerprint.Add(parameters_.standardize);
    fingerprint.Add(source_.num_rows());
    if (scaling_) {
      fingerprint.Add(scaling_->means);
      fingerprint.Add(scaling_->factors);
    }
    if (loss) {
      fingerprint.Add(*loss);
      fingerprint.Add(gradient_);
    }
    return fingerprint.Result();
  }

  void Save() {
    StateWriter writer(kLearner, fingerprint_);
    writer.Add(num_done_);
    writer.Add(converged_);
    writer.Add(last_loss_.has_value());
    writer.Add(last_loss_.value_or(0.0));
    writer.Add(coefficients_);
    solver_.Save(&writer);
    run_.checkpoint->Save(writer.Finish(), num_done_, parameters_.max_iter);
  }

  // Takes up what an earlier run saved, if there is any.
  void GoOn() {
    const std::optional<std::string> bytes = run_.checkpoint->Load();
    if (!bytes) return;
    fingerprint_ = Fingerprint(Loss(1));
    std::optional<StateReader> reader = StateReader::Open(*bytes, kLearner, fingerprint_);
    if (!reader) return;
    int num_done = 0;
    bool converged = false;
    bool has_loss = false;
    double loss = 0.0;
    std::vector<double> coefficients;
    reader->Read(num_done);
    reader->Read(converged);
    reader->Read(has_loss);
    reader->Read(loss);
    reader->Read(coefficients);
    if (coefficients.size() != layout_.size() || num_done < 0 || num_done > parameters_.max_iter ||
        !solver_.Restore(&*reader)) {
      LogUselessState(kLearner);
      return;
    }
    LogGoingOn(kLearner, num_done, parameters_.max_iter);
    num_done_ = num_done;
    converged_ = converged;
    if (has_loss) last_loss_ = loss;
    coefficients_ = std::move(coefficients);
  }

  double FullLoss() {
    if (moments_ && AllFinite(coefficients_)) {
      const double loss = moments_->Loss(layout_, coefficients_, gradient_);
      if (AllFinite(gradient_)) return loss;
    }
    // What is NaN stays NaN, whatever it is updated with.
    if (AllNaN(coefficients_)) {
      std::copy(coefficients_.begin(), coefficients_.end(), gradient_.begin());
      return coefficients_.front();
    }
    return RowLoss(Rows(), layout_, coefficients_, std::nullopt, pool_, gradient_);
  }

  nlohmann::ordered_json Facts(const FactorizationMachine& model) const {
    const char* const trained_on = moments_ ? "moments" : is_grouped_ ? "groups" : "rows";
    nlohmann::ordered_json facts = {{"trained_on", trained_on},
                                    {"num_rows", source_.num_rows()},
                                    {"num_groups", num_groups_},
                                    {"num_iterations", solver_.num_updates()},
                                    {"converged", converged_}};
    if (last_loss_ && std::isfinite(*last_loss_)) facts["last_loss"] = *last_loss_;
    facts["diverged"] = !model.is_finite();
    return facts;
  }

  const FactorizationMachineParameters& parameters_;
  const TrainingRun& run_;
  ThreadPool pool_;
  TrainingSource& source_;
  CoefficientLayout layout_;
  Solver solver_;
  std::vector<double> coefficients_;
  std::vector<double> gradient_;
  std::unique_ptr<TrainingRows> rows_;  // Null as long as moments do.
  bool may_collapse_ = true;            // For all that is known.
  bool is_grouped_ = false;
  std::int64_t num_groups_ = 0;
  std::optional<FeatureScaling> scaling_;
  std::optional<Moments> moments_;
  std::optional<double> last_loss_;
  bool converged_ = false;
  int num_done_ = 0;         // Iterations.
  std::string fingerprint_;  // Empty before the first iteration, and without a checkpoint.
};

}  // namespace

TrainedModel TrainFactorizationMachine(TrainingSource& source,
                                       const FactorizationMachineParameters& parameters,
                                       const TrainingRun& run) {
  return Training(source, parameters, run).Train();
}

}  // namespace firesteel
